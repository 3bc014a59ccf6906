locals {
  # Several runs an hour still give one datapoint an hour; a run a day gives one that stays until the next.
  window_s = try(local.interval_minutes > 60, true) ? 86400 : 3600

  # Of runs more than a day apart seven days, as far as CloudWatch looks back, hold few; the days between hold nothing.
  rare              = try(local.interval_minutes > 1440, false)
  incomplete_runs   = local.rare ? min(3, floor(7 * 1440 / local.interval_minutes)) : 3
  incomplete_window = local.rare ? 7 : 3

  own_alarms = merge(
    var.alarms.cleanup_errors == 0 ? {} : {
      cleanup-errors = {
        description = "At least ${var.alarms.cleanup_errors} things failed in an hour: a table, a rule, a row. The rest went on; they are tried again next time. Run the saved query ${local.query_names.errors}."
        threshold   = var.alarms.cleanup_errors
        name        = "CleanupErrors"
        statistic   = "Sum"
        period_s    = 3600
      }
    },
    var.preset == null ? {} : {
      gate-refused = {
        description = "A plan was refused as a whole and nothing of it was done: every index row of a kind in ${var.database.name} has lost its target. Is it the right database and schema? Are tokens written elsewhere now?"
        name        = "GateRefused"
      }
    },
    var.limits.max_replica_lag_s == 0 ? {} : {
      replica-lag = {
        description = "A run stopped because a replica of ${var.database.name} was more than ${var.limits.max_replica_lag_s} s behind. Look at the replica first; then lower limits.max_rows_per_second."
        name        = "ReplicaLagStopped"
      }
    },
    {
      incomplete = {
        description        = "${local.incomplete_runs} runs in a row stopped before everything expired was gone. Raise function.timeout_s, limits.max_deletes_per_run or limits.max_rows_per_second, or run more often."
        name               = "RunIncomplete"
        statistic          = "Minimum"
        evaluation_periods = local.incomplete_window
        datapoints         = local.incomplete_runs
        missing            = "notBreaching"
      }
    },
  )

  # The least of a day, and growth from day to day: a job that catches up once a day is quiet, whatever comes in between.
  # There is a datapoint only where a run has ended, so a job that does not run is silence, and not this.
  backlog_alarms = {
    for table in keys(local.tables) : "backlog-grows-${table}" => {
      description = "Expired rows of ${table} grow while the job runs, ${var.alarms.backlog_days} days in a row: it will never catch up. Raise limits.max_rows_per_second, limits.max_deletes_per_run or function.timeout_s, or run more often; look for an index on the expiry column."
      metrics = {
        growth = {
          expression  = "IF(backlog >= ${var.alarms.backlog_rows}, DIFF(backlog), 0)"
          label       = "rows more than the day before"
          return_data = true
        }
        backlog = {
          metric = {
            namespace  = local.namespace
            name       = "ExpiredRows"
            dimensions = merge(local.dimensions, { Table = table })
            statistic  = "Minimum"
            unit       = local.emitted.metrics.ExpiredRows.unit
          }
        }
      }
    } if var.alarms.backlog_rows > 0
  }
}

module "alarms" {
  source = "../alarms"
  count  = local.by_lambda ? 1 : 0

  name       = var.name
  tags       = var.tags
  topic_arns = var.alarms.topic_arns

  alarms = merge(
    {
      for key, alarm in local.own_alarms : key => {
        description         = alarm.description
        comparison          = "GreaterThanOrEqualToThreshold"
        threshold           = try(alarm.threshold, 1)
        period_s            = try(alarm.period_s, local.window_s)
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
        metrics = null
      } if var.alarms.enabled
    },
    {
      for key, alarm in local.backlog_alarms : key => {
        description         = alarm.description
        comparison          = "GreaterThanThreshold"
        threshold           = 0
        period_s            = 86400
        evaluation_periods  = var.alarms.backlog_days
        datapoints_to_alarm = null
        treat_missing_data  = "notBreaching"
        metric              = null
        metrics             = alarm.metrics
      } if var.alarms.enabled
    },
  )
}
