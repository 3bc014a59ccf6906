locals {
  # One table of metrics and dimensions, read by the handler and by the alarms alike.
  emitted    = jsondecode(file("${path.module}/../../lambda_src/index_cleanup/metrics.json"))
  namespace  = coalesce(var.metrics_namespace, local.emitted.namespace)
  dimensions = { FunctionName = module.function.identity.function_name }
  region     = split(":", var.table.arn)[3]

  packaged_zip = "${path.module}/../../artifacts/index_cleanup.zip"
  packaged = {
    path   = local.packaged_zip
    sha256 = try(one(regex("([0-9a-f]{64})  index_cleanup[.]zip", file("${path.module}/../../artifacts/SHA256SUMS"))), sha256("not packed"))
    s3     = null
  }

  # A rate tells how often a run comes, and so does the default; of another cron expression the caller may.
  interval_minutes = (
    var.schedule.interval_minutes != null ? var.schedule.interval_minutes :
    var.schedule.expression == "cron(0 3 * * ? *)" ? 1440 : module.schedule.interval_minutes
  )

  # Only what is set: Lambda's environment is small, and the handler's own defaults are those of this module's variables.
  given_rules = {
    for name, rule in var.rules : name => {
      for key, value in merge(rule, {
        for field in ["expires", "linked", "ttl_from", "target_expired", "target_linked", "target_ttl_from"] : field => [
          for entry in rule[field] : { for k, v in entry : k => v if v != null && v != 0 && try(length(v) > 0, true) }
        ]
        }, {
        target = try({ for k, v in rule.target : k => v if v != null && try(length(v) > 0, true) }, null)
      }) : key => value if value != null && value != false && try(length(value) > 0, true)
    }
  }

  environment = {
    TABLE_NAME    = var.table.name
    TTL_ATTRIBUTE = var.table.ttl_attribute
    PRESET        = var.preset
    LIFETIMES     = var.preset == null ? null : jsonencode(var.lifetimes)
    RULES         = var.preset == null ? jsonencode(local.given_rules) : null

    MAX_DELETES_PER_RUN        = tostring(var.limits.max_deletes_per_run)
    MAX_ORPHAN_PERCENT         = tostring(var.limits.max_orphan_percent)
    MAX_WRITE_UNITS_PER_SECOND = tostring(var.limits.max_write_units_per_second)
    THREADS                    = tostring(var.limits.threads)

    DRY_RUN              = tostring(var.dry_run)
    SINGLE_WRITER_REGION = tostring(var.single_writer_region)
    METRICS_NAMESPACE    = local.namespace
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
  description              = substr("Removes index rows whose target is gone, and expired rows with what belongs to them, from ${var.table.name}", 0, 256)
  tags                     = var.tags
  kms_key_arn              = var.kms_key_arn
  permissions_boundary_arn = var.permissions_boundary_arn

  artifact    = var.artifact == null ? local.packaged : var.artifact
  handler     = "index_cleanup.handler.handler"
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
  description              = "Runs the index cleanup of ${var.table.name}."
  tags                     = var.tags
  kms_key_arn              = var.kms_key_arn
  permissions_boundary_arn = var.permissions_boundary_arn

  schedule          = var.schedule
  role_path         = var.function.role_path
  target            = { function = module.function.function }
  dead_letter_queue = module.dead_letters.queue
}
