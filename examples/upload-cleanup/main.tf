provider "aws" {
  region = var.region

  skip_credentials_validation = var.local_cloud
  skip_metadata_api_check     = var.local_cloud
  s3_use_path_style           = var.local_cloud

  default_tags {
    tags = { application = "video-upload", environment = var.environment }
  }
}

data "aws_caller_identity" "current" {}

# Upload sessions. The stream tells the cleanup at once when TTL removes one.
module "sessions" {
  source = "../../modules/ttl-table"

  name             = "upload-sessions-${var.environment}"
  hash_key         = { name = "uploadSessionId", type = "S" }
  ttl              = { attribute_name = "ttl" }
  stream_view_type = "OLD_IMAGE"

  deletion_protection = var.deletion_protection
  alarms              = { topic_arns = [aws_sns_topic.alarms.arn] }
}

# The uploads, under uploads/YYYY-MM-DD/{session}.{ext}. A delete leaves a version that stays 30 days, so that it can be undone.
module "uploads" {
  source = "../../modules/lifecycle-bucket"

  name              = "video-uploads-${var.environment}-${data.aws_caller_identity.current.account_id}"
  force_destroy     = var.force_destroy
  policy_statements = module.upload_cleanup.bucket_policy_statements

  minimum_retention_days = 7

  rules = {
    deleted = {
      scope      = { prefix = "uploads/" }
      noncurrent = { expire_after_days = 30 }
    }
    # The net below the cleanup: it knows no sessions, only days.
    incomplete = {
      scope                      = { prefix = "uploads/" }
      abort_multipart_after_days = 7
      expired_delete_markers     = true
    }
  }
}

# What every run did, and was about to do.
module "audit" {
  source = "../../modules/lifecycle-bucket"

  name          = "video-upload-audit-${var.environment}-${data.aws_caller_identity.current.account_id}"
  force_destroy = var.force_destroy

  minimum_retention_days = 30

  rules = {
    trail = {
      scope             = { prefix = "upload-cleanup/" }
      expire_after_days = 400
      noncurrent        = { expire_after_days = 30 }
    }
    stream = {
      scope             = { prefix = "aws/lambda/" }
      expire_after_days = 90
      noncurrent        = { expire_after_days = 30 }
    }
  }
}

resource "aws_sns_topic" "alarms" {
  #checkov:skip=CKV_AWS_26: alarms carry no data of uploads; a key of AWS's own would keep CloudWatch from publishing
  name = "video-upload-alarms-${var.environment}"
}

module "upload_cleanup" {
  source = "../../modules/upload-cleanup"

  name   = "video-upload-cleanup-${var.environment}"
  table  = module.sessions.table
  bucket = module.uploads.bucket
  audit  = { bucket = module.audit.bucket, two_sightings = var.two_sightings }

  dry_run        = var.dry_run
  limits         = { max_deletes_per_run = var.max_deletes_per_run }
  protect_tag    = "keep"
  stream_cleanup = true
  restore        = true

  alarms = { topic_arns = [aws_sns_topic.alarms.arn] }
}
