output "queue" {
  description = "The queue: `{ name, arn, url, kms_key_arn }`, as `function` and `schedule` take it."
  value = {
    name        = aws_sqs_queue.this.name
    arn         = aws_sqs_queue.this.arn
    url         = aws_sqs_queue.this.url
    kms_key_arn = var.kms_key_arn
  }
}

output "alarm_arns" {
  description = "ARN of each alarm, by key (`messages`, `oldest-message`)."
  value       = module.alarms.alarm_arns
}
