locals {
  full_role_name = "${var.name}-schedule-${local.region}" # roles belong to all regions of an account
  role_name      = length(local.full_role_name) <= 64 ? local.full_role_name : "${substr(local.full_role_name, 0, 55)}-${substr(sha256(local.full_role_name), 0, 8)}"

  service_grants = concat(
    [
      {
        sid       = "RunTarget"
        actions   = [var.target.function != null ? "lambda:InvokeFunction" : "states:StartExecution"]
        resources = [local.target_arn]
        reason    = "Scheduler starts the target."
      },
      {
        sid       = "DeadLetters"
        actions   = ["sqs:SendMessage"]
        resources = [var.dead_letter_queue.arn]
        reason    = "Scheduler keeps what it could not hand over."
      },
    ],
    var.dead_letter_queue.kms_key_arn == null ? [] : [{
      sid       = "DeadLettersKey"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [var.dead_letter_queue.kms_key_arn]
      reason    = "The dead-letter queue is encrypted with a customer's key."
    }],
    var.kms_key_arn == null ? [] : [{
      sid       = "InputKey"
      actions   = ["kms:Decrypt"]
      resources = [var.kms_key_arn]
      reason    = "The schedule's input is encrypted with a customer's key."
    }],
  )
}

resource "aws_iam_role" "this" {
  name                 = local.role_name
  path                 = var.role_path
  description          = "EventBridge Scheduler starts ${local.name} with it."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      # The group's ARN: Scheduler refuses a schedule's.
      Condition = { StringEquals = { "aws:SourceArn" = local.group_arn, "aws:SourceAccount" = local.account_id } }
    }]
  })

  tags = var.tags
}

resource "aws_iam_role_policy" "this" {
  name = "schedule"
  role = aws_iam_role.this.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for grant in local.service_grants : {
      Sid      = grant.sid
      Effect   = "Allow"
      Action   = grant.actions
      Resource = grant.resources
    }]
  })
}
