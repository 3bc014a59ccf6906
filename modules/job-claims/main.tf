data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.id

  # One table of metrics and dimensions, read by the handlers and by the alarms alike.
  emitted    = jsondecode(file("${path.module}/../../lambda_src/job_claims/metrics.json"))
  namespace  = coalesce(var.metrics_namespace, local.emitted.namespace)
  dimensions = { JobClaims = var.name }

  packaged_zip = "${path.module}/../../artifacts/job_claims.zip"
  packaged = {
    path   = local.packaged_zip
    sha256 = try(one(regex("([0-9a-f]{64})  job_claims[.]zip", file("${path.module}/../../artifacts/SHA256SUMS"))), sha256("not packed"))
    s3     = null
  }

  jobs_name          = "${var.name}-active-jobs"
  interruptions_name = "${var.name}-interruptions"

  # As SQS gives it: a plan shows the whole definition, and a queue that is named after its job needs no call to be found.
  queues_url       = "https://sqs.${local.region}.${data.aws_partition.current.dns_suffix}/${local.account_id}"
  dead_letters_url = "${local.queues_url}/${module.dead_letters.queue.name}"

  claims_environment = {
    ACTIVE_JOBS_TABLE         = module.active_jobs.table.name
    ATTRIBUTES                = jsonencode(var.attributes)
    LEASE_SECONDS             = tostring(var.lease_seconds)
    CLOCK_SKEW_SECONDS        = tostring(var.clock_skew_seconds)
    FENCE_RETENTION_DAYS      = tostring(var.fence_retention_days)
    RATE_LIMIT_CLAIMS         = tostring(var.rate_limit.claims)
    RATE_LIMIT_WINDOW_SECONDS = tostring(var.rate_limit.window_seconds)
  }

  records_environment = {
    INTERRUPTIONS_TABLE         = module.interruptions.table.name
    INTERRUPTION_RETENTION_DAYS = tostring(var.interruption_retention_days)
  }

  common_environment = {
    DEPLOYMENT        = var.name
    METRICS_NAMESPACE = local.namespace
  }

  # A queue's name has 80 characters, and the ids that are filled in later need room.
  queue_prefix   = length(var.name) <= 40 ? var.name : "${substr(var.name, 0, 31)}-${substr(sha256(var.name), 0, 8)}"
  queue_template = replace(var.queues.interrupts, "{name}", local.queue_prefix)

  example     = { projectUserId = "PROJECT#USER", threadId = "THREAD", messageId = "MESSAGE", containerId = "CONTAINER", fence = 1 }
  example_key = { projectUserId = local.example.projectUserId }
  owner       = merge(local.example_key, { containerId = local.example.containerId, fence = local.example.fence })

  # One function each: what it is told, what it may be asked, and what it may do (iam.tf).
  functions = {
    check_active_job = {
      description = "Says who works on a key, and whether a message should interrupt that."
      environment = local.claims_environment
      example     = merge(local.example_key, { threadId = local.example.threadId })
    }
    claim_job = {
      description = "Claims a key by one conditional write, with a fence that only grows."
      environment = local.claims_environment
      example     = merge(local.example_key, { threadId = local.example.threadId, messageId = local.example.messageId })
    }
    refresh_claim = {
      description = "Makes the lease longer, for the owner that shows the current fence."
      environment = local.claims_environment
      example     = local.owner
    }
    release_claim = {
      description = "Frees a key, for the owner that shows the current fence, and keeps the fence."
      environment = local.claims_environment
      example     = local.owner
    }
    record_interruption = {
      description = "Records what interrupted a container, each message once."
      environment = local.records_environment
      example     = { messageId = local.example.messageId, interruptedContainer = local.example.containerId, newThreadId = local.example.threadId }
    }
    send_interrupt = {
      description = "Tells a container to stop for newer work."
      environment = { QUEUE_TEMPLATE = local.queue_template }
      example     = merge(local.example_key, { containerId = local.example.containerId, newThreadId = local.example.threadId, messageId = local.example.messageId })
    }
    handle_timeout = {
      description = "Records that a worker died, tells the dead-letter queue, frees its key."
      environment = merge(local.claims_environment, local.records_environment, { DEAD_LETTER_QUEUE_URL = local.dead_letters_url })
      example     = merge(local.owner, { messageId = local.example.messageId, error = "BY_HAND" })
    }
  }

  function_names = { for key in keys(local.functions) : key => "${var.name}-${replace(key, "_", "-")}" }
  # As they will be, so that a plan shows the whole definition and the whole policy.
  function_arns = { for key, function in module.functions : key => function.identity.function_arn }
}

module "active_jobs" {
  source = "../ttl-table"

  name                = local.jobs_name
  tags                = var.tags
  hash_key            = { name = var.attributes.projectUserId }
  ttl                 = { attribute_name = var.attributes.ttl }
  kms_key_arn         = var.kms_key_arn
  deletion_protection = var.tables.deletion_protection
  alarms              = { enabled = var.alarms.enabled, topic_arns = var.alarms.topic_arns, operations = ["GetItem", "UpdateItem"] }
}

module "interruptions" {
  source = "../ttl-table"

  name                = local.interruptions_name
  tags                = var.tags
  hash_key            = { name = "messageId" }
  ttl                 = { attribute_name = "ttl" }
  kms_key_arn         = var.kms_key_arn
  deletion_protection = var.tables.deletion_protection
  alarms              = { enabled = var.alarms.enabled, topic_arns = var.alarms.topic_arns, operations = ["PutItem"] }
}

module "dead_letters" {
  source = "../dead-letter-queue"

  name        = var.name
  tags        = var.tags
  kms_key_arn = var.kms_key_arn
  alarms      = { enabled = var.alarms.enabled, topic_arns = var.alarms.topic_arns }
}

module "functions" {
  source   = "../function"
  for_each = local.functions

  name                     = local.function_names[each.key]
  description              = each.value.description
  tags                     = var.tags
  kms_key_arn              = var.kms_key_arn
  permissions_boundary_arn = var.permissions_boundary_arn

  artifact    = var.artifact == null ? local.packaged : var.artifact
  handler     = "job_claims.handler.${each.key}"
  statements  = local.statements[each.key]
  environment = merge(local.common_environment, each.value.environment)

  function  = var.function
  logs      = { retention_days = var.function.log_retention_days, level = var.function.log_level }
  role_path = var.function.role_path
  # Whoever starts one of these waits for its answer; an event that is queued for one is nobody's to lose, either.
  failure_queue = module.dead_letters.queue

  alarms = {
    enabled            = var.alarms.enabled
    topic_arns         = var.alarms.topic_arns
    interval_minutes   = null # by events
    error_rate_percent = var.alarms.error_rate_percent
    duration_percent   = var.alarms.duration_percent
    silence_hours      = 0 # they run when there is work
  }
}
