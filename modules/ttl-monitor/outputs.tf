output "function_name" {
  description = "Name of the function."
  value       = module.function.function.name
}

output "function_arn" {
  description = "ARN of the function."
  value       = module.function.function.arn
}

output "role_name" {
  description = "Name of the function's role."
  value       = module.function.function.role_name
}

output "role_arn" {
  description = "ARN of the function's role."
  value       = module.function.function.role_arn
}

output "log_group_name" {
  description = "Log group of the function."
  value       = module.function.function.log_group_name
}

output "dead_letter_queue_url" {
  description = "URL of the queue where failed runs and undelivered schedules wait."
  value       = module.dead_letters.queue.url
}

output "dead_letter_queue_arn" {
  description = "ARN of that queue."
  value       = module.dead_letters.queue.arn
}

output "schedule_name" {
  description = "Name of the schedule."
  value       = module.schedule.schedule.name
}

output "schedule_group_name" {
  description = "Name of the schedule's group."
  value       = module.schedule.schedule.group_name
}

output "alarm_arns" {
  description = "ARN of each alarm, by key."
  value       = merge(module.alarms.alarm_arns, module.function.alarm_arns, module.dead_letters.alarm_arns)
}

output "dashboard_name" {
  description = "Name of the dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "query_name" {
  description = "Name of the saved Logs Insights query that lists the reports."
  value       = aws_cloudwatch_query_definition.reports.name
}

output "export_location" {
  description = "Where each run leaves its report; null without an export."
  value       = var.export == null ? null : "s3://${var.export.bucket.name}/${var.export.prefix}table=${var.table.name}/"
}

output "statements" {
  description = "What the handler may call, as the role grants it."
  value       = local.statements
}

output "service_grants" {
  description = "What AWS's services do with the role, each grant with its reason."
  value       = module.function.service_grants
}

output "invoke_command" {
  description = "A command for AWS CLI version 2 that runs the monitor once and waits for its report."
  value       = module.function.invoke_command
}
