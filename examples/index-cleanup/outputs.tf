output "table_name" {
  description = "Name of the table of attributes."
  value       = module.attributes.table.name
}

output "topic_arn" {
  description = "Topic that the alarms tell; subscribe to it."
  value       = aws_sns_topic.alarms.arn
}

output "lifetimes" {
  description = "How long the application's data lives, in seconds."
  value       = module.index_cleanup.lifetimes
}

output "cleanup" {
  description = "Everything that the cleanup tells of itself."
  value = {
    function_name         = module.index_cleanup.function_name
    role_name             = module.index_cleanup.role_name
    log_group_name        = module.index_cleanup.log_group_name
    schedule_name         = module.index_cleanup.schedule_name
    schedule_group_name   = module.index_cleanup.schedule_group_name
    dead_letter_queue_url = module.index_cleanup.dead_letter_queue_url
    dashboard_name        = module.index_cleanup.dashboard_name
    alarm_arns            = module.index_cleanup.alarm_arns
    query_names           = module.index_cleanup.query_names
    invoke_command        = module.index_cleanup.invoke_command
    backfill_command      = module.index_cleanup.backfill_command
    service_grants        = module.index_cleanup.service_grants
  }
}
