data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  suffix    = var.queue.fifo ? ".fifo" : ""
  full_name = "${var.name}-dead-letters"
  # SQS takes 80 characters, the suffix of a FIFO queue included.
  room       = 80 - length(local.suffix)
  short_name = length(local.full_name) <= local.room ? local.full_name : "${substr(local.full_name, 0, local.room - 9)}-${substr(sha256(local.full_name), 0, 8)}"
  queue_name = "${local.short_name}${local.suffix}"
  queue_arn = join(":", [
    "arn", data.aws_partition.current.partition, "sqs", data.aws_region.current.id, data.aws_caller_identity.current.account_id, local.queue_name
  ])
}

resource "aws_sqs_queue" "this" {
  name                       = local.queue_name
  fifo_queue                 = var.queue.fifo
  message_retention_seconds  = var.queue.retention_days * 86400
  visibility_timeout_seconds = var.queue.visibility_timeout_s

  # SSE-SQS and a customer's key exclude each other.
  sqs_managed_sse_enabled = var.kms_key_arn == null ? true : null
  kms_master_key_id       = var.kms_key_arn

  # Written into the queue itself, with its ARN put together here: the queue is never without it.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = local.queue_arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
      [for index, sender in var.senders : {
        Sid       = "Sender${index}"
        Effect    = "Allow"
        Principal = { Service = sender.service }
        Action    = "sqs:SendMessage"
        Resource  = local.queue_arn
        Condition = { ArnEquals = { "aws:SourceArn" = sender.source_arns } }
      }]
    )
  })

  tags = var.tags
}

# A resource of its own, because a source queue names this queue in its redrive policy: in the queue it would be a cycle.
resource "aws_sqs_queue_redrive_allow_policy" "this" {
  queue_url = aws_sqs_queue.this.url
  redrive_allow_policy = jsonencode({
    for key, value in {
      redrivePermission = length(var.source_queue_arns) == 0 ? "denyAll" : "byQueue"
      sourceQueueArns   = length(var.source_queue_arns) == 0 ? null : var.source_queue_arns
    } : key => value if value != null
  })
}
