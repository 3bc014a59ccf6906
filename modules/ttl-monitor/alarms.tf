locals {
  # Several runs an hour still give one datapoint an hour; a run a day gives one that stays until the next.
  window_s = try(local.interval_minutes > 60, true) ? 86400 : 3600

  # Of runs more than a day apart seven days, as far as CloudWatch looks back, hold few; the days between hold nothing.
  rare              = try(local.interval_minutes > 1440, false)
  incomplete_runs   = local.rare ? min(3, floor(7 * 1440 / local.interval_minutes)) : 3
  incomplete_window = local.rare ? 7 : 3

  monitor_alarms = merge(
    var.thresholds.expired_count == 0 ? {} : {
      expired-count = {
        description = "More than ${var.thresholds.expired_count} rows of ${var.table.name} are past their TTL and still there. TTL may take days: look at the oldest one's age. If that grows too, check that TTL is enabled and that the table is not throttled."
        comparison  = "GreaterThanThreshold"
        threshold   = var.thresholds.expired_count
        name        = "ExpiredCount"
      }
    },
    var.thresholds.oldest_age_hours == 0 ? {} : {
      oldest-expired-age = {
        description = "A row of ${var.table.name} has been past its TTL for more than ${var.thresholds.oldest_age_hours} hours. TTL is stuck or misconfigured: run aws dynamodb describe-time-to-live, and read the monitor's last report."
        comparison  = "GreaterThanThreshold"
        threshold   = var.thresholds.oldest_age_hours
        name        = "OldestExpiredAgeHours"
      }
    },
    {
      ttl-misconfigured = {
        description = "TTL of ${var.table.name} is disabled, or on another attribute than ${var.table.ttl_attribute}: nothing is being removed. Enable it on that attribute (ttl.enabled in ttl-table)."
        comparison  = "GreaterThanOrEqualToThreshold"
        threshold   = 1
        name        = "TTLMisconfigured"
      }
      incomplete = {
        description        = "${local.incomplete_runs} runs in a row stopped before the end of ${var.table.name}: their counts are lower bounds. Raise function.timeout_s or scan.segments, or set scan.sample_percent."
        comparison         = "GreaterThanOrEqualToThreshold"
        threshold          = 1
        name               = "RunIncomplete"
        statistic          = "Minimum"
        evaluation_periods = local.incomplete_window
        datapoints         = local.incomplete_runs
        missing            = "notBreaching"
      }
    },
  )
}

module "alarms" {
  source = "../alarms"

  name       = var.name
  tags       = var.tags
  topic_arns = var.alarms.topic_arns

  alarms = {
    for key, alarm in local.monitor_alarms : key => {
      description         = alarm.description
      comparison          = alarm.comparison
      threshold           = alarm.threshold
      period_s            = local.window_s
      evaluation_periods  = try(alarm.evaluation_periods, 1)
      datapoints_to_alarm = try(alarm.datapoints, null)
      # What a run has found stands until the next one says otherwise: a period without a run is no recovery.
      treat_missing_data = try(alarm.missing, "ignore")
      metric = {
        namespace  = local.namespace
        name       = alarm.name
        dimensions = local.dimensions
        statistic  = try(alarm.statistic, "Maximum")
        unit       = local.emitted.metrics[alarm.name].unit
      }
    } if var.alarms.enabled
  }
}
