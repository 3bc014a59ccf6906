# A module that can be refused in each way that Terraform has, for the tests of the plans themselves.

terraform {
  required_version = ">= 1.9"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100.0"
    }
  }
}

variable "name" {
  description = "The queue's name."
  type        = string

  validation {
    condition     = can(regex("^[a-z-]+$", var.name))
    error_message = "name must be lower case."
  }
}

variable "wait" {
  description = "How long a reader waits."
  type        = object({ seconds = optional(number, 5) })
  default     = {}
  nullable    = false

  validation {
    condition     = var.wait.seconds > 0 && var.name != "impatient"
    error_message = "wait.seconds must be positive."
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

resource "aws_sqs_queue" "this" {
  name                      = "${var.name}-${data.aws_caller_identity.current.account_id}"
  receive_wait_time_seconds = var.wait.seconds
  tags                      = { partition = data.aws_partition.current.partition }

  lifecycle {
    precondition {
      condition     = var.name != "forbidden"
      error_message = "That name is taken."
    }
  }
}

check "name_is_long" {
  assert {
    condition     = length(var.name) > 3
    error_message = "name is short."
  }
}

output "queue" {
  description = "The queue."
  value       = { name = aws_sqs_queue.this.name, arn = aws_sqs_queue.this.arn }
}
