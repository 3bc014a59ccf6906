output "queue" {
  description = "The queue: `{ name, arn, url, kms_key_arn }`, as `function` and `schedule` take it."
  value = {
    name        = local.queue_name
    arn         = local.queue_arn # as SQS will say it: known at plan, so that policies which name it can be read there
    url         = aws_sqs_queue.this.url
    kms_key_arn = var.kms_key_arn
  }
}

output "alarm_arns" {
  description = "ARN of each alarm, by key (`messages`, `oldest-message`)."
  value       = module.alarms.alarm_arns
}
