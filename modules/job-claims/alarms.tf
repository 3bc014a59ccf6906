locals {
  claim_alarms = {
    timeouts = {
      description = "${var.alarms.timeouts} or more jobs in an hour lost their worker: no heartbeat, or too long. Look at the dead-letter queue for the containers, and at their logs; the keys are free again."
      threshold   = var.alarms.timeouts
      metric      = { namespace = local.namespace, name = "Timeouts", dimensions = local.dimensions, statistic = "Sum", unit = local.emitted.metrics.Timeouts.unit }
    }
    rate-limited = { # without a limit it could never go off
      description = "${var.alarms.rate_limited} or more claims in an hour were refused by the rate limit: somebody starts work faster than rate_limit allows. Find the key in the log of claim-job, then stop its sender or raise rate_limit.claims."
      threshold   = var.rate_limit.claims == 0 ? 0 : var.alarms.rate_limited
      metric      = { namespace = local.namespace, name = "ClaimsRateLimited", dimensions = local.dimensions, statistic = "Sum", unit = local.emitted.metrics.ClaimsRateLimited.unit }
    }
  }

  oldest_token_s     = local.machine.work_queue == null ? 0 : var.alarms.oldest_token_seconds != null ? var.alarms.oldest_token_seconds : floor(local.machine.timeouts.heartbeat_s * 3 / 4)
  work_queue_name    = try(local.machine.work_queue.name, "")
  machine_dimensions = { StateMachineArn = local.machine_arn }
  machine_alarms = {
    executions-failed = {
      description = "${var.alarms.executions_failed} or more executions failed in an hour. Their inputs and errors are in the dead-letter queue; start them again from there once the cause is mended."
      threshold   = var.alarms.executions_failed
      metric      = { namespace = "AWS/States", name = "ExecutionsFailed", dimensions = local.machine_dimensions, statistic = "Sum" }
    }
    executions-timed-out = {
      description = "An execution ran into the state machine's own timeout, which nothing catches: its claim was not released and ends by itself after lease_seconds. Look at the execution's history for the state in which it stayed."
      threshold   = var.alarms.executions_timed_out
      metric      = { namespace = "AWS/States", name = "ExecutionsTimedOut", dimensions = local.machine_dimensions, statistic = "Sum" }
    }
    oldest-waiting-token = {
      description = "A job has waited ${local.oldest_token_s} seconds in ${local.work_queue_name} for a container, and its heartbeat counts from when it was sent. Are there containers, and do they take work?"
      threshold   = local.oldest_token_s
      period_s    = 60
      metric      = { namespace = "AWS/SQS", name = "ApproximateAgeOfOldestMessage", dimensions = { QueueName = local.work_queue_name }, statistic = "Maximum" }
    }
  }
}

module "alarms" {
  source = "../alarms"

  name       = var.name
  tags       = var.tags
  topic_arns = var.alarms.topic_arns

  alarms = {
    for key, alarm in merge(local.claim_alarms, { for key, alarm in local.machine_alarms : key => alarm if local.with_machine }) : key => {
      description         = alarm.description
      comparison          = "GreaterThanOrEqualToThreshold"
      threshold           = alarm.threshold
      period_s            = try(alarm.period_s, 3600)
      evaluation_periods  = 1
      datapoints_to_alarm = null
      treat_missing_data  = "notBreaching"
      metric              = alarm.metric
    } if var.alarms.enabled && alarm.threshold > 0
  }
}
