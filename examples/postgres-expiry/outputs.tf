output "topic_arn" {
  description = "Topic that the alarms tell; subscribe to it."
  value       = aws_sns_topic.alarms.arn
}

output "expiry" {
  description = "Everything that the function tells of itself."
  value = {
    function_name         = module.postgres_expiry.function_name
    role_name             = module.postgres_expiry.role_name
    log_group_name        = module.postgres_expiry.log_group_name
    schedule_name         = module.postgres_expiry.schedule_name
    schedule_group_name   = module.postgres_expiry.schedule_group_name
    dead_letter_queue_url = module.postgres_expiry.dead_letter_queue_url
    dashboard_name        = module.postgres_expiry.dashboard_name
    alarm_arns            = module.postgres_expiry.alarm_arns
    query_names           = module.postgres_expiry.query_names
    invoke_command        = module.postgres_expiry.invoke_command
    service_grants        = module.postgres_expiry.service_grants
  }
}

output "pg_cron" {
  description = "The SQL to install in the database, and queries to look with; null without pg_cron in run_by."
  value       = module.postgres_expiry.pg_cron
}

output "systemd" {
  description = "The files for a machine of yours; null without systemd in run_by."
  value       = module.postgres_expiry.systemd
}
