locals {
  full_names = { for key in keys(var.alarms) : key => "${var.name}-${key}" }
  names = {
    for key, name in local.full_names : key => length(name) <= 255 ? name : "${substr(name, 0, 246)}-${substr(sha256(name), 0, 8)}"
  }

  # FILL: a period without an error has no error metric, and one without a run has neither.
  ratio_queries = {
    for key, alarm in var.alarms : key => {
      percent = {
        expression = "IF(FILL(denominator, 0) >= ${alarm.ratio.minimum_count}, 100 * FILL(numerator, 0) / FILL(denominator, 0), 0)"
        label      = alarm.ratio.label, return_data = true, account_id = null, metric = null
      }
      numerator   = { expression = null, label = null, return_data = false, account_id = null, metric = alarm.ratio.numerator }
      denominator = { expression = null, label = null, return_data = false, account_id = null, metric = alarm.ratio.denominator }
    } if alarm.ratio != null
  }

  # A period for all: queries of different periods in one alarm are compared at the longest, silently.
  queries = {
    for key, alarm in var.alarms : key => merge(alarm.metrics == null ? {} : alarm.metrics, try(local.ratio_queries[key], {}))
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = var.alarms

  alarm_name          = local.names[each.key]
  alarm_description   = each.value.description
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  threshold_metric_id = each.value.threshold_metric_id
  evaluation_periods  = each.value.evaluation_periods
  datapoints_to_alarm = each.value.datapoints_to_alarm
  treat_missing_data  = each.value.treat_missing_data

  evaluate_low_sample_count_percentiles = each.value.evaluate_low_sample_count_percentiles

  actions_enabled           = each.value.actions_enabled
  alarm_actions             = each.value.alarm_action_arns != null ? each.value.alarm_action_arns : var.topic_arns
  ok_actions                = each.value.ok_action_arns != null ? each.value.ok_action_arns : var.ok_topic_arns
  insufficient_data_actions = each.value.insufficient_data_action_arns

  namespace          = try(each.value.metric.namespace, null)
  metric_name        = try(each.value.metric.name, null)
  dimensions         = try(each.value.metric.dimensions, null)
  statistic          = try(each.value.metric.statistic, null)
  extended_statistic = try(each.value.metric.extended_statistic, null)
  unit               = try(each.value.metric.unit, null)
  period             = each.value.metric == null ? null : each.value.period_s

  dynamic "metric_query" {
    for_each = local.queries[each.key]

    content {
      id          = metric_query.key
      expression  = metric_query.value.expression
      label       = metric_query.value.label
      return_data = metric_query.value.return_data
      account_id  = metric_query.value.account_id

      dynamic "metric" {
        for_each = metric_query.value.metric == null ? [] : [metric_query.value.metric]

        content {
          namespace   = metric.value.namespace
          metric_name = metric.value.name
          dimensions  = metric.value.dimensions
          stat        = metric.value.statistic
          unit        = metric.value.unit
          period      = each.value.period_s
        }
      }
    }
  }

  tags = var.tags
}

check "alarms_reach_someone" {
  assert {
    condition = length(var.topic_arns) > 0 || alltrue([
      for alarm in var.alarms : !alarm.actions_enabled || try(length(alarm.alarm_action_arns) > 0, false)
    ])
    error_message = "Nobody is told when the alarms of ${var.name} go off: pass SNS topics in alarms.topic_arns (topic_arns of the alarms module)."
  }
}
