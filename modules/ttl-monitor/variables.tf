variable "name" {
  description = "Name of this monitor. Everything that it makes is named after it, so two monitors in one account and region never clash. Shortened with a hash where AWS takes no more than 64 characters."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9][a-zA-Z0-9_-]{0,199}$", var.name))
    error_message = "name starts with a letter or digit, then letters, digits, '_' and '-', 200 characters at most."
  }
}

variable "environment" {
  description = "Name of the environment, as reports and exports show it: dev, test, prod."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9_-]{1,64}$", var.environment))
    error_message = "environment must hold 1 to 64 letters, digits, hyphens and underscores, for example prod."
  }
}

variable "tags" {
  description = "Tags of everything that is made here."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "table" {
  description = "The table to watch: the `table` output of `ttl-table`, or the same object written for a table that exists already."
  type = object({
    name          = string
    arn           = string
    hash_key      = string
    range_key     = optional(string)
    ttl_attribute = string
    kms_key_arn   = optional(string)
  })
  nullable = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:dynamodb:[a-z0-9-]+:[0-9]{12}:table/[a-zA-Z0-9_.-]{3,255}$", var.table.arn))
    error_message = "table.arn must be the ARN of a DynamoDB table: arn:aws:dynamodb:REGION:ACCOUNT:table/NAME."
  }

  validation {
    condition     = endswith(var.table.arn, ":table/${var.table.name}")
    error_message = "table.name and table.arn must name the same table."
  }

  validation {
    condition     = trimspace(var.table.ttl_attribute) != "" && trimspace(var.table.hash_key) != ""
    error_message = "table.ttl_attribute and table.hash_key must name attributes; a table without a TTL attribute cannot be watched."
  }
}

