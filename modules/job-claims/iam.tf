locals {
  # What each handler calls, and nothing else: one role a function. Where a table has a customer's key, DynamoDB uses it with
  # the caller's grant.
  decrypt = var.kms_key_arn == null ? [] : [{ sid = "UseKey", actions = ["kms:Decrypt"], resources = [var.kms_key_arn] }]

  # Put together here, so that a plan shows the whole policy.
  jobs_arn          = "arn:${local.partition}:dynamodb:${local.region}:${local.account_id}:table/${local.jobs_name}"
  interruptions_arn = "arn:${local.partition}:dynamodb:${local.region}:${local.account_id}:table/${local.interruptions_name}"
  interrupt_queues  = "arn:${local.partition}:sqs:${local.region}:${local.account_id}:${replace(local.queue_template, "/[{][a-zA-Z]+[}]/", "*")}"

  read_claims  = { sid = "ReadClaims", actions = ["dynamodb:GetItem"], resources = [local.jobs_arn] }
  write_claims = { sid = "WriteClaims", actions = ["dynamodb:UpdateItem"], resources = [local.jobs_arn] }
  record       = { sid = "Record", actions = ["dynamodb:PutItem"], resources = [local.interruptions_arn] }

  statements = {
    check_active_job    = concat([local.read_claims], local.decrypt)
    claim_job           = concat([local.write_claims], local.decrypt)
    refresh_claim       = concat([local.write_claims], local.decrypt)
    release_claim       = concat([local.write_claims], local.decrypt)
    record_interruption = concat([local.record], local.decrypt)
    send_interrupt = concat(
      [{ sid = "SendInterrupts", actions = ["sqs:GetQueueUrl", "sqs:SendMessage"], resources = [local.interrupt_queues] }],
      local.queue_keys,
    )
    handle_timeout = concat(
      [
        local.read_claims,
        local.write_claims,
        local.record,
        { sid = "TellDeadLetters", actions = ["sqs:SendMessage"], resources = [module.dead_letters.queue.arn] },
      ],
      # SQS encrypts with the sender's grant.
      var.kms_key_arn == null ? [] : [{ sid = "UseKey", actions = ["kms:Decrypt", "kms:GenerateDataKey"], resources = [var.kms_key_arn] }],
    )
  }

  queue_keys = var.queues.kms_key_arn == null ? [] : [{ sid = "EncryptInterrupts", actions = ["kms:Decrypt", "kms:GenerateDataKey"], resources = [var.queues.kms_key_arn] }]

  full_role_name    = "${var.name}-machine-${local.region}" # roles belong to all regions of an account
  machine_role_name = length(local.full_role_name) <= 64 ? local.full_role_name : "${substr(local.full_role_name, 0, 55)}-${substr(sha256(local.full_role_name), 0, 8)}"

  # The state machine's own role: exactly the calls of its tasks.
  invoked = concat(
    ["check_active_job", "claim_job", "handle_timeout", "record_interruption", "release_claim", "send_interrupt"],
    local.attachments == null ? [] : ["refresh_claim"],
  )
  work_queues = (
    local.work_template == null ? try(local.machine.work_queue.arn, "") :
    "arn:${local.partition}:sqs:${local.region}:${local.account_id}:${replace(local.work_template, "/[{][a-zA-Z]+[}]/", "*")}"
  )
  machine_keys = distinct(compact([local.work_template == null ? try(local.machine.work_queue.kms_key_arn, null) : var.queues.kms_key_arn, var.kms_key_arn]))
  machine_statements = concat(
    [
      {
        Sid      = "InvokeFunctions"
        Effect   = "Allow"
        Action   = "lambda:InvokeFunction"
        Resource = sort(concat([for name in local.invoked : local.function_arns[name]], compact([local.attachments])))
      },
      {
        Sid      = "SendWorkAndDeadLetters"
        Effect   = "Allow"
        Action   = "sqs:SendMessage"
        Resource = sort([local.work_queues, module.dead_letters.queue.arn])
      },
      {
        # Vended log delivery knows no resource.
        Sid      = "DeliverLogs"
        Effect   = "Allow"
        Resource = "*"
        Action = [
          "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies",
          "logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
        ]
      },
    ],
    length(local.machine_keys) == 0 ? [] : [{
      Sid      = "EncryptMessages"
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource = sort(local.machine_keys)
    }],
    !local.machine.tracing ? [] : [{
      Sid      = "Trace"
      Effect   = "Allow"
      Resource = "*" # X-Ray knows no resource.
      Action   = ["xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments"]
    }],
  )
}

resource "aws_iam_role" "machine" {
  count = local.with_machine ? 1 : 0

  name                 = local.machine_role_name
  path                 = var.function.role_path
  description          = "What the state machine ${local.machine_name} calls."
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "states.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account_id }
        ArnEquals    = { "aws:SourceArn" = local.machine_arn }
      }
    }]
  })
}

resource "aws_iam_role_policy" "machine" {
  count = local.with_machine ? 1 : 0

  name   = "calls"
  role   = aws_iam_role.machine[0].id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.machine_statements })
}
