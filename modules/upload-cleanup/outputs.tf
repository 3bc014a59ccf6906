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
  description = "Log group of the function: the audit trail is there, one line for each action."
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
  description = "Names of the saved Logs Insights queries, by what they list: `reports`, `actions`."
  value       = { for key, query in aws_cloudwatch_query_definition.this : key => query.name }
}

output "audit_location" {
  description = "Where the audit trail goes; null without one."
  value       = var.audit == null ? null : "s3://${var.audit.bucket.name}/${var.audit.prefix}"
}

output "stream_failure_location" {
  description = "Where stream records go that could not be cleaned up after. In the audit bucket they are the records themselves; in the dead-letter queue only their positions in the stream, which keeps them a day. Null without stream_cleanup."
  value       = var.stream_cleanup ? local.stream_failures.location : null
}

output "application_contract" {
  description = <<-EOT
    What an application must keep so that no upload is lost, as `text`; and the condition of the write that completes a session:
    `condition_expression` with its `expression_attribute_names` and `expression_attribute_values`, as DynamoDB takes them.
  EOT
  value       = local.application_contract
}

output "bucket_policy_json" {
  description = "A bucket policy that refuses deletes without an ETag to everyone who uses the function's role. For a bucket whose policy is not made by `lifecycle-bucket`; merge it with what is there."
  value       = local.bucket_policy_json
}

output "bucket_policy_statements" {
  description = "The same, as `lifecycle-bucket` takes it: `policy_statements = module.upload_cleanup.bucket_policy_statements`. It depends on nothing that is made, so the bucket may come first."
  value       = local.bucket_policy_statements
}

output "statements" {
  description = "What the handler may call, as the role grants it."
  value       = local.statements
}

output "service_grants" {
  description = "What AWS's services do with the role, each grant with its reason."
  value       = concat(module.function.service_grants, local.stream_grants)
}

output "invoke_command" {
  description = "A command for AWS CLI version 2 that makes a dry run and waits for its report. With the payload '{}' the run is real, unless dry_run is set."
  value       = replace(module.function.invoke_command, "'{}'", "'{\"dryRun\": true}'")
}

output "restore_command" {
  description = "A command that takes back the delete markers of the run whose id stands in place of RUN_ID; null without restore."
  value       = var.restore ? replace(module.function.invoke_command, "'{}'", "'{\"operation\": \"restore\", \"runId\": \"RUN_ID\"}'") : null
}
