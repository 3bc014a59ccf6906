variable "name" {
  description = "Name of these claims. Everything that is made is named after it, so two in one account and region never clash. Shortened with a hash where AWS takes no more than 64 characters."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9][a-zA-Z0-9_-]{0,179}$", var.name))
    error_message = "name starts with a letter or digit, then letters, digits, '_' and '-', 180 characters at most."
  }
}

variable "tags" {
  description = "Tags of everything that is made here."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "lease_seconds" {
  description = "How long a claim holds without being refreshed. A worker that dies blocks its key for so long at most; one that lives refreshes in time."
  type        = number
  default     = 3600
  nullable    = false

  validation {
    condition     = var.lease_seconds >= 120 && var.lease_seconds <= 604800 && floor(var.lease_seconds) == var.lease_seconds
    error_message = "lease_seconds is a whole number, 120 to 604800: a shorter lease is of the size of the clocks' skew and a cold start."
  }

  validation {
    condition     = var.lease_seconds > 2 * var.clock_skew_seconds
    error_message = "lease_seconds must be more than twice clock_skew_seconds, or a lease could seem over when it begins."
  }
}

variable "clock_skew_seconds" {
  description = "How far clocks may differ: so much later than its end a lease is taken over by others."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.clock_skew_seconds >= 0 && var.clock_skew_seconds <= 300 && floor(var.clock_skew_seconds) == var.clock_skew_seconds
    error_message = "clock_skew_seconds is a whole number, 0 to 300."
  }
}

variable "fence_retention_days" {
  description = "How long a key's fence is kept after its last lease. Afterwards TTL removes the row, and fences go on from the time in milliseconds, which is greater."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.fence_retention_days >= 1 && var.fence_retention_days <= 365 && floor(var.fence_retention_days) == var.fence_retention_days
    error_message = "fence_retention_days is a whole number, 1 to 365; longer than any clock can be wrong."
  }
}

variable "interruption_retention_days" {
  description = "How long interruptions and timeouts stay on record."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.interruption_retention_days >= 1 && var.interruption_retention_days <= 3650 && floor(var.interruption_retention_days) == var.interruption_retention_days
    error_message = "interruption_retention_days is a whole number, 1 to 3650."
  }
}

variable "rate_limit" {
  description = "How many new claims one key may have in a window; a refresh does not count. `claims = 0` is no limit."
  type = object({
    claims         = optional(number, 0)
    window_seconds = optional(number, 60)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.rate_limit.claims >= 0 && var.rate_limit.claims <= 100000 && floor(var.rate_limit.claims) == var.rate_limit.claims
    error_message = "rate_limit.claims is a whole number, 0 (no limit) to 100000."
  }

  validation {
    condition     = var.rate_limit.window_seconds >= 1 && var.rate_limit.window_seconds <= 86400 && floor(var.rate_limit.window_seconds) == var.rate_limit.window_seconds
    error_message = "rate_limit.window_seconds is a whole number, 1 to 86400."
  }
}

variable "attributes" {
  description = "What the attributes of a claim are called, by the name that this module gives them. Left out, each is called as here. A change of projectUserId or ttl is a change of the table: make it before there are claims."
  type = object({
    projectUserId = optional(string, "projectUserId")
    containerId   = optional(string, "containerId")
    threadId      = optional(string, "threadId")
    messageId     = optional(string, "messageId")
    claimedAt     = optional(string, "claimedAt")
    expiresAt     = optional(string, "expiresAt")
    ttl           = optional(string, "ttl")
    fence         = optional(string, "fence")
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in values(var.attributes) : can(regex("^[^\"[:cntrl:]]{1,255}$", name))])
    error_message = "attributes are names of 1 to 255 characters, without quotes and control characters."
  }

  validation {
    condition     = length(distinct(values(var.attributes))) == length(values(var.attributes))
    error_message = "attributes must be eight different names: one attribute cannot be two things."
  }

  validation {
    condition     = alltrue([for name in values(var.attributes) : !can(regex("^(messages|messageTimestamp|rateWindow|rate[0-9]{2})$", name))])
    error_message = "attributes may not be messages, rateWindow, messageTimestamp or rate00 to rate31: those are written beside them."
  }
}

