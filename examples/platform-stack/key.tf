# One key for all, where it is asked for. Roles use it by what the modules grant them; services that come by themselves are named here.
resource "aws_kms_key" "this" {
  count = var.customer_key ? 1 : 0

  description         = "Tables, buckets, queues, logs and environments of ${local.name}."
  enable_key_rotation = true

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "AccountByItsPolicies"
        Effect    = "Allow"
        Principal = { AWS = "arn:${data.aws_partition.current.partition}:iam::${local.account_id}:root" }
        Action    = "kms:*"
        Resource  = "*"
      },
      {
        Sid       = "LogGroups"
        Effect    = "Allow"
        Principal = { Service = "logs.${data.aws_region.current.id}.amazonaws.com" }
        Action    = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
        Resource  = "*"
        Condition = {
          ArnLike = {
            "kms:EncryptionContext:aws:logs:arn" = [
              for prefix in ["/aws/lambda", "/aws/vendedlogs/states"] :
              "arn:${data.aws_partition.current.partition}:logs:${data.aws_region.current.id}:${local.account_id}:log-group:${prefix}/${local.name}-*"
            ]
          }
        }
      },
      {
        # The state machine's events are encrypted before they are delivered to its log group.
        Sid       = "DeliverStateMachineLogs"
        Effect    = "Allow"
        Principal = { Service = "delivery.logs.amazonaws.com" }
        Action    = "kms:Decrypt"
        Resource  = "*"
        Condition = {
          ArnLike = {
            "kms:EncryptionContext:aws:states:stateMachineArn" = "arn:${data.aws_partition.current.partition}:states:${data.aws_region.current.id}:${local.account_id}:stateMachine:${local.name}-*"
          }
        }
      },
    ]
  })
}

resource "aws_kms_alias" "this" {
  count = var.customer_key ? 1 : 0

  name          = "alias/${local.name}"
  target_key_id = aws_kms_key.this[0].key_id
}
