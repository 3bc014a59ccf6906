locals {
  own = { for metric in keys(local.emitted.metrics) : metric => [local.namespace, metric, "FunctionName", module.function.identity.function_name] }

  graphs = [
    {
      title   = "Cleaned up"
      metrics = [local.own.OrphanedIndexEntries, local.own.ExpiredRows, local.own.Backfilled]
      stat    = "Sum"
    },
    {
      title   = "Every candidate has one outcome"
      metrics = [for metric in ["Candidates", "Deleted", "Gone", "Changed", "Protected", "Failed"] : local.own[metric]]
      stat    = "Sum"
    },
    {
      title   = "Refused, failed, not finished, not understood"
      metrics = [local.own.GateRefused, local.own.CleanupErrors, local.own.RunIncomplete, local.own.Unknown]
      stat    = "Sum"
    },
    {
      title   = "The table, as DynamoDB counts it about every six hours"
      metrics = [local.own.ItemCount, concat(local.own.TableBytes, [{ yAxis = "right" }])]
      stat    = "Maximum"
    },
    {
      title = "Expired rows: removed by TTL, and still there after a run"
      metrics = [
        ["AWS/DynamoDB", "TimeToLiveDeletedItemCount", "TableName", var.table.name],
        concat(local.own.ExpiredBacklog, [{ stat = "Maximum", yAxis = "right" }]),
      ]
      stat = "Sum"
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
        for index, key in ["results", "errors"] : {
          type   = "log"
          x      = 0
          y      = 12 + 6 * index
          width  = 24
          height = 6
          properties = {
            title  = title(key)
            query  = "SOURCE '${module.function.function.log_group_name}' | ${replace(trimspace(local.queries[key].text), "\n", " ")}"
            region = local.region
            view   = "table"
          }
        }
      ],
    )
  })
}
