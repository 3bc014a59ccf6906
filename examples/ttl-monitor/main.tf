provider "aws" {
  region = var.region

  skip_credentials_validation = var.local_cloud
  skip_metadata_api_check     = var.local_cloud
  s3_use_path_style           = var.local_cloud

  default_tags {
    tags = { application = "collections", environment = var.environment }
  }
}

data "aws_caller_identity" "current" {}

# Conversation sessions: TTL removes a row some time after expires_at, within days.
module "checkpoints" {
  source = "../../modules/ttl-table"

  name      = "collections-checkpoints-${var.environment}"
  hash_key  = { name = "thread_id", type = "S" } # {user_id}#{session_id}
  range_key = { name = "checkpoint_id", type = "S" }
  ttl       = { attribute_name = "expires_at" }

  indexes = {
    user_activity = {
      hash_key  = { name = "user_id", type = "S" }
      range_key = { name = "last_activity", type = "N" }
    }
  }

  deletion_protection = var.deletion_protection
  alarms              = { topic_arns = [aws_sns_topic.alarms.arn] }
}

# Reports, a JSON line a run, for Athena; they have an end too.
module "reports" {
  source = "../../modules/lifecycle-bucket"

  name          = "collections-ttl-reports-${var.environment}-${data.aws_caller_identity.current.account_id}"
  force_destroy = var.force_destroy

  minimum_retention_days = 30

  rules = {
    reports = {
      scope             = { prefix = "ttl-monitor/" }
      expire_after_days = 400
      noncurrent        = { expire_after_days = 30 }
    }
  }
}

resource "aws_sns_topic" "alarms" {
  #checkov:skip=CKV_AWS_26: alarms carry no data of rows; a key of AWS's own would keep CloudWatch from publishing
  name = "collections-alarms-${var.environment}"
}

module "ttl_monitor" {
  source = "../../modules/ttl-monitor"

  name        = "collections-ttl-${var.environment}"
  environment = var.environment
  table       = module.checkpoints.table

  export = { bucket = module.reports.bucket }
  alarms = { topic_arns = [aws_sns_topic.alarms.arn] }
}
