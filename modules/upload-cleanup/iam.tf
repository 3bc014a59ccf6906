locals {
  uploads_arn   = "${var.bucket.arn}/${var.uploads.prefix}*"
  under_uploads = [{ test = "StringLike", variable = "s3:prefix", values = ["${var.uploads.prefix}*"] }]
  audit_arn     = try("${var.audit.bucket.arn}/${var.audit.prefix}", null)

  # What the handler calls, and nothing else. What AWS's services do with the role (log streams, the failure destination,
  # the stream, tracing, network interfaces) are lists of their own. There is no s3:HeadObject: no such action is there.
  statements = concat(
    [
      {
        sid       = "ReadSessions"
        actions   = ["dynamodb:BatchGetItem", "dynamodb:DescribeTable", "dynamodb:Scan"]
        resources = [var.table.arn]
      },
      {
        sid       = "ClaimAndDeleteSessions"
        actions   = ["dynamodb:PartiQLDelete", "dynamodb:PartiQLUpdate"]
        resources = [var.table.arn]
      },
      {
        sid        = "ListUploads"
        actions    = ["s3:ListBucket"]
        resources  = [var.bucket.arn]
        conditions = local.under_uploads
      },
      {
        # s3:prefix is no condition key of this action.
        sid       = "ListMultipartUploads"
        actions   = ["s3:ListBucketMultipartUploads"]
        resources = [var.bucket.arn]
      },
      {
        sid       = "AbortMultipartUploads"
        actions   = ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
        resources = [local.uploads_arn]
      },
      {
        # A conditional delete asks for the right to read, since it tells whether the ETag is the one given.
        sid       = "CompareObjects"
        actions   = ["s3:GetObject"]
        resources = [local.uploads_arn]
      },
      {
        # S3 itself refuses a delete without an ETag: a bug of the handler cannot delete what it has not seen.
        sid        = "DeleteWhatWasSeen"
        actions    = ["s3:DeleteObject"]
        resources  = [local.uploads_arn]
        conditions = [{ test = "Null", variable = "s3:if-match", values = ["false"] }]
      },
    ],
    var.protect_tag == null ? [] : [
      {
        sid       = "ReadTags"
        actions   = ["s3:GetObjectTagging"]
        resources = [local.uploads_arn]
      },
    ],
    !var.restore ? [] : [
      {
        sid        = "ListVersions"
        actions    = ["s3:ListBucketVersions"]
        resources  = [var.bucket.arn]
        conditions = local.under_uploads
      },
    ],
    !var.restore ? [] : [
      {
        sid       = "RemoveDeleteMarkers"
        actions   = ["s3:DeleteObjectVersion"]
        resources = [local.uploads_arn]
      },
    ],
    var.audit == null ? [] : [
      {
        sid       = "ReadAndWriteAudit"
        actions   = ["s3:GetObject", "s3:PutObject"]
        resources = ["${local.audit_arn}*"]
      },
    ],
    !var.restore || var.audit == null ? [] : [
      {
        sid        = "ListPlans"
        actions    = ["s3:ListBucket"]
        resources  = [try(var.audit.bucket.arn, "")]
        conditions = [{ test = "StringLike", variable = "s3:prefix", values = ["${try(var.audit.prefix, "")}plans/*"] }]
      },
    ],
    try(var.audit.bucket.kms_key_arn, null) == null ? [] : [
      {
        sid       = "EncryptAudit"
        actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
        resources = [var.audit.bucket.kms_key_arn]
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
