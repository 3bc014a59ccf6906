# A platform team's own stack: the building blocks, none of the compositions, one key for everything.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100.0"
    }
  }
}

variable "local_cloud" {
  description = "Whether the provider talks to a cloud on this machine."
  type        = bool
}

variable "zip" {
  description = "The team's own packaged handler."
  type        = string
}

provider "aws" {
  skip_credentials_validation = var.local_cloud
  skip_metadata_api_check     = var.local_cloud
  s3_use_path_style           = var.local_cloud
}

data "aws_caller_identity" "current" {}

resource "aws_kms_key" "data" {
  description             = "Encrypts everything of this stack."
  deletion_window_in_days = 7
  enable_key_rotation     = true
}

resource "aws_sns_topic" "alarms" {
  name = "blocks-alarms"
}

module "sessions" {
  source = "../../../modules/ttl-table"

  name                = "blocks-sessions"
  hash_key            = { name = "tenant", type = "B" }
  range_key           = { name = "sequence", type = "N" }
  ttl                 = { attribute_name = "gone_at" }
  stream_view_type    = "NEW_AND_OLD_IMAGES"
  deletion_protection = false
  kms_key_arn         = aws_kms_key.data.arn
  alarms              = { topic_arns = [aws_sns_topic.alarms.arn] }

  billing = {
    provisioned = {
      read  = { min = 5, max = 20 }
      write = { min = 5, max = 10 }
    }
  }

  indexes = {
    by_state = {
      hash_key           = { name = "state" }
      range_key          = { name = "gone_at", type = "N" }
      projection         = "INCLUDE"
      non_key_attributes = ["owner"]
    }
  }
}

module "scratch" {
  source = "../../../modules/lifecycle-bucket"

  name                   = "blocks-scratch-${data.aws_caller_identity.current.account_id}"
  force_destroy          = true
  kms_key_arn            = aws_kms_key.data.arn
  minimum_retention_days = 1

  rules = {
    tmp = {
      scope             = { prefix = "tmp/" }
      expire_after_days = 7
      noncurrent        = { expire_after_days = 3, keep_newest = 2 }
    }
    archive = {
      scope       = { prefix = "archive/", tags = { class = "cold" } }
      transitions = [{ days = 30, storage_class = "STANDARD_IA" }, { days = 90, storage_class = "GLACIER" }]
    }
    uploads = {
      scope                      = { entire_bucket = true }
      abort_multipart_after_days = 2
      expired_delete_markers     = true
    }
  }
}

module "dead_letters" {
  source = "../../../modules/dead-letter-queue"

  name        = "blocks"
  kms_key_arn = aws_kms_key.data.arn
  alarms      = { topic_arns = [aws_sns_topic.alarms.arn] }
}

module "worker" {
  source = "../../../modules/function"

  name        = "blocks-worker"
  description = "Says what it was given."
  artifact    = { path = var.zip }
  handler     = "worker.app.handler"
  environment = { TABLE = module.sessions.table.name }
  kms_key_arn = aws_kms_key.data.arn
  function    = { memory_mb = 192, timeout_s = 5, tracing = true }
  async       = { max_retries = 1 }

  statements = [
    {
      sid       = "ReadSessions"
      actions   = ["dynamodb:GetItem"]
      resources = [module.sessions.table.arn]
    },
    {
      sid       = "ReadKey"
      actions   = ["kms:Decrypt"]
      resources = [aws_kms_key.data.arn]
    },
  ]

  failure_queue = module.dead_letters.queue
  alarms        = { topic_arns = [aws_sns_topic.alarms.arn], silence_hours = 26 }
}

module "nightly" {
  source = "../../../modules/schedule"

  name = "blocks-nightly"
  schedule = {
    expression              = "cron(0 3 * * ? *)"
    time_zone               = "Europe/Berlin"
    flexible_window_minutes = 15
  }
  target            = { function = module.worker.function }
  input_json        = jsonencode({ at = "<aws.scheduler.scheduled-time>", limit = 5 })
  dead_letter_queue = module.dead_letters.queue
}

module "alarms" {
  source = "../../../modules/alarms"

  name       = "blocks"
  topic_arns = [aws_sns_topic.alarms.arn]

  alarms = {
    backlog = {
      description        = "Sessions pile up faster than they go: look at the worker's log."
      threshold          = 10
      period_s           = 60
      evaluation_periods = 3
      metrics = {
        backlog = { expression = "FILL(put, 0) - FILL(gone, 0)", label = "backlog", return_data = true }
        put     = { metric = { namespace = "Blocks", name = "Put", statistic = "Sum" } }
        gone    = { metric = { namespace = "Blocks", name = "Gone", statistic = "Sum" } }
      }
    }
    slow = {
      description = "The slowest of a hundred calls takes over a second: look for throttling."
      threshold   = 1000
      metric      = { namespace = "Blocks", name = "Latency", extended_statistic = "p99" }
    }
  }
}

output "worker" {
  description = "The worker's function."
  value       = module.worker.function
}

output "schedule" {
  description = "The nightly schedule."
  value       = module.nightly.schedule
}

output "queue_url" {
  description = "Where failures wait."
  value       = module.dead_letters.queue.url
}

output "bucket" {
  description = "Name of the bucket."
  value       = module.scratch.bucket.name
}
