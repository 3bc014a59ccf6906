locals {
  own = { for metric in keys(local.emitted.metrics) : metric => [local.namespace, metric, "TableName", var.table.name] }

  graphs = [
    {
      title   = "Expired rows that are still there"
      metrics = [local.own.ExpiredCount]
      stat    = "Maximum"
    },
    {
      title   = "Age of the oldest expired row, hours"
      metrics = [local.own.OldestExpiredAgeHours]
      stat    = "Maximum"
    },
    {
      title   = "Removed by TTL"
      metrics = [["AWS/DynamoDB", "TimeToLiveDeletedItemCount", "TableName", var.table.name]]
      stat    = "Sum"
    },
    {
      title   = "Rows that TTL will never remove"
      metrics = [for metric in ["NeverExpireMissing", "NeverExpireWrongType", "NeverExpireTooOld", "NeverExpireMilliseconds"] : local.own[metric]]
      stat    = "Maximum"
    },
    {
      title   = "What a run reads"
      metrics = [local.own.RowsScanned, local.own.ReadUnitsUsed, concat(local.own.TableShareSeenPercent, [{ yAxis = "right" }])]
      stat    = "Maximum"
    },
    {
      title = "The function"
      metrics = [
        ["AWS/Lambda", "Invocations", "FunctionName", module.function.function.name],
        ["AWS/Lambda", "Errors", "FunctionName", module.function.function.name],
        ["AWS/Lambda", "Duration", "FunctionName", module.function.function.name, { stat = "Maximum", yAxis = "right" }],
      ]
      stat = "Sum"
    },
  ]

  # JSON log lines: the report's keys are fields.
  report_query = <<-EOT
    fields @timestamp, expired_count, oldest_expired_ago_hours, never_expire_wrong_type, never_expire_too_old, never_expire_milliseconds, share_seen_percent, read_units
    | filter message = "report"
    | sort @timestamp desc
    | limit 100
  EOT
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = concat(
      [
        for index, graph in local.graphs : {
          type   = "metric"
          x      = 8 * (index % 3)
          y      = 6 * floor(index / 3)
          width  = 8
          height = 6
          properties = {
            title   = graph.title
            metrics = graph.metrics
            stat    = graph.stat
            period  = 3600
            region  = local.region
            view    = "timeSeries"
          }
        }
      ],
      [
        {
          type   = "log"
          x      = 0
          y      = 12
          width  = 24
          height = 6
          properties = {
            title  = "Reports"
            query  = "SOURCE '${module.function.function.log_group_name}' | ${replace(trimspace(local.report_query), "\n", " ")}"
            region = local.region
            view   = "table"
          }
        }
      ],
    )
  })

  lifecycle {
    precondition {
      condition     = slice(split(":", var.table.arn), 3, 5) == slice(split(":", module.function.identity.function_arn), 3, 5)
      error_message = "table.arn lies in another Region or account than the monitor would: it reads the table by its name. Call the module with a provider of the table's own Region and account."
    }

    precondition {
      condition = !var.alarms.enabled || !var.schedule.enabled ? true : (
        var.alarms.silence_hours * 60 > local.interval_minutes + var.schedule.flexible_window_minutes
      )
      error_message = "alarms.silence_hours must be longer than the time between two runs and schedule.flexible_window_minutes together, or the alarm goes off between two good runs."
    }
  }
}

resource "aws_cloudwatch_query_definition" "reports" {
  name            = "${var.name}/reports"
  log_group_names = [module.function.function.log_group_name]
  query_string    = trimspace(local.report_query)
}
