locals {
  # One table of metrics and dimensions, read by the handler and by the alarms alike.
  emitted    = jsondecode(file("${path.module}/../../lambda_src/ttl_monitor/metrics.json"))
  namespace  = coalesce(var.metrics_namespace, local.emitted.namespace)
  dimensions = { TableName = var.table.name }
  region     = split(":", var.table.arn)[3]

  packaged_zip = "${path.module}/../../artifacts/ttl_monitor.zip"
  packaged = {
    path   = local.packaged_zip
    sha256 = one(regex("([0-9a-f]{64})  ttl_monitor[.]zip", file("${path.module}/../../artifacts/SHA256SUMS")))
    s3     = null
  }

  # A rate tells how often a run comes; of a cron expression the caller may.
  interval_minutes = var.schedule.interval_minutes == null ? module.schedule.interval_minutes : var.schedule.interval_minutes
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
  description              = substr("Deletes nothing. Reports what DynamoDB's TTL has not removed yet, and what it never will, from ${var.table.name}", 0, 256)
  tags                     = var.tags
  kms_key_arn              = var.kms_key_arn
  permissions_boundary_arn = var.permissions_boundary_arn

  artifact   = var.artifact == null ? local.packaged : var.artifact
  handler    = "ttl_monitor.handler.handler"
  statements = local.statements
  environment = merge(
    {
      CHECKPOINT_TABLE_NAME     = var.table.name
      ENVIRONMENT               = var.environment
      TTL_ATTRIBUTE             = var.table.ttl_attribute
      ITEM_ID_ATTRIBUTE         = coalesce(var.key.item_id_attribute, var.table.hash_key)
      USER_SEPARATOR            = var.key.user_separator
      SCAN_SEGMENTS             = tostring(var.scan.segments)
      SAMPLE_PERCENT            = tostring(var.scan.sample_percent)
      MAX_READ_UNITS_PER_SECOND = tostring(var.scan.max_read_units_per_second)
      METRICS_NAMESPACE         = local.namespace
    },
    var.export == null ? {} : {
      EXPORT_BUCKET = var.export.bucket.name
      EXPORT_PREFIX = var.export.prefix
    },
  )

  function      = var.function
  logs          = { retention_days = var.function.log_retention_days, level = var.function.log_level }
  role_path     = var.function.role_path
  failure_queue = module.dead_letters.queue

  alarms = {
    enabled            = var.alarms.enabled
    topic_arns         = var.alarms.topic_arns
    interval_minutes   = local.interval_minutes
    error_rate_percent = var.thresholds.error_rate_percent
    duration_percent   = var.thresholds.duration_percent
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
  description              = "Runs the TTL monitor of ${var.table.name}."
  tags                     = var.tags
  kms_key_arn              = var.kms_key_arn
  permissions_boundary_arn = var.permissions_boundary_arn

  schedule          = var.schedule
  role_path         = var.function.role_path
  target            = { function = module.function.function }
  dead_letter_queue = module.dead_letters.queue
}
