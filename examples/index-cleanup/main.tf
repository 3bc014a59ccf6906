provider "aws" {
  region = var.region

  skip_credentials_validation = var.local_cloud
  skip_metadata_api_check     = var.local_cloud

  default_tags {
    tags = { application = "actingweb", prefix = var.prefix }
  }
}

# The attributes of every actor, and the library's own indexes. ActingWeb finds the table by AWS_DB_PREFIX.
module "attributes" {
  source = "../../modules/ttl-table"

  name      = "${var.prefix}_attributes"
  hash_key  = { name = "id", type = "S" }
  range_key = { name = "bucket_name", type = "S" }
  ttl       = { attribute_name = "ttl_timestamp", enabled = var.ttl_enabled }

  deletion_protection = var.deletion_protection
  alarms              = { enabled = var.alarms_enabled, topic_arns = [aws_sns_topic.alarms.arn] }
}

resource "aws_sns_topic" "alarms" {
  #checkov:skip=CKV_AWS_26: alarms carry no data of rows; a key of AWS's own would keep CloudWatch from publishing
  name = "${var.prefix}-alarms"
}

module "index_cleanup" {
  source = "../../modules/index-cleanup"

  name   = "${var.prefix}-cleanup"
  table  = module.attributes.table
  preset = "actingweb"

  dry_run         = var.dry_run
  backfill        = var.backfill
  limits          = { max_deletes_per_run = var.max_deletes_per_run }
  schedule        = { enabled = var.cleanup_enabled }
  application_log = var.application_log_group_name == null ? null : { log_group_name = var.application_log_group_name }

  alarms = { enabled = var.alarms_enabled, topic_arns = [aws_sns_topic.alarms.arn] }
}
