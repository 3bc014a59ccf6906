output "alarm_arns" {
  description = "ARN of each alarm, by key."
  value       = { for key, alarm in aws_cloudwatch_metric_alarm.this : key => alarm.arn }
}

output "alarm_names" {
  description = "Name of each alarm, by key; known at plan."
  value       = local.names
}
