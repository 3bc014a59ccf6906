variable "name" {
  description = "Name of the schedule and of its group; its role is `name-schedule-region`. Shortened with a hash over 64 characters."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9][a-zA-Z0-9_-]{0,199}$", var.name))
    error_message = "name starts with a letter or digit, then letters, digits, '_' and '-', 200 characters at most."
  }
}

variable "description" {
  description = "What the schedule is for."
  type        = string
  default     = null

  validation {
    condition     = var.description == null ? true : length(var.description) <= 512
    error_message = "description has at most 512 characters."
  }
}

variable "tags" {
  description = "Tags of the group and of the role (a schedule itself carries none)."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "schedule" {
  description = <<-EOT
    When it runs: `expression` is rate(1 hour), cron(0 3 * * ? *) or at(2030-01-31T03:00:00), the latter two in `time_zone`.
    A run may start up to `flexible_window_minutes` late. `start` and `end` are UTC, as 2030-01-31T00:00:00Z.
  EOT
  type = object({
    expression              = string
    time_zone               = optional(string, "UTC")
    flexible_window_minutes = optional(number, 0)
    start                   = optional(string)
    end                     = optional(string)
    enabled                 = optional(bool, true)
  })
  nullable = false

  validation {
    condition = anytrue([
      can(regex("^rate[(](1 (minute|hour|day)|[1-9][0-9]* (minutes|hours|days))[)]$", var.schedule.expression)),
      can(regex("^cron[(][^ ()]+( [^ ()]+){5}[)]$", var.schedule.expression)),
      can(timeadd("${regex("^at[(](.{19})[)]$", var.schedule.expression)[0]}Z", "0s")),
    ])
    error_message = "schedule.expression is rate(1 hour), cron(0 3 * * ? *) with six fields, or at(2030-01-31T03:00:00)."
  }

  validation {
    condition = !startswith(var.schedule.expression, "cron(") ? true : try(
      length([for field in [2, 4] : field if split(" ", trimsuffix(trimprefix(var.schedule.expression, "cron("), ")"))[field] == "?"]) == 1,
      true # the rule above says what is wrong
    )
    error_message = "A cron expression has '?' in exactly one of its day-of-month (third) and day-of-week (fifth) fields."
  }

  validation {
    condition     = can(regex("^[A-Za-z]+([A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*)$", var.schedule.time_zone))
    error_message = "schedule.time_zone is an IANA name, for example UTC or Europe/Berlin."
  }

  validation {
    condition     = var.schedule.flexible_window_minutes >= 0 && var.schedule.flexible_window_minutes <= 1440 && floor(var.schedule.flexible_window_minutes) == var.schedule.flexible_window_minutes
    error_message = "schedule.flexible_window_minutes is a whole number from 0 (none) to 1440."
  }

  validation {
    condition = alltrue([
      for time in [var.schedule.start, var.schedule.end] : time == null ? true : endswith(time, "Z") && can(timeadd(time, "0s"))
    ])
    error_message = "schedule.start and schedule.end are UTC times, for example 2030-01-31T00:00:00Z."
  }

  validation {
    condition     = var.schedule.start == null || var.schedule.end == null ? true : try(timecmp(var.schedule.start, var.schedule.end) < 0, true)
    error_message = "schedule.start must lie before schedule.end, or the schedule never runs."
  }
}

variable "target" {
  description = "What runs: exactly one of `function` (the object of the `function` module, or `{ arn }` of another) and `state_machine` (`{ arn }`)."
  type = object({
    function      = optional(object({ arn = string }))
    state_machine = optional(object({ arn = string }))
  })
  nullable = false

  validation {
    condition     = (var.target.function == null) != (var.target.state_machine == null)
    error_message = "target needs exactly one of function and state_machine."
  }

  validation {
    condition     = var.target.function == null ? true : can(regex("^arn:[a-z-]+:lambda:[^:]+:[0-9]{12}:function:[^*?]+$", var.target.function.arn))
    error_message = "target.function.arn is the ARN of a Lambda function (arn:aws:lambda:...:function:name)."
  }

  validation {
    condition     = var.target.state_machine == null ? true : can(regex("^arn:[a-z-]+:states:[^:]+:[0-9]{12}:stateMachine:[^*?]+$", var.target.state_machine.arn))
    error_message = "target.state_machine.arn is the ARN of a state machine (arn:aws:states:...:stateMachine:name)."
  }
}

variable "input_json" {
  description = <<-EOT
    The event, a JSON object: `jsonencode({ dryRun = true })`. JSON, so that a misspelt key reaches the handler, which refuses
    it: Terraform would drop it from a typed object, and the run would be the real one. `<aws.scheduler.scheduled-time>` and
    Scheduler's other context attributes may stand in its strings.
  EOT
  type        = string
  default     = "{}"
  nullable    = false

  validation {
    condition     = can(keys(jsondecode(var.input_json)))
    error_message = "input_json is a JSON object; write it as jsonencode({ ... })."
  }

  validation {
    condition     = length(var.input_json) <= 262144
    error_message = "input_json has at most 256 KiB."
  }
}

variable "retry" {
  description = "How often, and for how long, Scheduler tries to hand the event over. It never sees an error inside the handler."
  type = object({
    max_attempts    = optional(number, 2)
    max_event_age_s = optional(number, 900)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.retry.max_attempts >= 0 && var.retry.max_attempts <= 185 && floor(var.retry.max_attempts) == var.retry.max_attempts
    error_message = "retry.max_attempts is a whole number from 0 to 185."
  }

  validation {
    condition     = var.retry.max_event_age_s >= 60 && var.retry.max_event_age_s <= 86400
    error_message = "retry.max_event_age_s is 60 to 86400 (one day)."
  }
}

variable "dead_letter_queue" {
  description = "Where events go that could not be handed over: the `queue` of `dead-letter-queue`. A standard queue."
  type = object({
    name        = optional(string)
    arn         = string
    url         = optional(string)
    kms_key_arn = optional(string)
  })
  nullable = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:sqs:[^*?]+$", var.dead_letter_queue.arn)) && !endswith(var.dead_letter_queue.arn, ".fifo")
    error_message = "dead_letter_queue.arn is the ARN of a standard SQS queue: Scheduler delivers to no FIFO queue."
  }
}

variable "kms_key_arn" {
  description = "A customer's key for the schedule's input; AWS's own while null."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null ? true : can(regex("^arn:[a-z-]+:kms:", var.kms_key_arn))
    error_message = "kms_key_arn is the ARN of a KMS key (arn:aws:kms:...)."
  }
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of the role."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null ? true : can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn is the ARN of an IAM policy (arn:aws:iam::111122223333:policy/name)."
  }
}

variable "role_path" {
  description = "Path of the role, for accounts that sort roles by path."
  type        = string
  default     = "/"
  nullable    = false

  validation {
    condition     = can(regex("^/([a-zA-Z0-9._+=,@-]+/)*$", var.role_path))
    error_message = "role_path begins and ends with '/', for example /expiry/."
  }
}
