locals {
  # Several runs an hour still give one datapoint an hour; a run a day gives one that stays until the next.
  window_s = try(local.interval_minutes > 60, true) ? 86400 : 3600

  # Of runs more than a day apart seven days, as far as CloudWatch looks back, hold few; the days between hold nothing.
  rare              = try(local.interval_minutes > 1440, false)
  incomplete_runs   = local.rare ? min(3, floor(7 * 1440 / local.interval_minutes)) : 3
  incomplete_window = local.rare ? 7 : 3

  own_alarms = merge(
    var.alarms.item_count == 0 ? {} : {
      item-count = {
        description = "${var.table.name} holds more than ${var.alarms.item_count} rows. Is TTL removing them (aws dynamodb describe-time-to-live, TimeToLiveDeletedItemCount), did the last run reach its end? If the growth is meant, raise alarms.item_count."
        comparison  = "GreaterThanThreshold"
        threshold   = var.alarms.item_count
        name        = "ItemCount"
      }
    },
    var.alarms.cleanup_errors == 0 ? {} : {
      cleanup-errors = {
        description = "${var.alarms.cleanup_errors} or more rows could not be cleaned up in an hour. The rest went on; they are tried again next time. Run the saved query ${local.query_names.errors}."
        threshold   = var.alarms.cleanup_errors
        name        = "CleanupErrors"
        statistic   = "Sum"
        period_s    = 3600
      }
    },
    {
      gate-refused = {
        description = "A plan was refused as a whole and nothing of it was done: too many index rows of ${var.table.name} look orphaned, or all of them do. Is it the right table, does the rule's target fit what the application writes? If the plan is meant, raise limits.max_deletes_per_run or limits.max_orphan_percent."
        name        = "GateRefused"
      }
      incomplete = {
        description        = "${local.incomplete_runs} runs in a row stopped before their end: something is always left. Raise function.timeout_s, limits.max_write_units_per_second or limits.max_deletes_per_run, or run more often."
        name               = "RunIncomplete"
        statistic          = "Minimum"
        evaluation_periods = local.incomplete_window
        datapoints         = local.incomplete_runs
        missing            = "notBreaching"
      }
    },
  )

  # Growth is told from day to day; the first of the days only says what the second is compared with.
  ttl_stopped = {
    for key in ["ttl-stopped"] : key => {
      description         = "For ${var.alarms.ttl_stopped_days} days TTL has removed nothing from ${var.table.name} while more and more expired rows are there. Run aws dynamodb describe-time-to-live: is it ENABLED, on ${var.table.ttl_attribute}? A row whose attribute is no Number, or in milliseconds, is never removed."
      threshold           = 1
      period_s            = 86400
      evaluation_periods  = var.alarms.ttl_stopped_days + 1
      datapoints_to_alarm = var.alarms.ttl_stopped_days
      metrics = {
        stopped = {
          expression  = "IF(FILL(removed, 0) <= 0 AND DIFF(FILL(backlog, REPEAT)) > 0, 1, 0)"
          label       = "days without a removal in which the backlog grew"
          return_data = true
        }
        removed = {
          metric = {
            namespace  = "AWS/DynamoDB"
            name       = "TimeToLiveDeletedItemCount"
            dimensions = { TableName = var.table.name }
            statistic  = "Sum"
          }
        }
        backlog = {
          metric = {
            namespace  = local.namespace
            name       = "ExpiredBacklog"
            dimensions = local.dimensions
            statistic  = "Maximum"
            unit       = local.emitted.metrics.ExpiredBacklog.unit
          }
        }
      }
    } if var.alarms.enabled && var.alarms.ttl_stopped_days > 0
  }
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
        comparison          = try(alarm.comparison, "GreaterThanOrEqualToThreshold")
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
      } if var.alarms.enabled
    },
    local.ttl_stopped,
  )
}
