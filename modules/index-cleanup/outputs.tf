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
  description = "Log group of the function: one line for each row that went, or would have, and one report a run."
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

output "query_names" {
  description = "Names of the saved Logs Insights queries, by what they list: `results`, `errors`, and `token-creation` with `application_log`."
  value       = { for key, query in aws_cloudwatch_query_definition.this : key => query.name }
}

output "lifetimes" {
  description = "The lifetimes, in seconds, for the application to read: what it stores and what is cleaned up then agree."
  value       = var.lifetimes
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
  description = "A command for AWS CLI version 2 that makes a dry run and waits for its report. With the payload '{}' the run is real, unless dry_run is set."
  value       = replace(module.function.invoke_command, "'{}'", "'{\"dryRun\": true}'")
}

output "backfill_command" {
  description = "A command that makes a dry backfill: it says which rows would get a TTL. Null without backfill."
  value       = var.backfill ? replace(module.function.invoke_command, "'{}'", "'{\"operation\": \"backfill\", \"dryRun\": true}'") : null
}
