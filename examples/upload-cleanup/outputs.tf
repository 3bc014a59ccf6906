output "table_name" {
  description = "Name of the table of sessions."
  value       = module.sessions.table.name
}

output "bucket_name" {
  description = "Name of the bucket that uploads go to."
  value       = module.uploads.bucket.name
}

output "audit_bucket" {
  description = "Name of the bucket with the audit trail."
  value       = module.audit.bucket.name
}

output "topic_arn" {
  description = "Topic that the alarms tell; subscribe to it."
  value       = aws_sns_topic.alarms.arn
}

output "application_contract" {
  description = "What the uploading application must keep; uploader.py does."
  value       = module.upload_cleanup.application_contract.text
}

output "cleanup" {
  description = "Everything that the cleanup tells of itself."
  value = {
    function_name           = module.upload_cleanup.function_name
    role_name               = module.upload_cleanup.role_name
    log_group_name          = module.upload_cleanup.log_group_name
    schedule_name           = module.upload_cleanup.schedule_name
    schedule_group_name     = module.upload_cleanup.schedule_group_name
    dead_letter_queue_url   = module.upload_cleanup.dead_letter_queue_url
    dashboard_name          = module.upload_cleanup.dashboard_name
    alarm_arns              = module.upload_cleanup.alarm_arns
    query_names             = module.upload_cleanup.query_names
    audit_location          = module.upload_cleanup.audit_location
    stream_failure_location = module.upload_cleanup.stream_failure_location
    invoke_command          = module.upload_cleanup.invoke_command
    restore_command         = module.upload_cleanup.restore_command
    service_grants          = module.upload_cleanup.service_grants
    bucket_policy_json      = module.upload_cleanup.bucket_policy_json
    contract                = module.upload_cleanup.application_contract
  }
}
