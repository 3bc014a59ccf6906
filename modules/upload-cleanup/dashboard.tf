locals {
  own = { for metric in keys(local.emitted.metrics) : metric => [local.namespace, metric, "FunctionName", module.function.identity.function_name] }

  graphs = [
    {
      title   = "Cleaned up"
      metrics = [local.own.SessionsCleanedUp, local.own.MultipartUploadsAborted, local.own.OrphanedObjectsDeleted, local.own.OrphanedUploadsAborted]
      stat    = "Sum"
    },
    {
      title   = "Every candidate has one outcome"
      metrics = [for metric in ["Candidates", "Deleted", "Gone", "Changed", "Protected", "Failed"] : local.own[metric]]
      stat    = "Sum"
    },
    {
      title   = "Refused, failed, not finished"
      metrics = [local.own.GateRefused, local.own.TripwireStopped, local.own.CleanupErrors, local.own.RunIncomplete]
      stat    = "Sum"
    },
    {
      title   = "Bytes: freed, or marked in a versioned bucket"
      metrics = [local.own.ReclaimedBytes, local.own.MarkedBytes]
      stat    = "Sum"
    },
    {
      title   = "For a person to look at"
      metrics = [for metric in ["MarkedPartial", "UnmatchedObjects", "UploadedWithTTL", "UploadedWithClaim", "LivingWithoutObject"] : local.own[metric]]
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

  query_names = { for key in keys(local.queries) : key => "${var.name}/${key}" }

  # JSON log lines: their keys are fields.
  queries = {
    reports = <<-EOT
      fields @timestamp, report.requestId, report.dryRun, report.complete, report.outcomes.deleted, report.outcomes.would_delete, report.outcomes.gone, report.outcomes.changed, report.outcomes.protected, report.outcomes.failed, report.errorsTotal
      | filter message = "report"
      | sort @timestamp desc
      | limit 100
    EOT
    actions = <<-EOT
      fields @timestamp, run_id, action, key, outcome, reason, detail
      | filter message = "action"
      | sort @timestamp desc
      | limit 1000
    EOT
  }
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
        for index, key in ["reports", "actions"] : {
          type   = "log"
          x      = 0
          y      = 12 + 6 * index
          width  = 24
          height = 6
          properties = {
            title  = title(key)
            query  = "SOURCE '${module.function.function.log_group_name}' | ${replace(trimspace(local.queries[key]), "\n", " ")}"
            region = local.region
            view   = "table"
          }
        }
      ],
    )
  })
}

resource "aws_cloudwatch_query_definition" "this" {
  for_each = local.queries

  name            = local.query_names[each.key]
  log_group_names = [module.function.function.log_group_name]
  query_string    = trimspace(each.value)
}
