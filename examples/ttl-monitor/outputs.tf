output "table_name" {
  description = "Name of the table that is watched."
  value       = module.checkpoints.table.name
}

output "topic_arn" {
  description = "Topic that the alarms tell; subscribe to it."
  value       = aws_sns_topic.alarms.arn
}

output "export_bucket" {
  description = "Bucket that the reports go to."
  value       = module.reports.bucket.name
}

output "monitor" {
  description = "Everything that the monitor tells of itself."
  value = {
    function_name         = module.ttl_monitor.function_name
    role_name             = module.ttl_monitor.role_name
    log_group_name        = module.ttl_monitor.log_group_name
    schedule_name         = module.ttl_monitor.schedule_name
    schedule_group_name   = module.ttl_monitor.schedule_group_name
    dead_letter_queue_url = module.ttl_monitor.dead_letter_queue_url
    dashboard_name        = module.ttl_monitor.dashboard_name
    alarm_arns            = module.ttl_monitor.alarm_arns
    query_name            = module.ttl_monitor.query_name
    invoke_command        = module.ttl_monitor.invoke_command
    service_grants        = module.ttl_monitor.service_grants
  }
}
