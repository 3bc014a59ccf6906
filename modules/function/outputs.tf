output "function" {
  description = "The function: `{ name, arn, role_name, role_arn, log_group_name, log_group_arn, timeout_s }`."
  value = {
    name           = aws_lambda_function.this.function_name
    arn            = aws_lambda_function.this.arn
    role_name      = aws_iam_role.this.name
    role_arn       = aws_iam_role.this.arn
    log_group_name = aws_cloudwatch_log_group.this.name
    log_group_arn  = aws_cloudwatch_log_group.this.arn
    timeout_s      = aws_lambda_function.this.timeout
  }
}

output "failure_queue" {
  description = "Where failed asynchronous invocations go, as it was passed in; null without one."
  value       = var.failure_queue
}

output "alarm_arns" {
  description = "ARN of each alarm, by key (`errors`, `error-rate`, `throttles`, `duration`, `silence`)."
  value       = module.alarms.alarm_arns
}

output "invoke_command" {
  description = "A command for AWS CLI version 2 that runs the function once and waits for its answer."
  value       = local.invoke_command
}

output "service_grants" {
  description = "What the role grants beside `statements`, each with its reason: Lambda itself uses it, the handler does not."
  value       = local.service_grants
}

output "identity" {
  description = "What the function and its role will be called, before they are made: `{ function_name, function_arn, role_arn }`, for alarms and policies that must not wait for them."
  value = {
    function_name = local.name
    function_arn  = local.function_arn
    role_arn      = "arn:${local.partition}:iam::${local.account_id}:role${var.role_path}${local.role_name}"
  }
}
