locals {
  # One target for the reads and one for the writes of the table and of each index.
  targets = !local.provisioned ? {} : merge([
    for owner, limits in merge({ "" = var.billing.provisioned }, local.limits) : {
      for direction in ["read", "write"] : (owner == "" ? direction : "${owner}/${direction}") => {
        resource_id = owner == "" ? "table/${aws_dynamodb_table.this.name}" : "table/${aws_dynamodb_table.this.name}/index/${owner}"
        dimension   = "dynamodb:${owner == "" ? "table" : "index"}:${title(direction)}CapacityUnits"
        metric      = "DynamoDB${title(direction)}CapacityUtilization"
        limits      = limits[direction]
      }
    }
  ]...)
}

resource "aws_appautoscaling_target" "this" {
  for_each = local.targets

  service_namespace  = "dynamodb"
  resource_id        = each.value.resource_id
  scalable_dimension = each.value.dimension
  min_capacity       = each.value.limits.min
  max_capacity       = each.value.limits.max
  tags               = var.tags
}

resource "aws_appautoscaling_policy" "this" {
  for_each = local.targets

  name               = each.value.metric
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this[each.key].service_namespace
  resource_id        = aws_appautoscaling_target.this[each.key].resource_id
  scalable_dimension = aws_appautoscaling_target.this[each.key].scalable_dimension

  target_tracking_scaling_policy_configuration {
    target_value = each.value.limits.target_percent

    predefined_metric_specification {
      predefined_metric_type = each.value.metric
    }
  }
}
