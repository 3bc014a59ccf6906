provider "aws" {
  region = var.region

  skip_credentials_validation = var.local_cloud
  skip_metadata_api_check     = var.local_cloud

  default_tags {
    tags = { application = "agents", environment = var.environment }
  }
}

# Work waits here for a container to take it, with a task token and a fence. What no container finishes is told by the
# state machine's heartbeat, so there is no redrive.
resource "aws_sqs_queue" "work" {
  name                       = "agents-work-${var.environment}"
  sqs_managed_sse_enabled    = true
  visibility_timeout_seconds = 60
  message_retention_seconds  = 3600
}

# What makes a container makes its queue of interrupts; here one for each of `containers`.
resource "aws_sqs_queue" "interrupts" {
  for_each = var.containers

  name                      = replace(replace(module.job_claims.interrupt_queue_template, "{projectId}", each.value.project_id), "{userId}", each.value.user_id)
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 3600
}

resource "aws_sns_topic" "alarms" {
  #checkov:skip=CKV_AWS_26: alarms carry no data of jobs; a key of AWS's own would keep CloudWatch from publishing
  name = "agents-alarms-${var.environment}"
}

module "job_claims" {
  source = "../../modules/job-claims"

  name       = "agents-${var.environment}"
  rate_limit = { claims = var.claims_per_minute, window_seconds = 60 }
  tables     = { deletion_protection = var.deletion_protection }

  state_machine = {
    work_queue = {
      name = aws_sqs_queue.work.name
      arn  = aws_sqs_queue.work.arn
      url  = aws_sqs_queue.work.url
    }
    process_attachments_function_arn = var.process_attachments_function_arn
    interrupt_grace_seconds          = var.interrupt_grace_seconds
  }

  alarms = { topic_arns = [aws_sns_topic.alarms.arn] }
}
