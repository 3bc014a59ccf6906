output "work_queue_url" {
  description = "Queue that workers take their work from."
  value       = aws_sqs_queue.work.url
}

output "interrupt_queue_urls" {
  description = "Queue of interrupts by worker."
  value       = { for name, queue in aws_sqs_queue.interrupts : name => queue.url }
}

output "documents_table" {
  description = "Name of the table that workers write to."
  value       = module.documents.table.name
}

output "topic_arn" {
  description = "Topic that the alarms tell; subscribe to it."
  value       = aws_sns_topic.alarms.arn
}

output "claims" {
  description = "Everything that the claims tell of themselves."
  value = {
    functions                = module.job_claims.functions
    tables                   = module.job_claims.tables
    state_machine            = module.job_claims.state_machine
    interrupt_queue_template = module.job_claims.interrupt_queue_template
    dead_letter_queue_url    = module.job_claims.dead_letter_queue_url
    dashboard_name           = module.job_claims.dashboard_name
    alarm_arns               = module.job_claims.alarm_arns
    statements               = module.job_claims.statements
    service_grants           = module.job_claims.service_grants
    invoke_command           = module.job_claims.invoke_command
  }
}

output "state_machine_arn" {
  description = "State machine that messages start an execution of."
  value       = module.job_claims.state_machine.arn
}

output "dead_letter_queue_url" {
  description = "Queue where jobs that failed, and workers that died, wait for a person."
  value       = module.job_claims.dead_letter_queue_url
}
