locals {
  own = { for metric in keys(local.emitted.metrics) : metric => [local.namespace, metric, "JobClaims", var.name] }

  graphs = concat(
    [
      { title = "Claims, and how they ended", stat = "Sum", metrics = [for metric in ["Claims", "Refreshes", "ClaimsHeld", "ClaimsRateLimited", "Preemptions"] : local.own[metric]] },
      { title = "Interrupts", stat = "Sum", metrics = [for metric in ["Interrupts", "InterruptsWithoutQueue", "Interruptions"] : local.own[metric]] },
      { title = "Ends of claims", stat = "Sum", metrics = [for metric in ["Releases", "Timeouts", "StaleFences"] : local.own[metric]] },
      { title = "How long claims were held, in seconds", stat = "Maximum", metrics = [local.own.LeaseAge] },
      { title = "The functions: errors", stat = "Sum", metrics = [for function in module.functions : ["AWS/Lambda", "Errors", "FunctionName", function.function.name]] },
      { title = "The functions: duration", stat = "Maximum", metrics = [for function in module.functions : ["AWS/Lambda", "Duration", "FunctionName", function.function.name]] },
    ],
    [for graph in [
      { title = "Executions", stat = "Sum", metrics = [for metric in ["ExecutionsStarted", "ExecutionsSucceeded", "ExecutionsFailed", "ExecutionsTimedOut"] : ["AWS/States", metric, "StateMachineArn", local.machine_arn]] },
      { title = "Work that waits for a container", stat = "Maximum", metrics = [["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", local.machine.work_queue.name]] },
    ] : graph if local.with_machine],
  )
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = [
      for place, graph in local.graphs : {
        type   = "metric"
        x      = place % 2 * 12
        y      = floor(place / 2) * 6
        width  = 12
        height = 6
        properties = {
          title   = graph.title
          region  = local.region
          view    = "timeSeries"
          stat    = graph.stat
          period  = 300
          metrics = graph.metrics
        }
      }
    ]
  })
}
