output "topic_arn" {
  description = "Topic that the alarms tell; subscribe to it."
  value       = aws_sns_topic.alarms.arn
}

output "purge" {
  description = "Everything that the purge tells of itself."
  value = {
    function_name         = module.moc_purge.function_name
    role_name             = module.moc_purge.role_name
    log_group_name        = module.moc_purge.log_group_name
    functions             = module.moc_purge.functions
    schedule_name         = module.moc_purge.schedule_name
    schedule_group_name   = module.moc_purge.schedule_group_name
    dead_letter_queue_url = module.moc_purge.dead_letter_queue_url
    retry_queue           = module.moc_purge.retry_queue
    resting_queue         = module.moc_purge.resting_queue
    dashboard_name        = module.moc_purge.dashboard_name
    alarm_arns            = module.moc_purge.alarm_arns
    query_names           = module.moc_purge.query_names
    invoke_command        = module.moc_purge.invoke_command
    setup_command         = module.moc_purge.setup_command
    redrive_command       = module.moc_purge.redrive_command
    service_grants        = module.moc_purge.service_grants
  }
}
