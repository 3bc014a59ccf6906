output "table" {
  description = "The table, as the other modules take it. `ttl_attribute` stays while TTL is off; `kms_key_arn` is a key of yours, or null."
  value = {
    name             = aws_dynamodb_table.this.name
    arn              = aws_dynamodb_table.this.arn
    hash_key         = aws_dynamodb_table.this.hash_key
    range_key        = aws_dynamodb_table.this.range_key
    ttl_attribute    = var.ttl.attribute_name
    stream_arn       = var.stream_view_type == null ? null : aws_dynamodb_table.this.stream_arn
    stream_view_type = var.stream_view_type
    kms_key_arn      = var.kms_key_arn
  }
}

output "alarm_arns" {
  description = "ARNs of the alarms by key (`read-throttles`, `system-errors`, ...); empty where alarms are off."
  value       = var.alarms.enabled ? module.alarms[0].alarm_arns : {}
}
