output "bucket" {
  description = "The bucket, as the other modules take it. `kms_key_arn` is a key of yours, or null."
  value = {
    name        = aws_s3_bucket.this.bucket
    arn         = local.arn
    kms_key_arn = var.kms_key_arn
    versioned   = var.versioning
  }

  # Nobody writes here before the bucket is closed, encrypted and versioned.
  depends_on = [
    aws_s3_bucket_ownership_controls.this,
    aws_s3_bucket_policy.this,
    aws_s3_bucket_public_access_block.this,
    aws_s3_bucket_server_side_encryption_configuration.this,
    aws_s3_bucket_versioning.this,
  ]
}
