# A record that failed waits here, longer each time, for its next try; then it rests in the queue of `resting`.
locals {
  here = split(":", module.function.identity.function_arn) # partition, region and account: known before anything is made

  retry_full_name  = "${var.name}-retry"
  retry_queue_name = length(local.retry_full_name) <= 80 ? local.retry_full_name : "${substr(local.retry_full_name, 0, 71)}-${substr(sha256(local.retry_full_name), 0, 8)}"
  retry_queue_arn  = "arn:${local.here[1]}:sqs:${local.here[3]}:${local.here[4]}:${local.retry_queue_name}"
}

resource "aws_sqs_queue" "retry" {
  name                      = local.retry_queue_name
  message_retention_seconds = 14 * 86400
  # As Lambda asks: a message must not come back while the function that has it may still be at work.
  visibility_timeout_seconds = 6 * var.function.timeout_s

  # SSE-SQS and a customer's key exclude each other.
  sqs_managed_sse_enabled = var.kms_key_arn == null ? true : null
  kms_master_key_id       = var.kms_key_arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = local.retry_queue_arn
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  tags = var.tags
}

# Beside the queue and not in it, so that both queues are made at once. Attempts are counted in the database: receives also
# rise when Lambda is throttled, so ten of them only catch what the function never answered for.
resource "aws_sqs_queue_redrive_policy" "retry" {
  queue_url = aws_sqs_queue.retry.url
  redrive_policy = jsonencode({
    deadLetterTargetArn = module.resting.queue.arn
    maxReceiveCount     = 10
  })
}

# Records only: what is moved back from here to the retry queue is always something that can be tried again.
module "resting" {
  source = "../dead-letter-queue"

  name              = "${var.name}-records"
  tags              = var.tags
  kms_key_arn       = var.kms_key_arn
  source_queue_arns = [local.retry_queue_arn]

  alarms = {
    enabled              = var.alarms.enabled
    topic_arns           = var.alarms.topic_arns
    message_count        = var.alarms.dead_letters == 0 ? 0 : var.alarms.dead_letters + 1 # above it, and the alarm goes off at its count
    oldest_message_hours = var.alarms.dead_letter_hours
  }
}

module "retry" {
  source = "../function"

  name                     = "${var.name}-retry"
  description              = substr("Tries records of ${var.root.table} again that could not be purged.", 0, 256)
  tags                     = var.tags
  kms_key_arn              = var.kms_key_arn
  permissions_boundary_arn = var.permissions_boundary_arn

  artifact    = var.artifact == null ? local.packaged : var.artifact
  handler     = "soft_delete_purge.handler.retry"
  statements  = local.statements.retry
  environment = merge(local.set_environment, local.queue_urls)

  function  = var.function
  logs      = { retention_days = var.function.log_retention_days, level = var.function.log_level }
  role_path = var.function.role_path

  alarms = {
    enabled            = var.alarms.enabled
    topic_arns         = var.alarms.topic_arns
    error_rate_percent = var.alarms.error_rate_percent
    duration_percent   = var.alarms.duration_percent
  }
}

resource "aws_lambda_event_source_mapping" "retry" {
  event_source_arn        = aws_sqs_queue.retry.arn
  function_name           = module.retry.function.arn
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]
  # A dry run tries nothing: what waits, waits on.
  enabled = !var.dry_run

  # Each has a connection of its own to the database; two is the least that Lambda takes.
  scaling_config {
    maximum_concurrency = 2
  }

  tags = var.tags

  # Lambda tries the queue before it makes the mapping.
  depends_on = [aws_iam_role_policy.retry_queue]
}

locals {
  # What Lambda does with the role to read the queue; the handler itself reads none.
  retry_grants = concat(
    [{
      sid        = "ReadRetryQueue"
      actions    = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
      resources  = [local.retry_queue_arn]
      conditions = []
      reason     = "Lambda reads the retry queue for the event source mapping, and deletes what is done."
    }],
  )
}

resource "aws_iam_role_policy" "retry_queue" {
  name = "retry-queue"
  role = module.retry.function.role_name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for grant in local.retry_grants : {
      Sid      = grant.sid
      Effect   = "Allow"
      Action   = grant.actions
      Resource = grant.resources
    }]
  })
}
