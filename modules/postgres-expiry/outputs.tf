output "function_name" {
  description = "Name of the function; like all that follows of AWS null without `lambda` in run_by."
  value       = try(module.function[0].function.name, null)
}

output "function_arn" {
  description = "ARN of the function."
  value       = try(module.function[0].function.arn, null)
}

output "role_name" {
  description = "Name of the function's role."
  value       = try(module.function[0].function.role_name, null)
}

output "role_arn" {
  description = "ARN of the function's role. For IAM authentication the database's user needs `rds_iam`."
  value       = try(module.function[0].function.role_arn, null)
}

output "log_group_name" {
  description = "Log group of the function."
  value       = try(module.function[0].function.log_group_name, null)
}

output "dead_letter_queue_url" {
  description = "URL of the queue where failed runs and undelivered schedules wait."
  value       = try(module.dead_letters[0].queue.url, null)
}

output "dead_letter_queue_arn" {
  description = "ARN of that queue."
  value       = try(module.dead_letters[0].queue.arn, null)
}

output "schedule_name" {
  description = "Name of the schedule."
  value       = try(module.schedule[0].schedule.name, null)
}

output "schedule_group_name" {
  description = "Name of the schedule's group."
  value       = try(module.schedule[0].schedule.group_name, null)
}

output "alarm_arns" {
  description = "ARN of each alarm, by key; `backlog-grows-NAME` for each of the tables."
  value       = local.by_lambda ? merge(module.alarms[0].alarm_arns, module.function[0].alarm_arns, module.dead_letters[0].alarm_arns) : {}
}

output "dashboard_name" {
  description = "Name of the dashboard."
  value       = try(aws_cloudwatch_dashboard.this[0].dashboard_name, null)
}

output "query_names" {
  description = "Names of the saved Logs Insights queries, by what they list: `reports`, `errors`."
  value       = { for key, query in aws_cloudwatch_query_definition.this : key => query.name }
}

output "statements" {
  description = "What the handler may call, as the role grants it."
  value       = [for statement in local.statements : statement if local.by_lambda]
}

output "service_grants" {
  description = "What AWS's services do with the role, each grant with its reason."
  value       = try(module.function[0].service_grants, [])
}

output "invoke_command" {
  description = "A command for AWS CLI version 2 that makes a dry run and waits for its report. With the payload '{}' the run is real, unless dry_run is set."
  value       = try(replace(module.function[0].invoke_command, "'{}'", "'{\"dryRun\": true}'"), null)
}

output "pg_cron" {
  description = <<-EOT
    The job inside the database: `files`, by name, to run with psql in this order: `install.sql` (in the database of the tables),
    `schedule.sql` (where pg_cron lives); and to take it back `unschedule.sql`, `uninstall.sql`. `queries` to look with. `null` without
    `pg_cron` in run_by.
  EOT
  value       = local.by_pg_cron ? { files = local.pg_cron_files, queries = local.pg_cron_queries } : null
}

output "systemd" {
  description = "The job on a machine of yours: `files` by name (`.service`, `.timer`, `crontab`, `config.json`, `INSTALL.md`), and `zip`, the packed program. `null` without `systemd` in run_by."
  value       = local.by_systemd ? { files = local.systemd_files, zip = local.packaged_zip } : null
}

output "lifetimes" {
  description = "How long sessions and tokens live, in seconds, as the preset counts; for the application's own settings."
  value       = var.lifetimes
}
