locals {
  dimensions = { FunctionName = local.name }
  interval   = var.alarms.interval_minutes

  # A job that runs hourly or less often is judged over a day from its first run on; another over an hour, from as many runs as
  # an hour holds, ten at most; and what comes by events over five minutes.
  error_rate_default = (
    local.interval == null ? { period_s = 300, minimum_count = 10 } :
    local.interval >= 60 ? { period_s = 86400, minimum_count = 1 } :
    { period_s = 3600, minimum_count = max(1, min(10, floor(60 / local.interval))) }
  )
  error_rate = {
    period_s      = coalesce(var.alarms.error_rate_period_s, local.error_rate_default.period_s)
    minimum_count = coalesce(var.alarms.error_rate_minimum_count, local.error_rate_default.minimum_count)
  }

  silence_metric = var.alarms.silence_metric != null ? var.alarms.silence_metric : {
    namespace = "AWS/Lambda", name = "Invocations", dimensions = local.dimensions
  }

  sums = {
    errors = {
      threshold   = var.alarms.error_count
      metric      = "Errors"
      description = "${local.name} failed. Read the last error in ${local.log_group_name}; the event waits in the failure queue, where there is one. What was left undone is the next good run's."
    }
    throttles = {
      threshold   = var.alarms.throttle_count
      metric      = "Throttles"
      description = "${local.name} was not started: the account's concurrency, or the function's own, was used up. Raise the quota, or find what uses it."
    }
  }

  alarms = merge(
    {
      for key, alarm in local.sums : key => {
        description = alarm.description
        threshold   = alarm.threshold
        metric      = { namespace = "AWS/Lambda", name = alarm.metric, dimensions = local.dimensions, statistic = "Sum" }
      } if alarm.threshold > 0
    },
    {
      for key in ["error-rate"] : key => {
        description = "More than ${var.alarms.error_rate_percent} % of the runs of ${local.name} fail. Compare a failed run in ${local.log_group_name} with a good one; was the artifact or the configuration changed?"
        comparison  = "GreaterThanThreshold"
        threshold   = var.alarms.error_rate_percent
        period_s    = local.error_rate.period_s
        ratio = {
          label            = "error rate in percent"
          minimum_count    = local.error_rate.minimum_count
          interval_minutes = local.interval
          numerator        = { namespace = "AWS/Lambda", name = "Errors", dimensions = local.dimensions }
          denominator      = { namespace = "AWS/Lambda", name = "Invocations", dimensions = local.dimensions }
        }
      } if var.alarms.error_rate_percent > 0
    },
    {
      for key in ["duration"] : key => {
        description = "A run of ${local.name} took over ${var.alarms.duration_percent} % of its ${var.function.timeout_s} s. Give it more memory or time, or less work in a run, before it is cut off."
        threshold   = var.function.timeout_s * 1000 * var.alarms.duration_percent / 100
        metric      = { namespace = "AWS/Lambda", name = "Duration", dimensions = local.dimensions, statistic = "Maximum" }
      } if var.alarms.duration_percent > 0
    },
    {
      for key in ["silence"] : key => {
        description        = "${local.name} has not run for ${var.alarms.silence_hours} hours (${local.silence_metric.namespace} ${local.silence_metric.name}). Is its schedule enabled, does its role still allow the start, are there events in the dead-letter queue?"
        comparison         = "LessThanThreshold"
        threshold          = 1
        period_s           = 3600
        evaluation_periods = var.alarms.silence_hours
        treat_missing_data = "breaching"
        metric             = merge(local.silence_metric, { statistic = "Sum" })
      } if var.alarms.silence_hours > 0
    },
  )
}

module "alarms" {
  source = "../alarms"

  name          = local.name
  topic_arns    = var.alarms.topic_arns
  ok_topic_arns = var.alarms.ok_topic_arns
  tags          = var.tags
  alarms        = { for key, alarm in local.alarms : key => alarm if var.alarms.enabled }
}
