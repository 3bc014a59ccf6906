locals {
  # One table of metrics and dimensions, read by the handler and by the alarms alike.
  emitted    = jsondecode(file("${path.module}/../../lambda_src/soft_delete_purge/metrics.json"))
  namespace  = coalesce(var.metrics_namespace, local.emitted.namespace)
  dimensions = { FunctionName = module.function.identity.function_name }

  # Ours → as it is called in CloudWatch.
  metric_names = merge({ for metric in keys(local.emitted.metrics) : metric => metric }, local.renamed)
  renamed = {
    ItemsProcessed = var.metric_names.items_processed
    ItemsFailed    = var.metric_names.items_failed
    S3FilesDeleted = var.metric_names.s3_files_deleted
    ImagesOrphaned = var.metric_names.images_orphaned
    BricksReturned = var.metric_names.bricks_returned
    Duration       = var.metric_names.duration
  }
  other_names = { for ours, theirs in local.renamed : ours => theirs if ours != theirs }

  packaged_zip = "${path.module}/../../artifacts/soft_delete_purge.zip"
  packaged = {
    path   = local.packaged_zip
    sha256 = try(one(regex("([0-9a-f]{64})  soft_delete_purge[.]zip", file("${path.module}/../../artifacts/SHA256SUMS"))), sha256("not packed"))
    s3     = null
  }

  # A rate tells how often a run comes, and so does the default; of another cron expression the caller may.
  daily            = var.schedule.expression == "cron(0 3 * * ? *)" ? 1440 : null
  interval_minutes = try(coalesce(var.schedule.interval_minutes, module.schedule.interval_minutes, local.daily), null)

  environment = {
    PG_DB_HOST    = var.database.host
    PG_DB_PORT    = tostring(var.database.port)
    PG_DB_NAME    = var.database.name
    PG_DB_USER    = var.database.user
    PG_TLS        = var.database.tls
    PG_CA_FILE    = var.database.ca_bundle
    PG_SECRET_ARN = var.database.secret_arn
    PG_IAM_AUTH   = var.database.iam_auth ? "true" : null

    PLAN                    = local.plan_json
    RETENTION_DAYS          = tostring(var.retention_days)
    MINIMUM_RETENTION_DAYS  = tostring(var.minimum_retention_days)
    BUCKET                  = try(var.bucket.name, null)
    BUCKET_OWNER_ACCOUNT_ID = try(var.bucket.owner_account_id, null)

    BATCH_SIZE             = format("%d", var.limits.max_records_per_run)
    MAX_PURGE_PERCENT      = tostring(var.limits.max_purge_percent)
    MAX_RECORDS_PER_SECOND = tostring(var.limits.max_records_per_second)
    CLOCK_SKEW_S           = tostring(var.limits.clock_skew_s)
    TRANSACTION            = var.transaction

    MAX_ATTEMPTS      = tostring(var.retry.max_attempts)
    DRY_RUN           = tostring(var.dry_run)
    EVENT_NAME        = var.event_name
    CORRELATION_KEY   = var.correlation.key
    METRIC_NAMES      = length(local.other_names) == 0 ? null : jsonencode(local.other_names)
    METRICS_NAMESPACE = local.namespace
  }
  set_environment = { for name, value in local.environment : name => value if value != null }

  # Apart, because they are known only once the queues are there.
  queue_urls = {
    RETRY_QUEUE_URL       = aws_sqs_queue.retry.url
    DEAD_LETTER_QUEUE_URL = module.resting.queue.url
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
  description              = substr("Removes soft-deleted records of ${var.root.table} after ${var.retention_days} days, with what is theirs.", 0, 256)
  tags                     = var.tags
  kms_key_arn              = var.kms_key_arn
  permissions_boundary_arn = var.permissions_boundary_arn

  artifact    = var.artifact == null ? local.packaged : var.artifact
  handler     = "soft_delete_purge.handler.handler"
  statements  = local.statements.purge
  environment = merge(local.set_environment, local.queue_urls)

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
  description              = substr("Runs the purge of ${var.root.table} in ${var.database.name}.", 0, 512)
  tags                     = var.tags
  kms_key_arn              = var.kms_key_arn
  permissions_boundary_arn = var.permissions_boundary_arn

  schedule          = var.schedule
  role_path         = var.function.role_path
  target            = { function = module.function.function }
  dead_letter_queue = module.dead_letters.queue
}

check "aws_can_be_reached" {
  assert {
    condition     = var.function.vpc == null || try(var.function.vpc.aws_by, null) != null
    error_message = "The functions of ${var.name} are in a VPC and call SQS${var.bucket == null ? "" : ", S3"}${var.database.secret_arn == null ? "" : " and Secrets Manager"}: without endpoints for them, or NAT, each run hangs until its timeout. Make them, and say which in function.vpc.aws_by (endpoints or nat)."
  }
}

check "database_can_be_reached" {
  assert {
    condition     = var.function.vpc != null || can(regex("^(localhost|127[.][0-9.]+|::1)$", var.database.host))
    error_message = "The functions of ${var.name} are in no VPC: they reach ${var.database.host} only if the internet does. Give function.vpc subnets and a security group that the database lets in."
  }
}
