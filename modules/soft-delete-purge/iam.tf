locals {
  prefixes = distinct([for o in var.objects : o.key_prefix])
  queues   = { retry = local.retry_queue_arn, resting = module.resting.queue.arn }

  # What both handlers call. A token for IAM authentication is signed without a call; the database asks IAM for rds-db:connect
  # when it is shown one. What Lambda does with the roles (log streams, queues, network interfaces) are lists of their own.
  common_statements = concat(
    var.database.secret_arn == null || var.database.iam_auth ? [] : [
      {
        sid       = "ReadPassword"
        actions   = ["secretsmanager:GetSecretValue"]
        resources = [var.database.secret_arn]
      },
    ],
    var.database.secret_kms_key_arn == null || var.database.iam_auth ? [] : [
      {
        # Secrets Manager decrypts with the caller's grant where the secret has a customer's key.
        sid        = "DecryptPassword"
        actions    = ["kms:Decrypt"]
        resources  = [var.database.secret_kms_key_arn]
        conditions = [{ test = "StringEquals", variable = "kms:EncryptionContext:SecretARN", values = [var.database.secret_arn] }]
      },
    ],
    !var.database.iam_auth ? [] : [
      {
        sid       = "ConnectAsOneUser"
        actions   = ["rds-db:connect"]
        resources = ["arn:${local.here[1]}:rds-db:${local.here[3]}:${local.here[4]}:dbuser:${coalesce(var.database.db_resource_id, "-")}/${var.database.user}"]
      },
    ],
    var.bucket == null ? [] : [
      {
        sid        = "ListFiles"
        actions    = ["s3:ListBucket"]
        resources  = [var.bucket.arn]
        conditions = [{ test = "StringLike", variable = "s3:prefix", values = [for prefix in local.prefixes : "${prefix}*"] }]
      },
    ],
    var.bucket == null ? [] : [
      {
        # A conditional delete asks for the right to read, since it tells whether the ETag is the one given.
        sid       = "CompareFiles"
        actions   = ["s3:GetObject"]
        resources = [for prefix in local.prefixes : "${var.bucket.arn}/${prefix}*"]
      },
    ],
    var.bucket == null ? [] : [
      {
        # S3 itself refuses a delete without an ETag: a bug of the handler cannot delete what it has not seen.
        sid        = "DeleteWhatWasSeen"
        actions    = ["s3:DeleteObject"]
        resources  = [for prefix in local.prefixes : "${var.bucket.arn}/${prefix}*"]
        conditions = [{ test = "Null", variable = "s3:if-match", values = ["false"] }]
      },
    ],
    var.kms_key_arn == null ? [] : [
      {
        sid        = "EncryptMessages"
        actions    = ["kms:Decrypt", "kms:GenerateDataKey"]
        resources  = [var.kms_key_arn]
        conditions = [{ test = "StringLike", variable = "kms:ViaService", values = ["sqs.*"] }]
      },
    ],
  )

  statements = {
    purge = concat(local.common_statements, [
      {
        sid       = "SendToQueues"
        actions   = ["sqs:SendMessage"]
        resources = [local.queues.resting, local.queues.retry]
      },
    ])
    retry = concat(local.common_statements, [
      {
        # Later each time.
        sid       = "DelayRetry"
        actions   = ["sqs:ChangeMessageVisibility"]
        resources = [local.queues.retry]
      },
      {
        sid       = "SendToRest"
        actions   = ["sqs:SendMessage"]
        resources = [local.queues.resting]
      },
    ])
  }
}
