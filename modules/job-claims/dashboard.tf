locals {
  own            = { for metric in keys(local.emitted.metrics) : metric => [local.namespace, metric, "JobClaims", var.name] }
  known_function = { for key, function in module.functions : key => function.identity.function_name }

  graphs = concat(
    [
      {
        title   = "Claims, and how they ended"
        metrics = [for metric in ["Claims", "Refreshes", "ClaimsHeld", "ClaimsRateLimited", "Preemptions"] : local.own[metric]]
        stat    = "Sum"
      },
      {
        title   = "Interrupts"
        metrics = [for metric in ["Interrupts", "InterruptsWithoutQueue", "Interruptions"] : local.own[metric]]
        stat    = "Sum"
      },
      {
        title   = "Ends of claims"
        metrics = [for metric in ["Releases", "Timeouts", "StaleFences"] : local.own[metric]]
        stat    = "Sum"
      },
      {
        title   = "How long claims were held, in seconds"
        metrics = [concat(local.own.LeaseAge, [{ stat = "Average" }]), concat(local.own.LeaseAge, [{ stat = "Maximum" }])]
        stat    = "Maximum"
      },
      {
        title   = "The functions: errors"
        metrics = [for name in local.known_function : ["AWS/Lambda", "Errors", "FunctionName", name]]
        stat    = "Sum"
      },
      {
        title   = "The functions: duration"
        metrics = [for name in local.known_function : ["AWS/Lambda", "Duration", "FunctionName", name]]
        stat    = "Maximum"
      },
    ],
    [for graph in [
      {
        title   = "Executions"
        metrics = [for metric in ["ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut"] : ["AWS/States", metric, "StateMachineArn", local.machine_arn]]
        stat    = "Sum"
      },
    ] : graph if local.with_machine],
    [for graph in [
      {
        title   = "Work that waits for a container, in seconds"
        metrics = [["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", local.work_queue_name]]
        stat    = "Maximum"
      },
    ] : graph if local.work_queue_name != ""],
  )
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
            period  = 300
            region  = local.region
            view    = "timeSeries"
          }
        }
      ],
      [
        for index, key in ["refusals", "timeouts"] : {
          type   = "log"
          x      = 0
          y      = 18 + 6 * index
          width  = 24
          height = 6
          properties = {
            title  = title(key)
            query  = "${join(" | ", [for group in local.query_groups[key] : "SOURCE '${group}'"])} | ${replace(trimspace(local.queries[key].text), "\n", " ")}"
            region = local.region
            view   = "table"
          }
        }
      ],
    )
  })
}
