locals {
  # What the handler calls, and nothing else. What AWS's services do with the role (log streams, the
  # failure destination, tracing, network interfaces) is the function module's own list.
  statements = concat(
    [
      {
        sid       = "ReadTable"
        actions   = ["dynamodb:Scan", "dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive"]
        resources = [var.table.arn]
      },
    ],
    var.export == null ? [] : [
      {
        sid       = "ExportReports"
        actions   = ["s3:PutObject"]
        resources = ["${var.export.bucket.arn}/${var.export.prefix}*"]
      },
    ],
    try(var.export.bucket.kms_key_arn, null) == null ? [] : [
      {
        sid       = "EncryptReports"
        actions   = ["kms:GenerateDataKey"]
        resources = [var.export.bucket.kms_key_arn]
      },
    ],
    # DynamoDB decrypts with the caller's grant when the table has a key of the customer's.
    var.table.kms_key_arn == null ? [] : [
      {
        sid       = "DecryptTable"
        actions   = ["kms:Decrypt"]
        resources = [var.table.kms_key_arn]
      },
    ],
  )
}
