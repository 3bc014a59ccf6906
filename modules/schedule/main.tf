data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition
  region     = data.aws_region.current.id

  name      = length(var.name) <= 64 ? var.name : "${substr(var.name, 0, 55)}-${substr(sha256(var.name), 0, 8)}"
  group_arn = "arn:${local.partition}:scheduler:${local.region}:${local.account_id}:schedule-group/${local.name}"

  rate = try(regex("^rate[(]([0-9]+) (minute|hour|day)s?[)]$", var.schedule.expression), null)
  interval_minutes = local.rate == null ? null : (
    tonumber(local.rate[0]) * { minute = 1, hour = 60, day = 1440 }[local.rate[1]]
  )

  target_arn = var.target.function != null ? var.target.function.arn : var.target.state_machine.arn

  # jsonencode writes < and > as \u003c and \u003e, and Scheduler would not know its context attributes again.
  input = replace(var.input_json, "/\\\\u003c(aws[.]scheduler[.][a-z-]+)\\\\u003e/", "<$1>")
}

resource "aws_scheduler_schedule_group" "this" {
  name = local.name
  tags = var.tags
}

resource "aws_scheduler_schedule" "this" {
  #checkov:skip=CKV_AWS_297:A customer's key is the caller's choice (kms_key_arn); the input holds no secrets.
  name        = local.name
  group_name  = aws_scheduler_schedule_group.this.name
  description = var.description
  state       = var.schedule.enabled ? "ENABLED" : "DISABLED"
  kms_key_arn = var.kms_key_arn

  schedule_expression          = var.schedule.expression
  schedule_expression_timezone = var.schedule.time_zone
  start_date                   = var.schedule.start
  end_date                     = var.schedule.end

  flexible_time_window {
    mode                      = var.schedule.flexible_window_minutes == 0 ? "OFF" : "FLEXIBLE"
    maximum_window_in_minutes = var.schedule.flexible_window_minutes == 0 ? null : var.schedule.flexible_window_minutes
  }

  target {
    arn      = local.target_arn
    role_arn = aws_iam_role.this.arn
    input    = local.input

    retry_policy {
      maximum_retry_attempts       = var.retry.max_attempts
      maximum_event_age_in_seconds = var.retry.max_event_age_s
    }

    dead_letter_config {
      arn = var.dead_letter_queue.arn
    }
  }

  # The first run may be at once, and needs what the role grants.
  depends_on = [aws_iam_role_policy.this]
}
