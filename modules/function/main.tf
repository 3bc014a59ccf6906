data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.id

  name           = length(var.name) <= 64 ? var.name : "${substr(var.name, 0, 55)}-${substr(sha256(var.name), 0, 8)}"
  function_arn   = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${local.name}"
  log_group_name = "/aws/lambda/${local.name}"
  # Put together here, so that a plan shows the whole policy.
  log_group_arn = "arn:${local.partition}:logs:${local.region}:${local.account_id}:log-group:${local.log_group_name}"

  from_path = var.artifact.path != null

  # The CLI waits 60 seconds by default and then invokes again: a long run would be started three times.
  invoke_command = join(" ", [
    "aws lambda invoke --function-name ${local.name} --region ${local.region}",
    "--cli-read-timeout ${var.function.timeout_s + 10} --cli-binary-format raw-in-base64-out --payload '{}' response.json",
  ])
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158:A customer's key is the caller's choice (kms_key_arn); logs hold keys of items, never contents.
  #checkov:skip=CKV_AWS_338:How long logs are kept is the caller's choice (logs.retention_days).
  name              = local.log_group_name
  retention_in_days = var.logs.retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50:Tracing costs per request; the caller switches it on (function.tracing).
  #checkov:skip=CKV_AWS_115:Reserved concurrency takes from the whole account; the caller decides (function.reserved_concurrency).
  #checkov:skip=CKV_AWS_116:A failure destination replaces it (failure_queue): it also says why.
  #checkov:skip=CKV_AWS_117:Without a private store there is nothing in a VPC to reach; the caller decides (function.vpc).
  #checkov:skip=CKV_AWS_173:A customer's key is the caller's choice (kms_key_arn); the environment holds no secrets.
  #checkov:skip=CKV_AWS_272:The artifact's hash is checked instead (artifact.sha256).
  function_name = local.name
  description   = var.description
  role          = aws_iam_role.this.arn
  package_type  = "Zip"
  publish       = false

  filename          = var.artifact.path
  s3_bucket         = try(var.artifact.s3.bucket, null)
  s3_key            = try(var.artifact.s3.key, null)
  s3_object_version = try(var.artifact.s3.version, null)
  source_code_hash  = local.from_path ? try(filebase64sha256(var.artifact.path), null) : var.artifact.s3.sha256_base64

  runtime       = var.runtime
  handler       = var.handler
  architectures = [var.function.architecture]
  layers        = var.function.layers
  memory_size   = var.function.memory_mb
  timeout       = var.function.timeout_s
  kms_key_arn   = length(var.environment) == 0 ? null : var.kms_key_arn

  reserved_concurrent_executions = var.function.reserved_concurrency

  ephemeral_storage {
    size = var.function.ephemeral_storage_mb
  }

  logging_config {
    log_format            = "JSON"
    log_group             = aws_cloudwatch_log_group.this.name
    application_log_level = var.logs.level
    system_log_level      = var.logs.system_level
  }

  tracing_config {
    mode = var.function.tracing ? "Active" : "PassThrough"
  }

  dynamic "environment" {
    for_each = length(var.environment) == 0 ? [] : [var.environment]

    content {
      variables = environment.value
    }
  }

  dynamic "vpc_config" {
    for_each = var.function.vpc == null ? [] : [var.function.vpc]

    content {
      subnet_ids                  = vpc_config.value.subnet_ids
      security_group_ids          = vpc_config.value.security_group_ids
      ipv6_allowed_for_dual_stack = vpc_config.value.ipv6
    }
  }

  dynamic "dead_letter_config" {
    for_each = var.dead_letter_queue == null ? [] : [var.dead_letter_queue]

    content {
      target_arn = dead_letter_config.value.arn
    }
  }

  tags = var.tags

  lifecycle {
    precondition {
      condition     = !local.from_path || try(fileexists(var.artifact.path), false)
      error_message = "There is no file ${coalesce(var.artifact.path, "-")}. Pin a release tag, which carries the packaged handlers, or run `python build.py` in a checkout."
    }

    precondition {
      condition     = var.artifact.sha256 == null ? true : try(filesha256(var.artifact.path) == lower(var.artifact.sha256), !try(fileexists(var.artifact.path), false))
      error_message = "${coalesce(var.artifact.path, "-")} is not the file whose sha256 is ${coalesce(var.artifact.sha256, "-")}. Run `python build.py` in a checkout, or take both from the same release."
    }
  }

  # Lambda checks at creation what the role grants; the log group is there before the first line, or Lambda would want to make it.
  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.this]
}

resource "aws_lambda_function_recursion_config" "this" {
  count = var.function.recursive_loop == "Unset" ? 0 : 1

  function_name  = aws_lambda_function.this.function_name
  recursive_loop = var.function.recursive_loop
}

resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = aws_lambda_function.this.function_name
  maximum_retry_attempts       = var.async.max_retries
  maximum_event_age_in_seconds = var.async.max_event_age_s

  dynamic "destination_config" {
    for_each = var.failure_queue == null ? [] : [var.failure_queue]

    content {
      on_failure {
        destination = destination_config.value.arn
      }
    }
  }
}
