variable "name" {
  description = "Name of the function; its role is `name-region`, its log group `/aws/lambda/name`. Shortened with a hash over 64 characters."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9][a-zA-Z0-9_-]{0,199}$", var.name))
    error_message = "name starts with a letter or digit, then letters, digits, '_' and '-', 200 characters at most."
  }
}

variable "description" {
  description = "What the function does, in a sentence."
  type        = string
  default     = null

  validation {
    condition     = var.description == null ? true : length(var.description) <= 256
    error_message = "description has at most 256 characters."
  }
}

variable "tags" {
  description = "Tags of everything made here."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "artifact" {
  description = <<-EOT
    The packaged handler: exactly one of `path` (a zip beside the configuration; `sha256` in hex, as SHA256SUMS has it, refuses
    any other content) and `s3` (an object; without `sha256_base64` or `version` a new object under the same key is not seen).
  EOT
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
  nullable = false

  validation {
    condition     = (var.artifact.path == null) != (var.artifact.s3 == null)
    error_message = "artifact needs exactly one of path and s3."
  }

  validation {
    condition     = var.artifact.sha256 == null ? true : var.artifact.path != null && can(regex("^[0-9a-fA-F]{64}$", var.artifact.sha256))
    error_message = "artifact.sha256 has 64 hex digits and goes with artifact.path; for an S3 object use s3.sha256_base64."
  }
}

variable "handler" {
  description = "The handler, for example `ttl_monitor.handler.handler`."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z_][a-zA-Z0-9_]*([./][a-zA-Z_][a-zA-Z0-9_]*)+$", var.handler))
    error_message = "handler is module.function, for example ttl_monitor.handler.handler."
  }
}

variable "runtime" {
  description = "Python runtime; conditional deletes on S3 need the boto3 of 3.13 or a later one."
  type        = string
  default     = "python3.13"
  nullable    = false

  validation {
    condition     = can(regex("^python3[.](1[1-9]|[2-9][0-9])$", var.runtime))
    error_message = "runtime is python3.11 or a later one; the packaged handlers are tested on python3.13."
  }
}

variable "environment" {
  description = "Environment of the function. No secrets: whoever may read the function's configuration reads them."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key in keys(var.environment) : can(regex("^[a-zA-Z][a-zA-Z0-9_]+$", key)) && !can(regex("^(AWS_|LAMBDA_|_)", key))])
    error_message = "Names in environment start with a letter, then letters, digits and '_'; AWS_ and LAMBDA_ are Lambda's own."
  }

  validation {
    condition     = length(join("", concat(keys(var.environment), values(var.environment)))) <= 4096
    error_message = "environment holds at most 4 KiB in all; move the largest values into an object in S3 or a parameter."
  }
}

variable "statements" {
  description = <<-EOT
    What the handler may do, exactly: the calls it makes and nothing else. What Lambda itself does with the role (logs, failure
    destination, keys, tracing, network interfaces) the module adds. `any_resource_reason` says why a call that names no resource
    is granted on "*".
  EOT
  type = list(object({
    sid                 = string
    actions             = list(string)
    resources           = list(string)
    any_resource_reason = optional(string)
    conditions = optional(list(object({
      test     = string
      variable = string
      values   = list(string)
    })), [])
  }))
  default  = []
  nullable = false

  validation {
    condition     = alltrue([for s in var.statements : can(regex("^[a-zA-Z0-9]+$", s.sid)) && !startswith(s.sid, "Lambda")])
    error_message = "A statement's sid has letters and digits only, and does not begin with Lambda: those are the module's own."
  }

  validation {
    condition     = length(distinct([for s in var.statements : s.sid])) == length(var.statements)
    error_message = "Each statement has a sid of its own."
  }

  validation {
    condition = alltrue([
      for s in var.statements : length(s.actions) > 0 && alltrue([for a in s.actions : can(regex("^[a-z0-9-]+:[a-zA-Z0-9]+$", a))])
    ])
    error_message = "Actions are written out, as dynamodb:Scan: no wildcard ('*' or '?') is accepted, and no empty list."
  }

  validation {
    condition = alltrue([
      for s in var.statements : length(s.resources) > 0 && alltrue([
        for r in s.resources : r == "*" ? try(length(trimspace(s.any_resource_reason)) >= 10, false) : can(regex("^arn:[a-z-]+:[a-z0-9-]+:", r))
      ])
    ])
    error_message = "Resources are ARNs. For a call that names no resource, \"*\" is accepted with any_resource_reason."
  }

  validation {
    condition = alltrue(flatten([
      for s in var.statements : [for c in s.conditions : length(c.values) > 0 && can(regex("^[A-Z][a-zA-Z:]+$", c.test)) && can(regex(":", c.variable))]
    ]))
    error_message = "A condition has a test (StringEquals), a variable (aws:SourceAccount) and at least one value."
  }

  validation {
    condition = alltrue([
      for s in var.statements : length(distinct([for c in s.conditions : lower("${c.test} ${c.variable}")])) == length(s.conditions)
    ])
    error_message = "A statement names a test and a variable once: IAM would keep one of two such conditions. Put the values in one list, or add a statement."
  }
}

