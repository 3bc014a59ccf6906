output "schedule" {
  description = "The schedule: `{ name, arn, group_name, role_name, role_arn }`."
  value = {
    name       = aws_scheduler_schedule.this.name
    arn        = aws_scheduler_schedule.this.arn
    group_name = aws_scheduler_schedule_group.this.name
    role_name  = aws_iam_role.this.name
    role_arn   = aws_iam_role.this.arn
  }
}

output "interval_minutes" {
  description = "Minutes between two runs of a rate expression, as ratio alarms ask for them; null for cron and at."
  value       = local.interval_minutes
}

output "service_grants" {
  description = "What the role grants, each with its reason: Scheduler alone uses it."
  value       = local.service_grants
}
