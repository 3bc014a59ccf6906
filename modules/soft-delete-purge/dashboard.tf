locals {
  own = {
    for metric, name in local.metric_names : metric => [local.namespace, name, "FunctionName", module.function.identity.function_name]
  }

  graphs = [
    {
      title   = "Purged: records, files, orphaned images, returned bricks"
      metrics = [for metric in ["Deleted", "S3FilesDeleted", "ImagesOrphaned", "BricksReturned"] : local.own[metric]]
      stat    = "Sum"
    },
    {
      title   = "Every candidate has one outcome"
      metrics = [for metric in ["Candidates", "Deleted", "Gone", "Changed", "Failed"] : local.own[metric]]
      stat    = "Sum"
    },
    {
      title   = "Processed, failed, refused, not finished"
      metrics = [for metric in ["ItemsProcessed", "ItemsFailed", "GateRefused", "RunIncomplete"] : local.own[metric]]
      stat    = "Sum"
    },
    {
      title = "Files that wait, and the hours of the oldest"
      metrics = [
        local.own.OutboxPending,
        concat(local.own.OutboxOldestAgeHours, [{ yAxis = "right" }]),
      ]
      stat = "Maximum"
    },
    {
      title   = "Files that stay: named by another row, or not ours"
      metrics = [local.own.Protected, local.own.ForeignUrls]
      stat    = "Sum"
    },
    {
      title = "Records that wait for a retry, and that rest"
      metrics = [
        for queue in [local.retry_queue_name, module.resting.queue.name] : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue]
      ]
      stat = "Maximum"
    },
    {
      title = "The two functions"
      metrics = concat([
        for name in [module.function.identity.function_name, module.retry.identity.function_name] : ["AWS/Lambda", "Invocations", "FunctionName", name]
        ], [
        for name in [module.function.identity.function_name, module.retry.identity.function_name] : ["AWS/Lambda", "Errors", "FunctionName", name]
      ])
      stat = "Sum"
    },
    {
      title   = "How long a run takes, in milliseconds"
      metrics = [local.own.Duration]
      stat    = "Maximum"
    },
  ]

  query_names = { for key in keys(local.queries) : key => "${var.name}/${key}" }
  log_groups  = [module.function.function.log_group_name, module.retry.function.log_group_name]

  # JSON log lines: their keys are fields.
  queries = {
    reports  = <<-EOT
      fields @timestamp, report.correlationId, report.dryRun, report.complete, report.processed, report.failed, report.s3Deleted, report.orphanedImages, report.bricksReturned, report.outboxPending, report.duration
      | filter message = "report"
      | sort @timestamp desc
      | limit 100
    EOT
    records  = <<-EOT
      fields @timestamp, ${var.correlation.key}, record, outcome, reason, objects
      | filter message = "${var.event_name}"
      | sort @timestamp desc
      | limit 1000
    EOT
    failures = <<-EOT
      fields @timestamp, message, correlation_id, record, key, reason, error
      | filter outcome = "failed" or level in ["WARNING", "ERROR"]
      | sort @timestamp desc
      | limit 200
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
          x      = 6 * (index % 4)
          y      = 6 * floor(index / 4)
          width  = 6
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
        for index, key in ["reports", "failures"] : {
          type   = "log"
          x      = 0
          y      = 12 + 6 * index
          width  = 24
          height = 6
          properties = {
            title  = title(key)
            query  = "${join(" | ", [for group in local.log_groups : "SOURCE '${group}'"])} | ${replace(trimspace(local.queries[key]), "\n", " ")}"
            region = local.here[3]
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
  log_group_names = local.log_groups
  query_string    = trimspace(each.value)
}
