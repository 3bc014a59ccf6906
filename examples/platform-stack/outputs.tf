locals {
  # Every system by a name of its own. Each gives the same outputs, so they can be read alike.
  systems = merge(
    { for key, monitor in module.ttl_monitor : "ttl-${key}" => monitor },
    {
      uploads  = module.upload_cleanup
      index    = module.index_cleanup
      rows     = module.postgres_expiry
      projects = module.soft_delete_purge
      agents   = module.job_claims
    },
  )
}

output "invoke_commands" {
  description = "What to type to try each system; none of it deletes. `agents` has one for each of its functions, with an example of its request."
  value = merge(
    { for key, system in local.systems : key => system.invoke_command if key != "agents" },
    { for key, function in module.job_claims.functions : "agents-${replace(key, "_", "-")}" => function.invoke_command },
  )
}

output "start_command" {
  description = "What to type to send a first message to the agents."
  value       = module.job_claims.state_machine.start_command
}

output "other_commands" {
  description = "What is typed once, or rarely: make the purge's own tables, undo a run of the upload cleanup, try records again that rest."
  value = {
    purge_setup     = module.soft_delete_purge.setup_command
    purge_redrive   = module.soft_delete_purge.redrive_command
    uploads_restore = module.upload_cleanup.restore_command
  }
}

output "topic_arn" {
  description = "Topic that every alarm tells; subscribe to it first."
  value       = aws_sns_topic.alarms.arn
}

output "alarm_arns" {
  description = "ARN of each alarm, by system and key; `tables` are those of the three tables that the stack makes itself."
  value = merge({ for key, system in local.systems : key => system.alarm_arns }, {
    tables = merge([
      for key, table in { sessions = module.sessions, upload-sessions = module.upload_sessions, attributes = module.attributes } :
      { for alarm, arn in table.alarm_arns : "${key}-${alarm}" => arn }
    ]...)
  })
}

output "dashboard_names" {
  description = "Name of each system's dashboard."
  value       = { for key, system in local.systems : key => system.dashboard_name }
}

output "dead_letter_queue_urls" {
  description = "Where each system's failed work waits."
  value       = { for key, system in local.systems : key => system.dead_letter_queue_url }
}

output "application_contract" {
  description = "What an application that uploads must keep."
  value       = module.upload_cleanup.application_contract.text
}

output "stores" {
  description = "What the application works with: tables and buckets whole, as other modules take them, and the queues' URLs."
  value = {
    tables           = { sessions = module.sessions.table, upload_sessions = module.upload_sessions.table, attributes = module.attributes.table }
    media            = module.media.bucket
    records          = module.records.bucket
    work_queue       = aws_sqs_queue.work.url
    interrupt_queues = { for name, queue in aws_sqs_queue.interrupts : name => queue.url }
  }
}

output "kms_key_arn" {
  description = "The key, for those who read and write what it encrypts; null where AWS's own keys do."
  value       = local.kms_key_arn
}
