output "functions" {
  description = "Each function, by what it does (`check_active_job`, `claim_job`, ...): `{ function_name, function_arn, role_name, role_arn, log_group_name, invoke_command }`. The command holds an example of its request: change the ids."
  value = {
    for key, function in module.functions : key => {
      function_name  = function.function.name
      function_arn   = function.function.arn
      role_name      = function.function.role_name
      role_arn       = function.function.role_arn
      log_group_name = function.function.log_group_name
      invoke_command = replace(function.invoke_command, "'{}'", "'${jsonencode(local.functions[key].example)}'")
    }
  }
}

output "tables" {
  description = "The two tables, `active_jobs` and `interruptions`, as the other modules take them."
  value       = { active_jobs = module.active_jobs.table, interruptions = module.interruptions.table }
}

output "state_machine" {
  description = "The state machine: `{ name, arn, role_name, role_arn, log_group_name, start_command }`; null without one. The command starts an execution once for each message's id, however often it is run."
  value = !local.with_machine ? null : {
    name           = aws_sfn_state_machine.this[0].name
    arn            = aws_sfn_state_machine.this[0].arn
    role_name      = aws_iam_role.machine[0].name
    role_arn       = aws_iam_role.machine[0].arn
    log_group_name = aws_cloudwatch_log_group.machine[0].name
    start_command  = "aws stepfunctions start-execution --state-machine-arn ${local.machine_arn} --region ${local.region} --name ${local.example.messageId} --input '${jsonencode(merge(local.example_key, { threadId = local.example.threadId, messageId = local.example.messageId }))}'"
  }
}

output "interrupt_queue_template" {
  description = "How the containers' queues are called, with this module's name filled in: what makes a container makes its queue by it."
  value       = local.queue_template
}

output "work_queue_template" {
  description = "How the queues of work are called, with this module's name filled in; null where one queue is for all, or there is no state machine."
  value       = local.work_template
}

output "dead_letter_queue_url" {
  description = "URL of the queue where jobs that failed, and workers that died, wait for a person."
  value       = module.dead_letters.queue.url
}

output "dead_letter_queue_arn" {
  description = "ARN of that queue."
  value       = module.dead_letters.queue.arn
}

output "schedule_name" {
  description = "Null: nothing here runs by the clock."
  value       = null
}

output "alarm_arns" {
  description = "ARN of each alarm, by key; those of a function have its name before theirs."
  value = merge(
    module.alarms.alarm_arns,
    module.dead_letters.alarm_arns,
    { for key, arn in module.active_jobs.alarm_arns : "active-jobs-${key}" => arn },
    { for key, arn in module.interruptions.alarm_arns : "interruptions-${key}" => arn },
    merge([for name, function in module.functions : { for key, arn in function.alarm_arns : "${replace(name, "_", "-")}-${key}" => arn }]...),
  )
}

output "dashboard_name" {
  description = "Name of the dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "statements" {
  description = "What each handler may call, as its role grants it, by function."
  value       = local.statements
}

output "state_machine_statements" {
  description = "What the state machine's role may call; empty without one."
  value       = [for statement in local.machine_statements : statement if local.with_machine]
}

output "service_grants" {
  description = "What AWS's services do with the functions' roles, each grant with its reason, by function."
  value       = { for key, function in module.functions : key => function.service_grants }
}

output "invoke_command" {
  description = "A command for AWS CLI version 2 that asks who works on a key; change the ids."
  value       = replace(module.functions["check_active_job"].invoke_command, "'{}'", "'${jsonencode(local.functions.check_active_job.example)}'")
}