variable "key" {
  description = "How the user is read from a row's key: `item_id_attribute` (the hash key where left out) is split at `user_separator`, as in `{user}#{session}`."
  type = object({
    item_id_attribute = optional(string)
    user_separator    = optional(string, "#")
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains([var.table.hash_key, coalesce(var.table.range_key, var.table.hash_key)], coalesce(var.key.item_id_attribute, var.table.hash_key))
    error_message = "key.item_id_attribute must be the table's hash key or range key: only keys and the TTL attribute are read."
  }

  validation {
    condition     = length(var.key.user_separator) > 0
    error_message = "key.user_separator must hold at least one character."
  }
}

variable "thresholds" {
  description = <<-EOT
    When to alarm: more expired rows than `expired_count`, the oldest past `oldest_age_hours`, more than `error_rate_percent` of
    the runs failing, a run longer than `duration_percent` of the timeout. A threshold of 0 switches its alarm off.
  EOT
  type = object({
    expired_count      = optional(number, 100)
    oldest_age_hours   = optional(number, 72)
    error_rate_percent = optional(number, 5)
    duration_percent   = optional(number, 80)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.thresholds.expired_count >= 0 && var.thresholds.oldest_age_hours >= 0
    error_message = "thresholds.expired_count and thresholds.oldest_age_hours are 0 (off) or more."
  }

  validation {
    condition = (
      var.thresholds.error_rate_percent >= 0 && var.thresholds.error_rate_percent < 100 &&
      var.thresholds.duration_percent >= 0 && var.thresholds.duration_percent <= 100
    )
    error_message = "thresholds.error_rate_percent is 0 (off) to below 100, thresholds.duration_percent 0 (off) to 100: percent of the runs, and of function.timeout_s."
  }
}

variable "scan" {
  description = "What a run may cost: `segments` are scanned side by side; `sample_percent` below 100 scans that share of the table, chosen at random, and reports an estimate; `max_read_units_per_second` 0 means no limit."
  type = object({
    segments                  = optional(number, 4)
    sample_percent            = optional(number, 100)
    max_read_units_per_second = optional(number, 0)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.scan.segments >= 1 && var.scan.segments <= 64 && floor(var.scan.segments) == var.scan.segments
    error_message = "scan.segments is a whole number, 1 to 64: each is a thread of one Lambda."
  }

  validation {
    condition     = var.scan.sample_percent >= 0.003 && var.scan.sample_percent <= 100
    error_message = "scan.sample_percent is 0.003 to 100: an estimate needs 30 segments, and DynamoDB cuts a table into a million at most."
  }

  validation {
    condition     = var.scan.max_read_units_per_second >= 0
    error_message = "scan.max_read_units_per_second is 0 (no limit) or the read units that a second may use."
  }
}

variable "export" {
  description = "Where each run leaves its report as a JSON line that Athena can read: the `bucket` output of `lifecycle-bucket` and a prefix. `null` exports nothing."
  type = object({
    bucket = object({
      name        = string
      arn         = string
      kms_key_arn = optional(string)
    })
    prefix = optional(string, "ttl-monitor/")
  })
  default = null

  validation {
    condition     = var.export == null || can(regex("^([a-zA-Z0-9!_.*'()=-]+/)+$", var.export.prefix))
    error_message = "export.prefix must end with a slash and not begin with one, for example ttl-monitor/."
  }
}

variable "schedule" {
  description = "When it runs. `interval_minutes` goes with a cron expression, and only with it: the longest time between two of its runs (1440 where it runs once a day). The alarms must know."
  type = object({
    expression              = optional(string, "rate(1 hour)")
    time_zone               = optional(string, "UTC")
    enabled                 = optional(bool, true)
    flexible_window_minutes = optional(number, 0)
    interval_minutes        = optional(number)
  })
  default  = {}
  nullable = false

  validation {
    condition     = !var.alarms.enabled || startswith(var.schedule.expression, "rate(") || var.schedule.interval_minutes != null
    error_message = "schedule.interval_minutes is missing: it says how far apart the runs of a cron expression are (1440 where it runs once a day), and without it the error-rate alarm could never go off."
  }

  validation {
    condition     = !startswith(var.schedule.expression, "rate(") || var.schedule.interval_minutes == null
    error_message = "schedule.interval_minutes goes with a cron expression only: leave it out, a rate says it itself."
  }
}

variable "function" {
  description = "Size and surroundings of the Lambda function."
  type = object({
    memory_mb            = optional(number, 256)
    timeout_s            = optional(number, 300)
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
    condition     = var.function.timeout_s >= 30 && var.function.timeout_s <= 900
    error_message = "function.timeout_s is 30 to 900: a run stops some seconds before it, to report."
  }

  validation {
    condition     = contains(["DEBUG", "INFO"], var.function.log_level)
    error_message = "function.log_level is DEBUG or INFO: above it Lambda drops the lines that the report and the metrics are."
  }
}

variable "artifact" {
  description = "The packaged handler, where it shall not be the one that comes with this module: a `path`, or an `s3` object. Nothing else may be set with it."
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
  description = "Alarms on everything that this monitor watches, and on the monitor itself. `silence_hours` without a completed run raise one too."
  type = object({
    enabled       = optional(bool, true)
    topic_arns    = optional(list(string), [])
    silence_hours = optional(number, 3)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.alarms.silence_hours >= 1 && var.alarms.silence_hours <= 168 && floor(var.alarms.silence_hours) == var.alarms.silence_hours
    error_message = "alarms.silence_hours is a whole number of hours, 1 to 168: CloudWatch looks back seven days at most."
  }
}

variable "metrics_namespace" {
  description = "CloudWatch namespace of the monitor's metrics. Give one of its own to a second monitor on the same table, or they mix: the dimension is the table."
  type        = string
  default     = null

  validation {
    condition     = var.metrics_namespace == null || can(regex("^[a-zA-Z0-9_./#-]{1,255}$", var.metrics_namespace)) && !startswith(coalesce(var.metrics_namespace, "-"), "AWS/")
    error_message = "metrics_namespace holds 1 to 255 letters, digits and _ . / # -, and does not begin with AWS/."
  }
}

variable "kms_key_arn" {
  description = "Customer managed key for the log group, the function's environment and the dead-letter queue. Its policy must let CloudWatch Logs use it (README of `function`). `null` leaves AWS's own encryption."
  type        = string
  default     = null
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of the roles made here."
  type        = string
  default     = null
}