variable "queues" {
  description = <<-EOT
    How queues are called that belong to a key or a container. `interrupts`: where a container is told to stop. `work`: where its
    work goes, in place of the one queue of `state_machine.work_queue`. `{name}` is this module's name (40 characters of it);
    `{projectId}`, `{userId}` and `{containerId}` are filled in for each job, and at least one of them is there: one queue of
    interrupts for all would stop everybody. `kms_key_arn` is the customer's key that those queues are encrypted with, if there is one.
  EOT
  type = object({
    interrupts  = optional(string, "{name}-interrupts-{projectId}-{userId}")
    work        = optional(string)
    kms_key_arn = optional(string)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for template in compact([var.queues.interrupts, var.queues.work]) : can(regex("[{](projectId|userId|containerId)[}]", template))])
    error_message = "queues.interrupts and queues.work name at least one of {projectId}, {userId} and {containerId}: one queue for all would stop everybody."
  }

  validation {
    condition     = can(regex("^([a-zA-Z0-9_-]|[{](name|projectId|userId|containerId)[}])+([.]fifo)?$", var.queues.interrupts))
    error_message = "queues.interrupts holds letters, digits, '_', '-' and the places {name}, {projectId}, {userId}, {containerId}; a FIFO queue's name ends in .fifo."
  }

  validation {
    condition     = var.queues.work == null ? true : can(regex("^([a-zA-Z0-9_-]|[{](name|projectId|userId|containerId)[}])+$", var.queues.work))
    error_message = "queues.work holds letters, digits, '_', '-' and the places {name}, {projectId}, {userId}, {containerId}: standard queues only, as a FIFO queue would make one message wait for another's worker."
  }

  validation {
    # A container's id has 33 characters.
    condition = alltrue([for template in compact([var.queues.interrupts, var.queues.work]) :
      length(replace(replace(replace(template, "{name}", substr(var.name, 0, 40)), "{containerId}", "container-1700000000-0123456789ab"), "/[{][a-zA-Z]+[}]/", "")) <= 72
    ])
    error_message = "queues.interrupts or queues.work leaves no room for ids: a queue's name has 80 characters at most, of which the template's own, {name} and {containerId} (33) may take 72."
  }

  validation {
    condition     = var.queues.kms_key_arn == null ? true : can(regex("^arn:[a-z-]+:kms:", var.queues.kms_key_arn))
    error_message = "queues.kms_key_arn is the ARN of a KMS key (arn:aws:kms:...)."
  }
}

