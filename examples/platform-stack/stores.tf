# Sessions of people: TTL removes a row some time after expires_at, within days.
module "sessions" {
  source = "../../modules/ttl-table"

  name        = "${local.name}-sessions"
  hash_key    = { name = "session_id" } # {user_id}#{session}
  ttl         = { attribute_name = "expires_at" }
  kms_key_arn = local.kms_key_arn

  deletion_protection = var.deletion_protection
  alarms              = local.alarms
}

# Sessions of uploads. The stream tells the cleanup at once when TTL removes one.
module "upload_sessions" {
  source = "../../modules/ttl-table"

  name             = "${local.name}-upload-sessions"
  hash_key         = { name = "uploadSessionId" }
  ttl              = { attribute_name = "ttl" }
  stream_view_type = "OLD_IMAGE"
  kms_key_arn      = local.kms_key_arn

  deletion_protection = var.deletion_protection
  alarms              = local.alarms
}

# Tokens, and the indexes by which they are found, as ActingWeb keeps them; its AWS_DB_PREFIX is the name without `_attributes`.
module "attributes" {
  source = "../../modules/ttl-table"

  name        = "${local.name}_attributes"
  hash_key    = { name = "id" }
  range_key   = { name = "bucket_name" }
  ttl         = { attribute_name = "ttl_timestamp" }
  kms_key_arn = local.kms_key_arn

  deletion_protection = var.deletion_protection
  alarms              = local.alarms
}

# Two systems share this bucket, each under a prefix of its own: uploads/ on their way, projects/ once they belong to a project.
# A delete leaves a version that stays 30 days, so that it can be undone.
module "media" {
  source = "../../modules/lifecycle-bucket"

  name              = "${local.name}-media-${local.account_id}"
  force_destroy     = var.force_destroy
  kms_key_arn       = local.kms_key_arn
  policy_statements = module.upload_cleanup.bucket_policy_statements

  minimum_retention_days = 7

  rules = {
    deleted = {
      scope      = { entire_bucket = true }
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

# What the runs say and do; it has an end too.
module "records" {
  source = "../../modules/lifecycle-bucket"

  name          = "${local.name}-records-${local.account_id}"
  force_destroy = var.force_destroy
  kms_key_arn   = local.kms_key_arn

  minimum_retention_days = 30

  rules = {
    for prefix, days in { "ttl-monitor/" = 400, "upload-cleanup/" = 400, "aws/lambda/" = 90 } : trim(replace(prefix, "/", "-"), "-") => {
      scope                              = { prefix = prefix }
      expire_after_days                  = days
      noncurrent                         = { expire_after_days = 30 }
    }
  }
}

# Work waits here for a container to take it, with a task token and a fence. What no container finishes is told by the state
# machine's heartbeat, so there is no redrive.
resource "aws_sqs_queue" "work" {
  name                       = "${local.name}-work"
  sqs_managed_sse_enabled    = var.customer_key ? null : true
  kms_master_key_id          = local.kms_key_arn
  visibility_timeout_seconds = 60
  message_retention_seconds  = 3600
}

# What makes a container makes its queue of interrupts; here one for each of `containers`.
resource "aws_sqs_queue" "interrupts" {
  for_each = var.containers

  name                      = replace(replace(module.job_claims.interrupt_queue_template, "{projectId}", each.value.project_id), "{userId}", each.value.user_id)
  sqs_managed_sse_enabled   = var.customer_key ? null : true
  kms_master_key_id         = local.kms_key_arn
  message_retention_seconds = 3600
}
