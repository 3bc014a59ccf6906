provider "aws" {
  region = var.region

  skip_credentials_validation = var.local_cloud
  skip_metadata_api_check     = var.local_cloud
  s3_use_path_style           = var.local_cloud

  default_tags {
    tags = { application = var.name, environment = var.environment }
  }
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  name       = "${var.name}-${var.environment}"
  account_id = data.aws_caller_identity.current.account_id

  # What every module takes alike.
  kms_key_arn = one(aws_kms_key.this[*].arn)
  alarms      = { enabled = var.alarms_enabled, topic_arns = [aws_sns_topic.alarms.arn] }
}

# Everything here tells this topic, and nothing else does.
resource "aws_sns_topic" "alarms" {
  #checkov:skip=CKV_AWS_26: alarms carry no data of users; a key that CloudWatch may not use would keep them from being told
  name = "${local.name}-alarms"
}
