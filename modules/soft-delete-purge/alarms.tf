locals {
  # Several runs an hour still give one datapoint an hour; a run a day gives one that stays until the next.
  window_s = try(local.interval_minutes > 60, true) ? 86400 : 3600

  # Of runs more than a day apart seven days, as far as CloudWatch looks back, hold few; the days between hold nothing.
  rare              = try(local.interval_minutes > 1440, false)
  incomplete_runs   = local.rare ? min(3, floor(7 * 1440 / local.interval_minutes)) : 3
  incomplete_window = local.rare ? 7 : 3

  own_alarms = merge(
    {
      gate-refused = {
        description = "A run was refused and purged no record: more than ${var.limits.max_purge_percent} % of all rows of ${var.root.table} are due. Is the clock right, did somebody delete many at once? If it is meant, raise limits.max_purge_percent until they are gone."
        name        = "GateRefused"
      }
      incomplete = {
        description        = "${local.incomplete_runs} runs in a row stopped before all that was due was dealt with. Raise limits.max_records_per_run, limits.max_records_per_second or function.timeout_s, set transaction to batch, or run more often."
        name               = "RunIncomplete"
        statistic          = "Minimum"
        evaluation_periods = local.incomplete_window
        datapoints         = local.incomplete_runs
        missing            = "notBreaching"
      }
    },
    var.alarms.outbox_age_hours == 0 || var.bucket == null ? {} : {
      outbox-age = {
        description = "A file of a purged record has waited ${var.alarms.outbox_age_hours} hours to be deleted from ${try(var.bucket.name, "S3")}: S3 refuses it, or cannot be reached. Read last_error in expiry.purge_outbox. Nothing is lost: each run tries it again."
        name        = "OutboxOldestAgeHours"
        threshold   = var.alarms.outbox_age_hours
      }
    },
  )
}

module "alarms" {
  source = "../alarms"

  name       = var.name
  tags       = var.tags
  topic_arns = var.alarms.topic_arns

  alarms = merge(
    {
      for key, alarm in local.own_alarms : key => {
        description         = alarm.description
        comparison          = "GreaterThanOrEqualToThreshold"
        threshold           = try(alarm.threshold, 1)
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
        ratio = null
      } if var.alarms.enabled
    },
    {
      for key in ["failure-rate"] : key => {
        description         = "More than ${var.alarms.failure_rate_percent} % of the records that were to be purged failed. Run the saved query ${local.query_names.failures}; they are tried again from the retry queue, and rest in ${module.resting.queue.name} after ${var.retry.max_attempts} retries."
        comparison          = "GreaterThanThreshold"
        threshold           = var.alarms.failure_rate_percent
        period_s            = local.window_s
        evaluation_periods  = 1
        datapoints_to_alarm = null
        treat_missing_data  = "ignore"
        metric              = null
        ratio = {
          label = "failed records in percent"
          # Of fewer a rate says nothing; but a run that may take no more is judged all the same.
          minimum_count = min(var.alarms.failure_rate_minimum, var.limits.max_records_per_run)
          numerator     = { namespace = local.namespace, name = local.metric_names.ItemsFailed, dimensions = local.dimensions, unit = local.emitted.metrics.ItemsFailed.unit }
          denominator   = { namespace = local.namespace, name = local.metric_names.ItemsProcessed, dimensions = local.dimensions, unit = local.emitted.metrics.ItemsProcessed.unit }
        }
      } if var.alarms.enabled && var.alarms.failure_rate_percent > 0
    },
  )
}
