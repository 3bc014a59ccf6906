locals {
  # One table of metrics and dimensions, read by the handler and by the alarms alike.
  emitted    = jsondecode(file("${path.module}/../../lambda_src/upload_cleanup/metrics.json"))
  namespace  = coalesce(var.metrics_namespace, local.emitted.namespace)
  dimensions = { FunctionName = module.function.identity.function_name }
  region     = split(":", var.table.arn)[3]

  packaged_zip = "${path.module}/../../artifacts/upload_cleanup.zip"
  packaged = {
    path   = local.packaged_zip
    sha256 = try(one(regex("([0-9a-f]{64})  upload_cleanup[.]zip", file("${path.module}/../../artifacts/SHA256SUMS"))), sha256("not packed"))
    s3     = null
  }

  # A rate tells how often a run comes; of a cron expression the caller may.
  interval_minutes = var.schedule.interval_minutes == null ? module.schedule.interval_minutes : var.schedule.interval_minutes

  # Only what is set: the handler's own defaults are those of this module's variables.
  environment = {
    TABLE_NAME              = var.table.name
    BUCKET                  = var.bucket.name
    BUCKET_OWNER_ACCOUNT_ID = var.bucket.owner_account_id
    BUCKET_VERSIONED        = tostring(coalesce(var.bucket.versioned, false))
    ATTRIBUTES              = jsonencode(var.attributes)
    UPLOAD_PREFIX           = var.uploads.prefix
    KEY_PATTERN             = var.uploads.key_pattern

    CLEANUP_AGE_HOURS    = tostring(var.ages.orphan_hours)
    MAX_UPLOAD_HOURS     = tostring(var.ages.max_upload_hours)
    STUCK_HOURS          = tostring(var.ages.stuck_hours)
    PARTIAL_REVIEW_HOURS = tostring(var.ages.partial_review_hours)
    SETTLE_SECONDS       = tostring(var.ages.settle_seconds)

    BATCH_SIZE          = tostring(var.limits.batch_size)
    MAX_DELETES_PER_RUN = tostring(var.limits.max_deletes_per_run)
    MAX_ORPHAN_PERCENT  = tostring(var.limits.max_orphan_percent)
    REQUESTS_PER_SECOND = tostring(var.limits.requests_per_second)
    THREADS             = tostring(var.limits.threads)
    SCAN_SEGMENTS       = tostring(var.limits.scan_segments)

    DRY_RUN                   = tostring(var.dry_run)
    PROTECT_TAG               = var.protect_tag
    RESTORE                   = tostring(var.restore)
    REVIEW_EXPIRED_WITH_PARTS = tostring(var.review_expired_with_parts)
    SINGLE_WRITER_REGION      = tostring(var.single_writer_region)
    PRICE_PER_GB_MONTH        = tostring(var.storage_price_per_gb_month)
    METRICS_NAMESPACE         = local.namespace

    AUDIT_BUCKET  = try(var.audit.bucket.name, null)
    AUDIT_PREFIX  = try(var.audit.prefix, null)
    TWO_SIGHTINGS = try(tostring(var.audit.two_sightings), null)
  }
}

module "dead_letters" {
  source = "../dead-letter-queue"

  name        = var.name
  tags        = var.tags
  kms_key_arn = var.kms_key_arn
  alarms      = { enabled = var.alarms.enabled, topic_arns = var.alarms.topic_arns }
}

module "function" {
  source = "../function"

  name                     = var.name
  description              = "Removes abandoned uploads: expired sessions of ${var.table.name}, their multipart uploads and objects, and orphans in ${var.bucket.name}."
  tags                     = var.tags
  kms_key_arn              = var.kms_key_arn
  permissions_boundary_arn = var.permissions_boundary_arn

  artifact    = var.artifact == null ? local.packaged : var.artifact
  handler     = "upload_cleanup.handler.handler"
  statements  = local.statements
  environment = { for name, value in local.environment : name => value if value != null }

  function      = var.function
  logs          = { retention_days = var.function.log_retention_days, level = var.function.log_level }
  role_path     = var.function.role_path
  failure_queue = module.dead_letters.queue

  alarms = {
    enabled            = var.alarms.enabled
    topic_arns         = var.alarms.topic_arns
    interval_minutes   = local.interval_minutes
    error_rate_percent = var.alarms.error_rate_percent
    duration_percent   = var.alarms.duration_percent
    silence_hours      = var.schedule.enabled ? var.alarms.silence_hours : 0
    # The last thing that a run emits: a function that times out each time is invoked all the same.
    silence_metric = {
      namespace  = local.namespace
      name       = "RunsCompleted"
      dimensions = local.dimensions
    }
  }
}

module "schedule" {
  source = "../schedule"

  name                     = var.name
  description              = "Runs the upload cleanup of ${var.bucket.name}."
  tags                     = var.tags
  kms_key_arn              = var.kms_key_arn
  permissions_boundary_arn = var.permissions_boundary_arn

  schedule          = var.schedule
  role_path         = var.function.role_path
  target            = { function = module.function.function }
  dead_letter_queue = module.dead_letters.queue
}