variable "state_machine" {
  description = <<-EOT
    The state machine around the functions: check, interrupt, claim, attachments, work, release. `null` for the functions alone.
    Work goes to `work_queue`, or to the queue that `queues.work` names, with a task token and the fence; a worker sends heartbeats
    at least every `timeouts.heartbeat_s` seconds (the time in the queue counts), and is done within `timeouts.overall_s`, which is
    less than the lease. `interrupt_grace_seconds` is what an interrupted container has to release its key. `max_claim_attempts`
    bounds how often a lost race is run again, after up to `claim_retry_seconds`. `process_attachments_function_arn` is called for
    each of the input's attachments, `max_attachments` at most, `attachment_concurrency` at once.
  EOT
  type = object({
    work_queue = optional(object({
      name        = string
      arn         = string
      url         = string
      kms_key_arn = optional(string)
    }))
    process_attachments_function_arn = optional(string)
    attachment_concurrency           = optional(number, 5)
    max_attachments                  = optional(number, 100)
    interrupt_grace_seconds          = optional(number, 30)
    max_claim_attempts               = optional(number, 5)
    claim_retry_seconds              = optional(number, 5)
    timeouts = optional(object({
      heartbeat_s = optional(number, 60)
      overall_s   = optional(number, 3300)
    }), {})
    log_level          = optional(string, "ERROR")
    log_execution_data = optional(bool, false)
    tracing            = optional(bool, false)
  })
  default = null

  validation {
    condition     = var.state_machine == null ? var.queues.work == null : (try(var.state_machine.work_queue, null) == null) != (var.queues.work == null)
    error_message = "Work has one place to go: give a state_machine exactly one of work_queue (one queue for all) and queues.work (a queue for each key). Without a state_machine leave queues.work out."
  }

  validation {
    condition     = try(var.state_machine.work_queue, null) == null ? true : can(regex("^arn:[a-z-]+:sqs:[a-z0-9-]+:[0-9]{12}:[a-zA-Z0-9_-]{1,80}$", var.state_machine.work_queue.arn)) && endswith(var.state_machine.work_queue.arn, ":${var.state_machine.work_queue.name}")
    error_message = "state_machine.work_queue is a standard queue whose arn and name are the same queue's: a FIFO queue would make one container's work wait for another's."
  }

  validation {
    condition     = try(var.state_machine.work_queue, null) == null ? true : can(regex("^https?://", var.state_machine.work_queue.url)) && endswith(var.state_machine.work_queue.url, "/${var.state_machine.work_queue.name}")
    error_message = "state_machine.work_queue.url is that queue's URL: https://sqs.REGION.amazonaws.com/ACCOUNT/NAME."
  }

  validation {
    condition     = var.state_machine == null ? true : var.state_machine.timeouts.overall_s < var.lease_seconds
    error_message = "state_machine.timeouts.overall_s must be less than lease_seconds: else the key is taken over while its worker may still finish."
  }

  validation {
    condition     = var.state_machine == null ? true : var.state_machine.timeouts.heartbeat_s >= 5 && var.state_machine.timeouts.heartbeat_s < var.state_machine.timeouts.overall_s && floor(var.state_machine.timeouts.heartbeat_s) == var.state_machine.timeouts.heartbeat_s && floor(var.state_machine.timeouts.overall_s) == var.state_machine.timeouts.overall_s
    error_message = "state_machine.timeouts are whole seconds: heartbeat_s at least 5, and less than overall_s."
  }

  validation {
    condition     = var.state_machine == null ? true : var.state_machine.interrupt_grace_seconds >= 0 && var.state_machine.interrupt_grace_seconds <= 900 && floor(var.state_machine.interrupt_grace_seconds) == var.state_machine.interrupt_grace_seconds
    error_message = "state_machine.interrupt_grace_seconds is a whole number, 0 to 900."
  }

  validation {
    condition     = var.state_machine == null ? true : var.state_machine.max_claim_attempts >= 1 && var.state_machine.max_claim_attempts <= 25 && floor(var.state_machine.max_claim_attempts) == var.state_machine.max_claim_attempts
    error_message = "state_machine.max_claim_attempts is a whole number, 1 to 25: an execution has 25,000 events, and each attempt takes its share."
  }

  validation {
    condition     = var.state_machine == null ? true : var.state_machine.claim_retry_seconds >= 1 && var.state_machine.claim_retry_seconds <= 300 && floor(var.state_machine.claim_retry_seconds) == var.state_machine.claim_retry_seconds
    error_message = "state_machine.claim_retry_seconds is a whole number, 1 to 300."
  }

  validation {
    condition     = var.state_machine == null ? true : var.state_machine.attachment_concurrency >= 1 && var.state_machine.attachment_concurrency <= 40 && floor(var.state_machine.attachment_concurrency) == var.state_machine.attachment_concurrency
    error_message = "state_machine.attachment_concurrency is a whole number, 1 to 40, as far as an inline map goes at once."
  }

  validation {
    condition     = var.state_machine == null ? true : var.state_machine.max_attachments >= 1 && var.state_machine.max_attachments <= 500 && floor(var.state_machine.max_attachments) == var.state_machine.max_attachments
    error_message = "state_machine.max_attachments is a whole number, 1 to 500: an execution has 25,000 events, and each attachment takes its share."
  }

  validation {
    condition     = try(var.state_machine.process_attachments_function_arn, null) == null ? true : can(regex("^arn:[a-z-]+:lambda:[a-z0-9-]+:[0-9]{12}:function:[a-zA-Z0-9_-]+(:[a-zA-Z0-9_$-]+)?$", var.state_machine.process_attachments_function_arn))
    error_message = "state_machine.process_attachments_function_arn is a function's ARN: arn:aws:lambda:REGION:ACCOUNT:function:NAME."
  }

  validation {
    condition     = var.state_machine == null ? true : contains(["ALL", "ERROR", "FATAL", "OFF"], var.state_machine.log_level)
    error_message = "state_machine.log_level is ALL, ERROR, FATAL or OFF."
  }
}

