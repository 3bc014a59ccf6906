locals {
  full_role_name = "${var.name}-${local.region}" # roles belong to all regions of an account
  role_name      = length(local.full_role_name) <= 64 ? local.full_role_name : "${substr(local.full_role_name, 0, 55)}-${substr(sha256(local.full_role_name), 0, 8)}"

  # One or the other: validated.
  queue = var.failure_queue != null ? var.failure_queue : var.dead_letter_queue

  vpc_actions = [
    "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
  ]

  # What Lambda does with the role. The handler's own calls are in var.statements, and nowhere else.
  service_grants = concat(
    [{
      sid        = "Logs"
      actions    = ["logs:CreateLogStream", "logs:PutLogEvents"]
      resources  = ["${local.log_group_arn}:*"]
      conditions = []
      reason     = "Lambda writes the log. It may not create the group: one made behind Terraform's back would keep for ever."
    }],
    local.queue == null ? [] : [{
      sid        = "FailureQueue"
      actions    = ["sqs:SendMessage"]
      resources  = [local.queue.arn]
      conditions = []
      reason     = "Lambda delivers failed asynchronous invocations."
    }],
    try(local.queue.kms_key_arn, null) == null ? [] : [{
      sid        = "FailureQueueKey"
      actions    = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources  = [local.queue.kms_key_arn]
      conditions = []
      reason     = "The failure queue is encrypted with a customer's key."
    }],
    var.kms_key_arn == null || length(var.environment) == 0 ? [] : [{
      sid       = "EnvironmentKey"
      actions   = ["kms:Decrypt"]
      resources = [var.kms_key_arn]
      conditions = [{
        test = "StringEquals", variable = "kms:EncryptionContext:aws:lambda:FunctionArn", values = [local.function_arn]
      }]
      reason = "The environment is encrypted with a customer's key; the condition leaves the handler nothing else to decrypt."
    }],
    var.function.tracing ? [{
      sid        = "Tracing"
      actions    = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
      resources  = ["*"]
      conditions = []
      reason     = "Lambda sends traces; X-Ray's calls name no resource."
    }] : [],
    var.function.vpc == null ? [] : [{
      sid        = "NetworkInterfaces"
      actions    = local.vpc_actions
      resources  = ["*"]
      conditions = []
      reason     = "Lambda makes the interfaces in the VPC before there is a resource to name. The handler itself is denied all of it."
    }],
  )

  # One policy: whether a caller's list is empty may be unknown until its key exists, and then no count could be planned.
  # Sids must differ within a policy; those that begin with Lambda are ours (validated).
  statements = concat(
    [for s in var.statements : merge(s, { effect = "Allow" })],
    [for s in local.service_grants : merge(s, { sid = "Lambda${s.sid}", effect = "Allow" })],
    var.function.vpc == null ? [] : [{
      sid       = "LambdaNetworkInterfacesNotForTheHandler"
      effect    = "Deny"
      actions   = local.vpc_actions
      resources = ["*"]
      conditions = [{
        test = "ArnEquals", variable = "lambda:SourceFunctionArn", values = [local.function_arn]
      }]
    }],
  )

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for s in local.statements : {
      for key, value in {
        Sid      = s.sid
        Effect   = s.effect
        Action   = s.actions
        Resource = s.resources
        Condition = length(s.conditions) == 0 ? null : {
          for test in distinct([for c in s.conditions : c.test]) : test => {
            for c in s.conditions : c.variable => c.values if c.test == test
          }
        }
      } : key => value if value != null
    }]
  })
}

resource "aws_iam_role" "this" {
  name                 = local.role_name
  path                 = var.role_path
  description          = "What the function ${local.name} may do."
  permissions_boundary = var.permissions_boundary_arn

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
      # IfExists: Lambda does not document that it names the account; where it does, it must be this one.
      Condition = { StringEqualsIfExists = { "aws:SourceAccount" = local.account_id } }
    }]
  })

  tags = var.tags
}

resource "aws_iam_role_policy" "this" {
  #checkov:skip=CKV_AWS_290:X-Ray's calls and those for network interfaces name no resource; each is granted only where it is used.
  #checkov:skip=CKV_AWS_355:As above.
  name   = "function"
  role   = aws_iam_role.this.id
  policy = local.policy
}
