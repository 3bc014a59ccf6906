variable "name" {
  description = "What fails into the queue; the queue is called `name-dead-letters`, shortened with a hash over 80 characters."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9][a-zA-Z0-9_-]{0,199}$", var.name))
    error_message = "name starts with a letter or digit, then letters, digits, '_' and '-', 200 characters at most."
  }
}

variable "tags" {
  description = "Tags of the queue and of its alarms."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "queue" {
  description = <<-EOT
    The queue itself. `fifo` is for the dead letters of a FIFO queue and nothing else: Lambda and EventBridge Scheduler
    deliver to standard queues only.
  EOT
  type = object({
    retention_days       = optional(number, 14)
    visibility_timeout_s = optional(number, 30)
    fifo                 = optional(bool, false)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.queue.retention_days >= 1 && var.queue.retention_days <= 14
    error_message = "queue.retention_days is 1 to 14 (SQS keeps nothing longer); leave it at 14 unless the content must go sooner."
  }

  validation {
    condition     = var.queue.visibility_timeout_s >= 0 && var.queue.visibility_timeout_s <= 43200
    error_message = "queue.visibility_timeout_s is 0 to 43200 (12 hours)."
  }
}

variable "source_queue_arns" {
  description = "Queues that may name this one in their redrive policy; none may while it is empty. Lambda and EventBridge Scheduler need no entry."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.source_queue_arns) <= 10
    error_message = "source_queue_arns holds at most ten queues (a limit of SQS); give the others a dead-letter queue of their own."
  }

  validation {
    condition     = alltrue([for arn in var.source_queue_arns : can(regex("^arn:[a-z-]+:sqs:[^*?]+$", arn))])
    error_message = "source_queue_arns holds whole ARNs of SQS queues, without wildcards."
  }
}

variable "senders" {
  description = <<-EOT
    AWS services that may send by the queue's own policy, each on behalf of the named resources only (for example
    events.amazonaws.com and a rule's ARN). Lambda and EventBridge Scheduler send under their roles and need no entry.
  EOT
  type = list(object({
    service     = string
    source_arns = list(string)
  }))
  default  = []
  nullable = false

  validation {
    condition     = alltrue([for s in var.senders : can(regex("^[a-z0-9.-]+[.]amazonaws[.]com([.]cn)?$", s.service))])
    error_message = "A sender's service is a service principal, for example events.amazonaws.com."
  }

  validation {
    condition = alltrue([
      for s in var.senders : length(s.source_arns) > 0 && alltrue([for arn in s.source_arns : can(regex("^arn:[a-z-]+:[^*?]+$", arn))])
    ])
    error_message = "A sender names the whole ARNs, without wildcards, of the resources it sends for: any other customer's would be let in too."
  }
}

variable "kms_key_arn" {
  description = "A customer's key for the messages; SQS's own encryption (SSE-SQS) while null. Those who send need kms:GenerateDataKey and kms:Decrypt on it."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null ? true : can(regex("^arn:[a-z-]+:kms:", var.kms_key_arn))
    error_message = "kms_key_arn is the ARN of a KMS key (arn:aws:kms:...)."
  }
}

variable "alarms" {
  description = <<-EOT
    Who is told, and when: from `message_count` waiting messages on, and when the oldest has waited `oldest_message_hours`.
    A threshold of 0 switches its alarm off.
  EOT
  type = object({
    enabled              = optional(bool, true)
    topic_arns           = optional(list(string), [])
    ok_topic_arns        = optional(list(string), [])
    message_count        = optional(number, 1)
    oldest_message_hours = optional(number, 24)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.alarms.message_count >= 0 && var.alarms.oldest_message_hours >= 0
    error_message = "alarms.message_count and alarms.oldest_message_hours are 0 (off) or more."
  }

  validation {
    condition     = var.alarms.oldest_message_hours < 24 * var.queue.retention_days
    error_message = "alarms.oldest_message_hours must lie below queue.retention_days: later there is nothing left to save."
  }
}
