# TTL's own removals, and nothing else, come here from the table's stream.
resource "aws_lambda_event_source_mapping" "removed_by_ttl" {
  count = var.stream_cleanup ? 1 : 0

  event_source_arn  = var.table.stream_arn
  function_name     = module.function.function.arn
  starting_position = "TRIM_HORIZON" # nothing is missed between the table and this mapping; the stream keeps a day
  batch_size        = 100

  # The oldest record is given up after six hours; the schedule finds by then what it left.
  maximum_retry_attempts             = 3
  maximum_record_age_in_seconds      = 21600
  bisect_batch_on_function_error     = true
  function_response_types            = ["ReportBatchItemFailures"]
  parallelization_factor             = 1
  maximum_batching_window_in_seconds = 0

  filter_criteria {
    filter {
      pattern = jsonencode({
        eventName    = ["REMOVE"]
        userIdentity = { type = ["Service"], principalId = ["dynamodb.amazonaws.com"] }
      })
    }
  }

  destination_config {
    on_failure {
      destination_arn = local.stream_failures.arn
    }
  }

  tags = var.tags

  # Lambda tries the stream and the destination before it makes the mapping.
  depends_on = [aws_iam_role_policy.stream]
}

locals {
  # With an audit bucket the records themselves are kept there; a queue holds positions in the stream only, for a day.
  stream_failures = var.audit == null ? {
    arn      = module.dead_letters.queue.arn
    location = module.dead_letters.queue.url
    } : {
    arn      = var.audit.bucket.arn
    location = "s3://${var.audit.bucket.name}/aws/lambda/"
  }

  # What Lambda does with the role to read the stream; the handler itself reads none.
  stream_grants = concat(
    !var.stream_cleanup ? [] : [
      {
        sid        = "ReadStream"
        actions    = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
        resources  = [var.table.stream_arn]
        conditions = []
        reason     = "Lambda reads the table's stream for the event source mapping."
      },
    ],
    !var.stream_cleanup ? [] : [
      {
        sid        = "ListStreams"
        actions    = ["dynamodb:ListStreams"]
        resources  = ["${var.table.arn}/stream/*"]
        conditions = []
        reason     = "Lambda looks which streams the table has."
      },
    ],
    !var.stream_cleanup || var.audit == null ? [] : [
      {
        sid        = "StreamFailures"
        actions    = ["s3:PutObject"]
        resources  = ["${try(var.audit.bucket.arn, "")}/aws/lambda/*"]
        conditions = []
        reason     = "Lambda leaves there the records that it gave up on."
      },
    ],
    !var.stream_cleanup || var.audit == null ? [] : [
      {
        sid        = "StreamFailureBucket"
        actions    = ["s3:ListBucket"]
        resources  = [try(var.audit.bucket.arn, "")]
        conditions = []
        reason     = "Lambda asks for it beside s3:PutObject, on a bucket that failures go to."
      },
    ],
    !var.stream_cleanup || try(var.audit.bucket.kms_key_arn, null) == null ? [] : [
      {
        sid        = "StreamFailureKey"
        actions    = ["kms:GenerateDataKey"]
        resources  = [try(var.audit.bucket.kms_key_arn, "")]
        conditions = []
        reason     = "The bucket that failures go to is encrypted with a customer's key."
      },
    ],
  )
}

resource "aws_iam_role_policy" "stream" {
  count = var.stream_cleanup ? 1 : 0

  name = "stream"
  role = module.function.function.role_name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for grant in local.stream_grants : {
      Sid      = grant.sid
      Effect   = "Allow"
      Action   = grant.actions
      Resource = grant.resources
    }]
  })
}
