locals {
  dimensions = { QueueName = local.queue_name }

  alarms = {
    messages = {
      enabled     = var.alarms.message_count > 0
      description = "${local.queue_name} holds dead letters. Read one (aws sqs receive-message), mend its cause, run the work again, then delete it. Each waits ${var.queue.retention_days} days at most."
      metric_name = "ApproximateNumberOfMessagesVisible"
      threshold   = var.alarms.message_count
    }
    oldest-message = {
      enabled     = var.alarms.oldest_message_hours > 0
      description = "A dead letter has waited ${var.alarms.oldest_message_hours} hours in ${local.queue_name}. Save or replay what is left: SQS deletes it after ${var.queue.retention_days} days, from when it was first sent."
      metric_name = "ApproximateAgeOfOldestMessage"
      threshold   = var.alarms.oldest_message_hours * 3600
    }
  }
}

module "alarms" {
  source = "../alarms"

  name          = local.full_name
  topic_arns    = var.alarms.topic_arns
  ok_topic_arns = var.alarms.ok_topic_arns
  tags          = var.tags

  alarms = {
    for key, alarm in local.alarms : key => {
      description = alarm.description
      comparison  = "GreaterThanOrEqualToThreshold"
      threshold   = alarm.threshold
      period_s    = 300
      # SQS publishes nothing for a queue that has been empty and unused for six hours.
      treat_missing_data = "notBreaching"
      metric = {
        namespace  = "AWS/SQS"
        name       = alarm.metric_name
        dimensions = local.dimensions
        statistic  = "Maximum"
      }
    } if var.alarms.enabled && alarm.enabled
  }
}
