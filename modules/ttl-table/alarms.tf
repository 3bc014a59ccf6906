locals {
  throttled = merge([
    for direction in ["read", "write"] : {
      for owner in concat([""], keys(var.indexes)) : (owner == "" ? "${direction}-throttles" : "${direction}-throttles-${owner}") => {
        description = join(" ", [
          "DynamoDB throttles ${direction}s of ${owner == "" ? "the table" : "the index ${owner} of"} ${var.name}.",
          local.provisioned ? "Raise the max of its provisioned limits," : "Raise its on_demand limits where there are any,",
          "and look for a hot partition key (CloudWatch Contributor Insights).",
        ])
        threshold           = var.alarms.throttled_events
        evaluation_periods  = 3
        datapoints_to_alarm = 2
        metric = {
          namespace  = "AWS/DynamoDB"
          name       = "${title(direction)}ThrottleEvents"
          dimensions = merge({ TableName = var.name }, owner == "" ? {} : { GlobalSecondaryIndexName = owner })
          statistic  = "Sum"
        }
      }
    }
  ]...)

  # SystemErrors exists only with its operation, and only while there are any: hence the sum, and FILL.
  operation_ids = { for operation in var.alarms.operations : lower(operation) => operation }
  system_errors = {
    description         = "DynamoDB itself fails on ${var.name} (HTTP 500). The SDKs retry; if it lasts, see the AWS Health Dashboard and open a support case."
    threshold           = var.alarms.system_errors
    evaluation_periods  = 3
    datapoints_to_alarm = 2
    metrics = merge(
      {
        errors = {
          expression  = join(" + ", [for id in keys(local.operation_ids) : "FILL(${id}, 0)"])
          label       = "system errors"
          return_data = true
        }
      },
      {
        for id, operation in local.operation_ids : id => {
          metric = {
            namespace  = "AWS/DynamoDB"
            name       = "SystemErrors"
            dimensions = { TableName = var.name, Operation = operation }
            statistic  = "Sum"
          }
        }
      },
    )
  }
}

module "alarms" {
  source = "../alarms"
  count  = var.alarms.enabled ? 1 : 0

  # A table's name may be longer, and begin otherwise, than an alarm's.
  name       = "table-${length(var.name) <= 180 ? var.name : "${substr(var.name, 0, 171)}-${substr(sha256(var.name), 0, 8)}"}"
  topic_arns = var.alarms.topic_arns
  tags       = var.tags
  alarms     = merge(local.throttled, { system-errors = local.system_errors })
}
