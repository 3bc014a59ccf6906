output "function_name" {
  description = "Name of the function that purges."
  value       = module.function.function.name
}

output "function_arn" {
  description = "ARN of that function."
  value       = module.function.function.arn
}

output "role_name" {
  description = "Name of its role."
  value       = module.function.function.role_name
}

output "role_arn" {
  description = "ARN of its role. For IAM authentication the database's user needs `rds_iam`."
  value       = module.function.function.role_arn
}

output "log_group_name" {
  description = "Its log group."
  value       = module.function.function.log_group_name
}

output "functions" {
  description = "Both functions, `purge` and `retry`: `{ name, arn, role_name, role_arn, log_group_name, log_group_arn, timeout_s }`."
  value       = { purge = module.function.function, retry = module.retry.function }
}

output "dead_letter_queue_url" {
  description = "URL of the queue where failed runs and undelivered schedules wait."
  value       = module.dead_letters.queue.url
}

output "dead_letter_queue_arn" {
  description = "ARN of that queue."
  value       = module.dead_letters.queue.arn
}

output "retry_queue" {
  description = "Where a record that failed waits for its next try: `{ name, arn, url }`."
  value       = { name = local.retry_queue_name, arn = local.retry_queue_arn, url = aws_sqs_queue.retry.url }
}

output "resting_queue" {
  description = "Where a record rests that failed each time: `{ name, arn, url, kms_key_arn }`."
  value       = module.resting.queue
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
  description = "ARN of each alarm, by key; those of the retry function begin with `retry-`, those of resting records with `resting-`."
  value = merge(
    module.alarms.alarm_arns, module.function.alarm_arns, module.dead_letters.alarm_arns,
    { for key, arn in module.retry.alarm_arns : "retry-${key}" => arn },
    { for key, arn in module.resting.alarm_arns : "resting-${key}" => arn },
  )
}

output "dashboard_name" {
  description = "Name of the dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "query_names" {
  description = "Names of the saved Logs Insights queries, by what they list: `reports`, `records`, `failures`."
  value       = { for key, query in aws_cloudwatch_query_definition.this : key => query.name }
}

output "environment" {
  description = "What both functions are told, but for their queues' URLs; `PLAN` among it."
  value       = local.set_environment
}

output "statements" {
  description = "What each handler may call, as its role grants it: `purge`, `retry`."
  value       = local.statements
}

output "service_grants" {
  description = "What AWS's services do with the roles, each grant with its reason: `purge`, `retry`."
  value       = { purge = module.function.service_grants, retry = concat(module.retry.service_grants, local.retry_grants) }
}

output "invoke_command" {
  description = "A command for AWS CLI version 2 that makes a dry run and waits for its report. With the payload '{}' the run is real, unless dry_run is set."
  value       = replace(module.function.invoke_command, "'{}'", "'{\"dryRun\": true}'")
}

output "setup_command" {
  description = "A command that makes the tables of the outbox and of failures, once, and prints the GRANTs that the user needs. The user must then be one that may create a schema; or run `lambda_src/soft_delete_purge/sql/setup.sql` as one that may."
  value       = replace(module.function.invoke_command, "'{}'", "'{\"operation\": \"setup\"}'")
}

output "redrive_command" {
  description = "A command that moves what rests back to the retry queue, each record to be tried again."
  value       = "aws sqs start-message-move-task --region ${local.here[3]} --source-arn ${module.resting.queue.arn} --destination-arn ${local.retry_queue_arn}"
}
