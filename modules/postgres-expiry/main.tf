locals {
  by_lambda  = contains(var.run_by, "lambda")
  by_pg_cron = contains(var.run_by, "pg_cron")
  by_systemd = contains(var.run_by, "systemd")

  # One table of metrics and dimensions, read by the handler and by the alarms alike.
  emitted    = jsondecode(file("${path.module}/../../lambda_src/postgres_expiry/metrics.json"))
  namespace  = coalesce(var.metrics_namespace, local.emitted.namespace)
  dimensions = { FunctionName = try(module.function[0].identity.function_name, "") }

  packaged_zip = "${path.module}/../../artifacts/postgres_expiry.zip"
  packaged = {
    path   = local.packaged_zip
    sha256 = try(one(regex("([0-9a-f]{64})  postgres_expiry[.]zip", file("${path.module}/../../artifacts/SHA256SUMS"))), sha256("not packed"))
    s3     = null
  }

  # A rate tells how often a run comes, and so does the default; of another cron expression the caller may.
  daily            = var.schedule.expression == "cron(0 3 * * ? *)" ? 1440 : null
  rate_minutes     = try(module.schedule[0].interval_minutes, null)
  interval_minutes = try(coalesce(var.schedule.interval_minutes, local.rate_minutes, local.daily), null)

  # The rule that a preset stands for; the handler has the same one.
  preset_tables = {
    actingweb = {
      attributes = {
        schema                = var.preset_schema
        table                 = "attributes"
        expiry                = { column = "ttl_timestamp", kind = "epoch_seconds", lifetime_s = null }
        where                 = []
        key                   = ["id", "bucket_name"]
        grace_s               = 0
        batch_size            = 500
        allow_sequential_scan = false
      }
    }
  }
  tables = var.preset == null ? var.tables : local.preset_tables[var.preset]

  # What is left out keeps the handler's default.
  rules_json = jsonencode({
    for name, t in var.tables : name => {
      for key, value in {
        schema                = t.schema
        table                 = t.table
        expiry                = { for k, v in t.expiry : k => v if v != null }
        where                 = length(t.where) == 0 ? null : [for w in t.where : { for k, v in w : k => v if v != null }]
        key                   = length(t.key) == 0 ? null : t.key
        grace_s               = t.grace_s
        batch_size            = t.batch_size
        allow_sequential_scan = t.allow_sequential_scan
      } : key => value if value != null
    }
  })

  # What every way of running it is told.
  settings = {
    PG_DB_HOST = var.database.host
    PG_DB_PORT = tostring(var.database.port)
    PG_DB_NAME = var.database.name
    PG_DB_USER = var.database.user
    PG_TLS     = var.database.tls
    PG_CA_FILE = var.database.ca_bundle

    PRESET        = var.preset
    PRESET_SCHEMA = var.preset == null ? null : var.preset_schema
    LIFETIMES     = var.preset == null ? null : jsonencode(var.lifetimes)
    TABLES        = var.preset == null ? local.rules_json : null

    DRY_RUN             = tostring(var.dry_run)
    MAX_DELETES_PER_RUN = format("%d", var.limits.max_deletes_per_run)
    MAX_ROWS_PER_SECOND = tostring(var.limits.max_rows_per_second)
    LATENCY_TARGET_MS   = tostring(var.limits.latency_target_ms)
    MAX_REPLICA_LAG_S   = tostring(var.limits.max_replica_lag_s)
    CLOCK_SKEW_S        = tostring(var.limits.clock_skew_s)
  }

  environment = merge(local.settings, {
    PG_SECRET_ARN     = var.database.secret_arn
    PG_IAM_AUTH       = var.database.iam_auth ? "true" : null
    METRICS_NAMESPACE = local.namespace
  })
}

module "dead_letters" {
  source = "../dead-letter-queue"
  count  = local.by_lambda ? 1 : 0

  name        = var.name
  tags        = var.tags
  kms_key_arn = var.kms_key_arn
  alarms      = { enabled = var.alarms.enabled, topic_arns = var.alarms.topic_arns }
}

module "function" {
  source = "../function"
  count  = local.by_lambda ? 1 : 0

  name                     = var.name
  description              = substr("Deletes expired rows of ${var.database.name} on ${var.database.host}.", 0, 256)
  tags                     = var.tags
  kms_key_arn              = var.kms_key_arn
  permissions_boundary_arn = var.permissions_boundary_arn

  artifact    = var.artifact == null ? local.packaged : var.artifact
  handler     = "postgres_expiry.handler.handler"
  statements  = local.statements
  environment = { for name, value in local.environment : name => value if value != null }

  function      = var.function
  logs          = { retention_days = var.function.log_retention_days, level = var.function.log_level }
  role_path     = var.function.role_path
  failure_queue = module.dead_letters[0].queue

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
  count  = local.by_lambda ? 1 : 0

  name                     = var.name
  description              = substr("Runs the expiry of ${var.database.name} on ${var.database.host}.", 0, 512)
  tags                     = var.tags
  kms_key_arn              = var.kms_key_arn
  permissions_boundary_arn = var.permissions_boundary_arn

  schedule          = var.schedule
  role_path         = var.function.role_path
  target            = { function = module.function[0].function }
  dead_letter_queue = module.dead_letters[0].queue
}

check "password_can_be_fetched" {
  assert {
    condition     = !local.by_lambda || var.database.secret_arn == null || var.function.vpc == null || try(var.function.vpc.secrets_manager_by, null) != null
    error_message = "The function of ${var.name} is in a VPC and needs a secret: without an interface endpoint for Secrets Manager, or NAT, each run hangs until its timeout. Make one, and say which in function.vpc.secrets_manager_by (endpoint or nat). With iam_auth it calls nobody."
  }
}

check "database_can_be_reached" {
  assert {
    condition     = !local.by_lambda || var.function.vpc != null || can(regex("^(localhost|127[.][0-9.]+|::1)$", var.database.host))
    error_message = "The function of ${var.name} is in no VPC: it reaches ${var.database.host} only if the internet does. Give function.vpc subnets and a security group that the database lets in."
  }
}
