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
        description = "More than ${var.alarms.cleanup_errors} items could not be cleaned up in an hour. The rest went on; they are tried again next time. Run the saved query ${local.query_names.actions} for the outcome failed."
        comparison  = "GreaterThanThreshold"
        threshold   = var.alarms.cleanup_errors
        name        = "CleanupErrors"
        statistic   = "Sum"
        period_s    = 3600
      }
    },
    {
      gate-refused = {
        description = "A plan was refused as a whole and nothing of it was done: too many objects of ${var.bucket.name} look orphaned, or none has a known session. Is it the right table, is uploads.key_pattern right? If the plan is meant, raise limits.max_deletes_per_run or limits.max_orphan_percent."
        name        = "GateRefused"
      }
      uploaded-with-ttl = {
        description = "Sessions of ${var.table.name} are uploaded and still carry ${var.attributes.ttl}: TTL will remove them, and their objects then look orphaned. Remove the attribute when an upload is complete (see application_contract), and give protect_tag until then."
        name        = "UploadedWithTTL"
      }
      uploaded-with-claim = {
        description = "A session became uploaded while this cleanup had claimed it: the application completes without its condition, and can lose an upload. Add the condition of the output application_contract to the write that completes."
        name        = "UploadedWithClaim"
      }
      living-without-object = {
        description = "More uploaded sessions than last time have no object in ${var.bucket.name}, so orphans were left alone. Something deletes what lives: find it in the bucket's access log, and bring objects back (restore, where it is on) before the versions expire."
        name        = "TripwireStopped"
      }
      incomplete = {
        description        = "${local.incomplete_runs} runs in a row stopped before their end: something is always left. Raise function.timeout_s, limits.threads or limits.max_deletes_per_run, or run more often."
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
  }
}