variable "tables" {
  description = "The two tables. `deletion_protection` off, and applied, is what a destroy needs."
  type = object({
    deletion_protection = optional(bool, true)
  })
  default  = {}
  nullable = false
}

variable "function" {
  description = "Size and surroundings of the functions, all alike. In a `vpc` they need endpoints, or NAT, for DynamoDB and SQS."
  type = object({
    memory_mb            = optional(number, 128)
    timeout_s            = optional(number, 15)
    architecture         = optional(string, "arm64")
    log_retention_days   = optional(number, 30)
    log_level            = optional(string, "INFO")
    tracing              = optional(bool, false)
    reserved_concurrency = optional(number, -1)
    role_path            = optional(string, "/")
    vpc = optional(object({
      subnet_ids         = list(string)
      security_group_ids = list(string)
    }))
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.function.timeout_s >= 5 && var.function.timeout_s <= 50
    error_message = "function.timeout_s is 5 to 50: a cold start takes seconds at 128 MB, and the state machine waits 60."
  }

  validation {
    condition     = contains(["DEBUG", "INFO"], var.function.log_level)
    error_message = "function.log_level is DEBUG or INFO: above it Lambda drops the lines that the metrics are."
  }
}

variable "artifact" {
  description = "The packaged handlers, where they shall not be those that come with this module: a `path`, or an `s3` object. Nothing else may be set with it."
  type = object({
    path   = optional(string)
    sha256 = optional(string)
    s3 = optional(object({
      bucket        = string
      key           = string
      version       = optional(string)
      sha256_base64 = optional(string)
    }))
  })
  default = null
}

variable "alarms" {
  description = <<-EOT
    Who is told, and when: so many `timeouts`, `rate_limited` claims, `executions_failed` or `executions_timed_out` in an hour, work
    that waits `oldest_token_seconds` for a container (left out: three quarters of `timeouts.heartbeat_s`; only with one `work_queue`
    for all), more than `error_rate_percent` of a function's calls failing, one longer than `duration_percent` of its timeout. 0
    switches an alarm off.
  EOT
  type = object({
    enabled              = optional(bool, true)
    topic_arns           = optional(list(string), [])
    timeouts             = optional(number, 1)
    rate_limited         = optional(number, 100)
    executions_failed    = optional(number, 1)
    executions_timed_out = optional(number, 1)
    oldest_token_seconds = optional(number)
    error_rate_percent   = optional(number, 5)
    duration_percent     = optional(number, 80)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for threshold in [var.alarms.timeouts, var.alarms.rate_limited, var.alarms.executions_failed, var.alarms.executions_timed_out, coalesce(var.alarms.oldest_token_seconds, 0)] : threshold >= 0])
    error_message = "alarms.timeouts, rate_limited, executions_failed, executions_timed_out and oldest_token_seconds are 0 (off) or more."
  }

  validation {
    condition     = var.state_machine == null ? true : coalesce(var.alarms.oldest_token_seconds, 0) < var.state_machine.timeouts.heartbeat_s
    error_message = "alarms.oldest_token_seconds must lie below state_machine.timeouts.heartbeat_s: later the work has timed out already."
  }
}

variable "metrics_namespace" {
  description = "CloudWatch namespace of the metrics; their dimension is this module's name, so that two of them never mix."
  type        = string
  default     = null

  validation {
    condition     = var.metrics_namespace == null || can(regex("^[a-zA-Z0-9_./#-]{1,255}$", var.metrics_namespace)) && !startswith(coalesce(var.metrics_namespace, "-"), "AWS/")
    error_message = "metrics_namespace holds 1 to 255 letters, digits and _ . / # -, and does not begin with AWS/."
  }
}

variable "kms_key_arn" {
  description = "Customer managed key for the tables, the log groups, the functions' environment, the dead-letter queue and the state machine. `null` leaves AWS's own encryption."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null ? true : can(regex("^arn:[a-z-]+:kms:", var.kms_key_arn))
    error_message = "kms_key_arn is the ARN of a KMS key (arn:aws:kms:...)."
  }
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of the roles made here."
  type        = string
  default     = null
}
