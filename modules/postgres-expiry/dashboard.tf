locals {
  function_name = try(module.function[0].identity.function_name, "")
  log_group     = try(module.function[0].function.log_group_name, "")

  # Metric → what a graph takes; by table where the metric is.
  graphed = {
    for metric, about in local.emitted.metrics : metric => (
      contains(try(about.dimensions, local.emitted.dimensions), "Table")
      ? [for table in keys(local.tables) : [local.namespace, metric, "FunctionName", local.function_name, "Table", table]]
      : [[local.namespace, metric, "FunctionName", local.function_name]]
    )
  }

  graphs = [
    { title = "Expired rows still there after a run", stat = "Maximum", metrics = local.graphed.ExpiredRows },
    { title = "How long the oldest of them has been expired, in hours", stat = "Maximum", metrics = local.graphed.OldestExpiredAgeHours },
    { title = "Rows deleted", stat = "Sum", metrics = local.graphed.RowsDeleted },
    { title = "Size with indexes and TOAST", stat = "Maximum", metrics = local.graphed.TableBytes },
    {
      title   = "Candidates, and what became of them"
      stat    = "Sum"
      metrics = concat([for m in ["Candidates", "Deleted", "Changed", "Protected", "Failed", "Unknown"] : try(local.graphed[m], [])]...)
    },
    {
      title = "The function"
      stat  = "Sum"
      metrics = concat(
        [for metric in ["Invocations", "Errors"] : ["AWS/Lambda", metric, "FunctionName", local.function_name]],
        [["AWS/Lambda", "Duration", "FunctionName", local.function_name, { stat = "Maximum", yAxis = "right" }]],
        local.graphed.RunIncomplete,
      )
    },
  ]

  query_names = { for key in keys(local.queries) : key => "${var.name}/${key}" }

  # JSON log lines: their keys are fields.
  queries = {
    reports = <<-EOT
      fields @timestamp, report.runId, report.dryRun, report.complete, report.body.deleted, report.outcomes.changed, report.stopped, report.durationMs
      | filter message = "report"
      | sort @timestamp desc
      | limit 100
    EOT
    errors  = <<-EOT
      fields @timestamp, message, rule, error, reason
      | filter message in ["rule failed", "failed"]
      | sort @timestamp desc
      | limit 200
    EOT
  }
}

resource "aws_cloudwatch_dashboard" "this" {
  count = local.by_lambda ? 1 : 0

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
            region  = local.here[3]
            view    = "timeSeries"
          }
        }
      ],
      [
        for index, key in ["reports", "errors"] : {
          type   = "log"
          x      = 0
          y      = 12 + 6 * index
          width  = 24
          height = 6
          properties = {
            title  = title(key)
            query  = "SOURCE '${local.log_group}' | ${replace(trimspace(local.queries[key]), "\n", " ")}"
            region = local.here[3]
            view   = "table"
          }
        }
      ],
    )
  })
}

resource "aws_cloudwatch_query_definition" "this" {
  for_each = local.by_lambda ? local.queries : {}

  name            = local.query_names[each.key]
  log_group_names = [local.log_group]
  query_string    = trimspace(each.value)
}
