locals {
  claimed = "expiring"

  application_contract = {
    text = trimspace(<<-EOT
      1. Write the session's row before you presign a URL or create a multipart upload for it.
      2. Let a presigned URL expire no later than the row's ${var.attributes.ttl}, less a margin for clocks (five minutes).
      3. Mark a session uploaded, or give it a new ${var.attributes.ttl}, only by a conditional write:
         attribute_exists(${var.attributes.uploadSessionId}) AND ${var.attributes.status} <> '${local.claimed}'. If the condition fails, the upload has expired: tell the
         client to begin again.
      4. Remove ${var.attributes.ttl} in the write that marks a session uploaded. Else TTL removes the row, and its object looks orphaned.
    EOT
    )
    condition_expression        = "attribute_exists(#session_id) AND #status <> :claimed"
    expression_attribute_names  = { "#session_id" = var.attributes.uploadSessionId, "#status" = var.attributes.status }
    expression_attribute_values = { ":claimed" = { S = local.claimed } }
  }

  # A role is named by a condition, not as the principal: S3 would keep its id, and forget it when the role is made anew.
  blind_deletes = {
    sid       = "RefuseDeletesWithoutETag"
    actions   = ["s3:DeleteObject"]
    role_arn  = module.function.identity.role_arn
    resources = ["/${var.uploads.prefix}*"]
  }

  bucket_policy_statements = [{
    sid        = local.blind_deletes.sid
    effect     = "Deny"
    principals = { "*" = ["*"] }
    actions    = local.blind_deletes.actions
    resources  = local.blind_deletes.resources
    conditions = [
      { test = "Null", variable = "s3:if-match", values = ["true"] },
      { test = "ArnEquals", variable = "aws:PrincipalArn", values = [local.blind_deletes.role_arn] },
    ]
  }]

  bucket_policy_json = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = local.blind_deletes.sid
      Effect    = "Deny"
      Principal = "*"
      Action    = local.blind_deletes.actions
      Resource  = [for path in local.blind_deletes.resources : "${var.bucket.arn}${path}"]
      Condition = {
        Null      = { "s3:if-match" = ["true"] }
        ArnEquals = { "aws:PrincipalArn" = [local.blind_deletes.role_arn] }
      }
    }]
  })
}