variable "function" {
  description = <<-EOT
    The function's size and surroundings. `reserved_concurrency` is -1 for none. `recursive_loop` is Terminate, Allow, or
    Unset, which leaves it to Lambda, in Regions that detect no loops. In a `vpc` the function reaches AWS through
    endpoints or NAT only: without them a run hangs until its timeout.
  EOT
  type = object({
    memory_mb            = optional(number, 256)
    timeout_s            = optional(number, 300)
    architecture         = optional(string, "arm64")
    ephemeral_storage_mb = optional(number, 512)
    reserved_concurrency = optional(number, -1)
    tracing              = optional(bool, false)
    recursive_loop       = optional(string, "Terminate")
    layers               = optional(list(string), [])
    vpc = optional(object({
      subnet_ids         = list(string)
      security_group_ids = list(string)
      ipv6               = optional(bool, false)
    }))
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.function.memory_mb >= 128 && var.function.memory_mb <= 10240 && floor(var.function.memory_mb) == var.function.memory_mb
    error_message = "function.memory_mb is a whole number from 128 to 10240."
  }

  validation {
    condition     = var.function.timeout_s >= 1 && var.function.timeout_s <= 900 && floor(var.function.timeout_s) == var.function.timeout_s
    error_message = "function.timeout_s is a whole number from 1 to 900."
  }

  validation {
    condition     = contains(["arm64", "x86_64"], var.function.architecture)
    error_message = "function.architecture is arm64 or x86_64."
  }

  validation {
    condition     = var.function.ephemeral_storage_mb >= 512 && var.function.ephemeral_storage_mb <= 10240
    error_message = "function.ephemeral_storage_mb is 512 to 10240."
  }

  validation {
    condition     = var.function.reserved_concurrency == -1 || var.function.reserved_concurrency >= 1
    error_message = "function.reserved_concurrency is -1 (none) or at least 1; 0 would stop the function: disable its schedule instead."
  }

  validation {
    condition     = contains(["Terminate", "Allow", "Unset"], var.function.recursive_loop)
    error_message = "function.recursive_loop is Terminate, Allow, or Unset (for Regions without loop detection)."
  }

  validation {
    condition     = length(var.function.layers) <= 5
    error_message = "function.layers holds at most five ARNs of layer versions."
  }

  validation {
    condition     = var.function.vpc == null ? true : length(var.function.vpc.subnet_ids) > 0 && length(var.function.vpc.security_group_ids) > 0
    error_message = "function.vpc needs at least one of subnet_ids and of security_group_ids."
  }
}

variable "logs" {
  description = "The log group: how long it keeps (no group keeps for ever), and from which level on the handler's and Lambda's own records are written. Above INFO, `level` drops metrics that a handler writes as log lines (EMF) too."
  type = object({
    retention_days = optional(number, 30)
    level          = optional(string, "INFO")
    system_level   = optional(string, "INFO")
  })
  default  = {}
  nullable = false

  validation {
    condition = contains(
      [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
      var.logs.retention_days
    )
    error_message = "logs.retention_days is one of CloudWatch's: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653."
  }

  validation {
    condition     = contains(["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"], var.logs.level)
    error_message = "logs.level is TRACE, DEBUG, INFO, WARN, ERROR or FATAL."
  }

  validation {
    condition     = contains(["DEBUG", "INFO", "WARN"], var.logs.system_level)
    error_message = "logs.system_level is DEBUG, INFO or WARN."
  }
}

variable "async" {
  description = "Asynchronous invocations: retries after an error (0: the next schedule is the retry), and how long an event may wait."
  type = object({
    max_retries     = optional(number, 0)
    max_event_age_s = optional(number, 3600)
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains([0, 1, 2], var.async.max_retries)
    error_message = "async.max_retries is 0, 1 or 2."
  }

  validation {
    condition     = var.async.max_event_age_s >= 60 && var.async.max_event_age_s <= 21600
    error_message = "async.max_event_age_s is 60 to 21600 (six hours)."
  }
}

variable "failure_queue" {
  description = "Where a failed asynchronous invocation is delivered with its event, error and answer: the `queue` of `dead-letter-queue`. A standard queue."
  type = object({
    name        = optional(string)
    arn         = string
    url         = optional(string)
    kms_key_arn = optional(string)
  })
  default = null

  validation {
    condition     = var.failure_queue == null ? true : can(regex("^arn:[a-z-]+:sqs:[^*?]+$", var.failure_queue.arn)) && !endswith(var.failure_queue.arn, ".fifo")
    error_message = "failure_queue.arn is the ARN of a standard SQS queue: Lambda delivers to no FIFO queue."
  }
}

variable "dead_letter_queue" {
  description = "Lambda's older dead-letter queue, which gets the bare event: for consumers that replay it. Not beside `failure_queue`."
  type = object({
    name        = optional(string)
    arn         = string
    url         = optional(string)
    kms_key_arn = optional(string)
  })
  default = null

  validation {
    condition     = var.dead_letter_queue == null ? true : can(regex("^arn:[a-z-]+:sqs:[^*?]+$", var.dead_letter_queue.arn)) && !endswith(var.dead_letter_queue.arn, ".fifo")
    error_message = "dead_letter_queue.arn is the ARN of a standard SQS queue: Lambda delivers to no FIFO queue."
  }

  validation {
    condition     = var.dead_letter_queue == null || var.failure_queue == null
    error_message = "Give failure_queue or dead_letter_queue, never both: each failure would be delivered twice."
  }
}

variable "kms_key_arn" {
  description = "A customer's key for the environment and the log group; AWS's own while null. Its policy must let CloudWatch Logs use it."
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

variable "alarms" {
  description = <<-EOT
    Who is told, and when. A threshold of 0 switches its alarm off. `interval_minutes` is how often the function is invoked (null:
    by events, at no known interval); it decides over which period the error rate is judged, and a rate that could never go off is
    refused. `duration_percent` is of the timeout. `silence_hours` is how long `silence_metric` (by default Lambda's Invocations)
    may stay away; better the metric that a run emits last, since a function that times out each time is invoked all the same.
  EOT
  type = object({
    enabled                  = optional(bool, true)
    topic_arns               = optional(list(string), [])
    ok_topic_arns            = optional(list(string), [])
    interval_minutes         = optional(number)
    error_count              = optional(number, 1)
    error_rate_percent       = optional(number, 5)
    error_rate_minimum_count = optional(number)
    error_rate_period_s      = optional(number)
    throttle_count           = optional(number, 1)
    duration_percent         = optional(number, 80)
    silence_hours            = optional(number, 0)
    silence_metric = optional(object({
      namespace  = string
      name       = string
      dimensions = map(string)
    }))
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.alarms.error_count >= 0 && var.alarms.throttle_count >= 0
    error_message = "alarms.error_count and alarms.throttle_count are 0 (off) or more."
  }

  validation {
    condition     = var.alarms.error_rate_percent >= 0 && var.alarms.error_rate_percent < 100
    error_message = "alarms.error_rate_percent is 0 (off) to below 100: the alarm goes off above it."
  }

  validation {
    condition     = var.alarms.duration_percent >= 0 && var.alarms.duration_percent <= 100
    error_message = "alarms.duration_percent is 0 (off) to 100, in percent of function.timeout_s."
  }

  validation {
    condition     = var.alarms.silence_hours >= 0 && var.alarms.silence_hours <= 168 && floor(var.alarms.silence_hours) == var.alarms.silence_hours
    error_message = "alarms.silence_hours is a whole number from 0 (off) to 168: CloudWatch looks back seven days."
  }

  validation {
    condition     = var.alarms.interval_minutes == null ? true : var.alarms.interval_minutes > 0
    error_message = "alarms.interval_minutes is above 0, or null where the function is invoked by events."
  }

  validation {
    condition = var.alarms.silence_hours == 0 || var.alarms.interval_minutes == null ? true : (
      var.alarms.silence_hours * 60 > var.alarms.interval_minutes
    )
    error_message = "alarms.silence_hours must be longer than alarms.interval_minutes, or the alarm goes off between two good runs."
  }

  validation {
    condition     = alltrue([for n in [var.alarms.error_rate_minimum_count, var.alarms.error_rate_period_s] : n == null ? true : n >= 1])
    error_message = "alarms.error_rate_minimum_count and alarms.error_rate_period_s are 1 or more, or left out to follow interval_minutes."
  }

  validation {
    condition = var.alarms.interval_minutes == null || var.alarms.error_rate_percent == 0 ? true : (
      # The defaults, as in alarms.tf, can always be reached: what is refused was asked for.
      ceil(coalesce(var.alarms.error_rate_period_s, var.alarms.interval_minutes >= 60 ? 86400 : 3600) / (60 * var.alarms.interval_minutes)) >=
      coalesce(var.alarms.error_rate_minimum_count, var.alarms.interval_minutes >= 60 ? 1 : max(1, min(10, floor(60 / var.alarms.interval_minutes))))
    )
    error_message = "The error rate could never alarm: alarms.error_rate_period_s does not hold alarms.error_rate_minimum_count runs at one each alarms.interval_minutes. Leave both out, or make the period longer (at most 86400)."
  }
}
