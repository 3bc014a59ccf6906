data "aws_partition" "current" {}

locals {
  # Composed, not read back, so that the plan shows the policy.
  arn = "arn:${data.aws_partition.current.partition}:s3:::${aws_s3_bucket.this.bucket}"

  # A tag, a size or a second criterion must stand inside `and`; a lone prefix outside of it.
  combined = {
    for name, rule in var.rules : name => length([
      for given in [
        rule.scope.prefix != "", rule.scope.larger_than_bytes != null, rule.scope.smaller_than_bytes != null, length(rule.scope.tags) > 0
      ] : given if given
    ]) > 1 || length(rule.scope.tags) > 1
  }

  tls_only = {
    Sid       = "RefuseWithoutTLS"
    Effect    = "Deny"
    Principal = "*"
    Action    = "s3:*"
    Resource  = [local.arn, "${local.arn}/*"]
    Condition = { Bool = { "aws:SecureTransport" = ["false"] } }
  }

  more_statements = [
    for statement in var.policy_statements : merge(
      {
        Sid       = statement.sid
        Effect    = statement.effect
        Principal = { for type, names in statement.principals : (type == "*" ? "AWS" : type) => names }
        Action    = statement.actions
        Resource  = [for path in statement.resources : "${local.arn}${path}"]
      },
      length(statement.conditions) == 0 ? {} : {
        Condition = {
          for test in distinct(statement.conditions[*].test) : test => {
            for condition in statement.conditions : condition.variable => condition.values if condition.test == test
          }
        }
      },
    )
  ]
}

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_144: whether data with an end needs a second region is the caller's decision.
  #checkov:skip=CKV2_AWS_62: whom to notify of objects is the caller's decision.
  bucket        = var.name_is_prefix ? null : var.name
  bucket_prefix = var.name_is_prefix ? var.name : null
  force_destroy = var.force_destroy
  tags          = var.tags
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.bucket

  versioning_configuration {
    # Once on, S3 can only suspend it: then what was noncurrent stays.
    status = var.versioning ? "Enabled" : "Suspended"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.bucket

  rule {
    bucket_key_enabled = var.kms_key_arn != null

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.kms_key_arn == null ? "AES256" : "aws:kms"
      kms_master_key_id = var.kms_key_arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket = aws_s3_bucket.this.bucket

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.bucket

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.bucket
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat([local.tls_only], local.more_statements)
  })

  # S3 refuses two changes of one bucket's access at the same time.
  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_s3_bucket_logging" "this" {
  count = var.access_log == null ? 0 : 1

  bucket        = aws_s3_bucket.this.bucket
  target_bucket = var.access_log.bucket_name
  target_prefix = var.access_log.prefix == "" ? "s3-access/${aws_s3_bucket.this.bucket}/" : var.access_log.prefix
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  #checkov:skip=CKV_AWS_300: every rule is the caller's; abort_multipart_after_days is one of its actions, shown in the README.
  bucket = aws_s3_bucket.this.bucket

  dynamic "rule" {
    for_each = var.rules
    content {
      id     = rule.key
      status = rule.value.enabled ? "Enabled" : "Disabled"

      filter {
        prefix                   = local.combined[rule.key] ? null : rule.value.scope.entire_bucket ? "" : rule.value.scope.prefix == "" ? null : rule.value.scope.prefix
        object_size_greater_than = local.combined[rule.key] ? null : rule.value.scope.larger_than_bytes
        object_size_less_than    = local.combined[rule.key] ? null : rule.value.scope.smaller_than_bytes

        dynamic "tag" {
          for_each = local.combined[rule.key] ? {} : rule.value.scope.tags
          content {
            key   = tag.key
            value = tag.value
          }
        }

        dynamic "and" {
          for_each = local.combined[rule.key] ? [rule.value.scope] : []
          content {
            prefix                   = and.value.prefix == "" ? null : and.value.prefix
            tags                     = length(and.value.tags) > 0 ? and.value.tags : null
            object_size_greater_than = and.value.larger_than_bytes
            object_size_less_than    = and.value.smaller_than_bytes
          }
        }
      }

      dynamic "expiration" {
        for_each = rule.value.expire_after_days != null || rule.value.expired_delete_markers ? [rule.value] : []
        content {
          days                         = expiration.value.expire_after_days
          expired_object_delete_marker = expiration.value.expired_delete_markers ? true : null
        }
      }

      dynamic "noncurrent_version_expiration" {
        for_each = rule.value.noncurrent == null ? [] : [rule.value.noncurrent]
        content {
          noncurrent_days           = noncurrent_version_expiration.value.expire_after_days
          newer_noncurrent_versions = noncurrent_version_expiration.value.keep_newest
        }
      }

      dynamic "transition" {
        for_each = rule.value.transitions
        content {
          days          = transition.value.days
          storage_class = transition.value.storage_class
        }
      }

      dynamic "noncurrent_version_transition" {
        for_each = rule.value.noncurrent_transitions
        content {
          noncurrent_days           = noncurrent_version_transition.value.days
          newer_noncurrent_versions = noncurrent_version_transition.value.keep_newest
          storage_class             = noncurrent_version_transition.value.storage_class
        }
      }

      dynamic "abort_incomplete_multipart_upload" {
        for_each = rule.value.abort_multipart_after_days == null ? [] : [rule.value.abort_multipart_after_days]
        content {
          days_after_initiation = abort_incomplete_multipart_upload.value
        }
      }
    }
  }

  # Rules on noncurrent versions need to know that there are any.
  depends_on = [aws_s3_bucket_versioning.this]
}

check "expired_objects_go" {
  assert {
    condition = !var.versioning || alltrue([
      for rule in var.rules : rule.expire_after_days == null || rule.noncurrent != null
      ]) || anytrue([
      for rule in var.rules : rule.enabled && rule.scope.entire_bucket && rule.noncurrent != null
    ])
    error_message = "The bucket is versioned, and a rule has expire_after_days without noncurrent: what expires there becomes a noncurrent version and is paid for ever. Give the rule noncurrent, or the entire bucket one rule that has it."
  }
}

check "noncurrent_rules_have_versions" {
  assert {
    condition     = var.versioning || alltrue([for rule in var.rules : rule.noncurrent == null && length(rule.noncurrent_transitions) == 0])
    error_message = "versioning is off: rules on noncurrent versions only clear away what earlier versioning has left."
  }
}
