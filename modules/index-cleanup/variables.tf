variable "name" {
  description = "Name of this cleanup. Everything that it makes is named after it, so two in one account and region never clash. Shortened with a hash where AWS takes no more than 64 characters."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9][a-zA-Z0-9_-]{0,199}$", var.name))
    error_message = "name starts with a letter or digit, then letters, digits, '_' and '-', 200 characters at most."
  }
}

variable "tags" {
  description = "Tags of everything that is made here."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "table" {
  description = <<-EOT
    The table: the `table` output of `ttl-table`, or the same object written for a table that exists already. The function asks the
    table itself for its keys; those given here must be the same.
  EOT
  type = object({
    name          = string
    arn           = string
    hash_key      = string
    range_key     = string
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
    condition     = alltrue([for name in [var.table.hash_key, var.table.range_key, var.table.ttl_attribute] : trimspace(coalesce(name, " ")) != ""])
    error_message = "table.hash_key, table.range_key and table.ttl_attribute must name attributes: rows are found by sort key under one partition, and the TTL attribute keeps its name while TTL is off."
  }
}

variable "preset" {
  description = "Rules that come with this module: `actingweb`, for the attributes table of an ActingWeb application. `null` where `rules` says what goes."
  type        = string
  default     = null

  validation {
    condition     = var.preset == null ? true : contains(["actingweb"], var.preset)
    error_message = "preset is actingweb, or left out: then give rules."
  }

  validation {
    condition     = (var.preset == null) != (length(var.rules) == 0)
    error_message = "Give preset or rules, exactly one of them: without either nothing would ever be cleaned up, and the two do not mix."
  }

  validation {
    condition     = var.preset != "actingweb" || (var.table.hash_key == "id" && var.table.range_key == "bucket_name")
    error_message = "preset actingweb is for a table with hash_key id and range_key bucket_name. For another layout write rules."
  }
}

variable "rules" {
  description = <<-EOT
    What goes, by rule name. `kind = "orphan"`: index rows under `partition` and `sort_prefix`, whose target is gone. `target` is the
    target's key, as templates: `{attribute}`, `{attribute.path}` inside a JSON attribute, `{sort_key[1]}` or `{sort_key[1:]}` for parts
    of the sort key split at `separator`. `target_expired` proves that a target that is there is dead; it goes with its `target_linked`
    rows, and then its index row. `kind = "expired"`: rows for which one of `expires` has come; `linked` rows go with them.
    A proof is `at`, an attribute with seconds since 1970, plus `plus_s`, and only while `when` holds. `where` is checked on every row.
    `target_written_first`: the application writes the target before its index row, so a target once absent stays absent.
    `ttl_from` and `target_ttl_from`: from what a backfill takes the end of a row without the TTL attribute; the first that is there
    counts, and the index row, and what else goes with the target, get `ttl_after_target_s` more than it.
    `secret_key`: the sort key is a secret, and a hash stands for it in every log. `counts_as` names the count in the result.
  EOT
  type = map(object({
    kind             = string
    partition        = string
    sort_prefix      = optional(string, "")
    entire_partition = optional(bool, false)
    where            = optional(map(string), {})
    json_attributes  = optional(list(string), [])
    separator        = optional(string, ":")
    grace_s          = optional(number)
    created_at       = optional(string)
    secret_key       = optional(bool, false)
    counts_as        = optional(string)

    target = optional(object({
      hash_key = string
      sort_key = string
      where    = optional(map(string), {})
    }))
    target_written_first = optional(bool, false)
    target_expired = optional(list(object({
      at     = string
      plus_s = optional(number, 0)
      when   = optional(map(string), {})
    })), [])
    target_linked = optional(list(object({
      hash_key = string
      sort_key = string
      where    = optional(map(string), {})
    })), [])
    target_ttl_from = optional(list(object({
      at     = string
      plus_s = optional(number, 0)
      when   = optional(map(string), {})
    })), [])
    ttl_after_target_s = optional(number)

    expires = optional(list(object({
      at     = string
      plus_s = optional(number, 0)
      when   = optional(map(string), {})
    })), [])
    linked = optional(list(object({
      hash_key = string
      sort_key = string
      where    = optional(map(string), {})
    })), [])
    ttl_from = optional(list(object({
      at     = string
      plus_s = optional(number, 0)
      when   = optional(map(string), {})
    })), [])
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.rules) : can(regex("^[a-z][a-z0-9_]{0,63}$", name))])
    error_message = "A rule's name has small letters, digits and '_', 64 at most, and begins with a letter: it becomes a key of the result."
  }

  validation {
    condition     = alltrue([for rule in var.rules : contains(["orphan", "expired"], rule.kind)])
    error_message = "A rule's kind is orphan (index rows whose target is gone) or expired (rows whose end has come)."
  }

  validation {
    condition     = alltrue([for rule in var.rules : rule.partition != "" && !can(regex("[*?]", rule.partition))])
    error_message = "A rule's partition is one value of the table's hash key, written out, without '*' and '?': the role is held to it."
  }

  validation {
    condition     = alltrue([for rule in var.rules : rule.entire_partition != (rule.sort_prefix != "")])
    error_message = "A rule needs sort_prefix, or else entire_partition = true; never both."
  }

  validation {
    condition     = alltrue([for rule in var.rules : (rule.kind == "orphan") == (rule.target != null)])
    error_message = "An orphan rule needs target, which says where an index row points; an expired rule has none."
  }

  validation {
    condition     = alltrue([for rule in var.rules : (rule.kind == "expired") == (length(rule.expires) > 0)])
    error_message = "An expired rule needs expires, with at least one proof; an orphan rule has target_expired instead."
  }

  validation {
    condition = alltrue([
      for rule in var.rules : rule.kind == "expired" ?
      !rule.target_written_first && rule.ttl_after_target_s == null && length(concat(rule.target_expired, rule.target_ttl_from)) + length(rule.target_linked) == 0 :
      length(rule.linked) + length(rule.ttl_from) == 0
    ])
    error_message = "What begins with target_, and ttl_after_target_s, belongs to an orphan rule; linked and ttl_from to an expired rule."
  }

  validation {
    condition     = alltrue([for rule in var.rules : length(rule.target_linked) == 0 || length(rule.target_expired) > 0])
    error_message = "target_linked needs target_expired: linked rows go with a target that has expired, and without its proof none ever does."
  }

  validation {
    condition = alltrue(flatten([
      for rule in var.rules : [
        for key in concat(rule.target == null ? [] : [rule.target], rule.target_linked, rule.linked) : [
          for text in [key.hash_key, key.sort_key] :
          can(regex("^([^{}]|[{][^{}\\[\\]]+[}]|[{]sort_key\\[[0-9]+:?\\][}])+$", text))
        ]
      ]
    ]))
    error_message = "A template holds text and {attribute}, {attribute.path}, {sort_key[1]} or {sort_key[1:]}; every brace is closed, and neither half of a key is empty."
  }

  validation {
    condition = alltrue(flatten([
      for rule in var.rules : [for proof in concat(rule.expires, rule.target_expired, rule.ttl_from, rule.target_ttl_from) : trimspace(proof.at) != "" && proof.plus_s >= 0]
    ]))
    error_message = "A proof names an attribute in at, and plus_s is 0 or more: a row must not go before its own time."
  }

  validation {
    condition = alltrue(flatten([
      for rule in var.rules : [
        for path in concat(
          flatten([for proof in concat(rule.expires, rule.target_expired, rule.ttl_from, rule.target_ttl_from) : concat([proof.at], keys(proof.when))]),
          flatten([for key in concat(rule.target == null ? [] : [rule.target], rule.target_linked, rule.linked) : regexall("[{]([^{}]+)[}]", "${key.hash_key}${key.sort_key}")]),
        ) :
        !strcontains(path, ".") || contains(rule.json_attributes, split(".", path)[0])
      ]
    ]))
    error_message = "A path such as data.expires_at reads inside a JSON attribute: name data in json_attributes."
  }

  validation {
    condition     = alltrue([for rule in var.rules : rule.grace_s == null ? true : rule.grace_s >= 0 && floor(rule.grace_s) == rule.grace_s])
    error_message = "grace_s is a whole number of seconds, 0 or more; left out it is 3600 for an orphan rule and 0 for an expired rule."
  }

  validation {
    condition     = alltrue([for rule in var.rules : rule.kind == "expired" || rule.created_at != null || coalesce(rule.grace_s, 3600) == 0])
    error_message = "An orphan rule with a grace_s needs created_at, which tells how old an index row is: without it none is ever old enough. grace_s = 0 is safe where target_written_first = true."
  }

  validation {
    condition     = alltrue([for rule in var.rules : rule.kind == "expired" || rule.target_written_first || coalesce(rule.grace_s, 3600) > 0])
    error_message = "An orphan rule needs a grace_s above 0 unless target_written_first = true: the target of a young index row may still be on its way."
  }

  validation {
    condition     = alltrue([for rule in var.rules : length(rule.separator) > 0])
    error_message = "separator holds at least one character."
  }

  validation {
    condition     = length(var.rules) <= 20
    error_message = "rules holds at most 20: Lambda's environment has 4 KiB for them. Make two cleanups of them, under two names."
  }
}

variable "lifetimes" {
  description = <<-EOT
    How long an ActingWeb application lets its data live, in seconds, and how much longer an index row than its token. The preset
    proves the end of an OAuth session by it. The output `lifetimes` hands it on, so that an application can read it.
  EOT
  type = object({
    oauth_session_s     = optional(number, 600)
    spa_access_token_s  = optional(number, 3600)
    spa_refresh_token_s = optional(number, 1209600)
    mcp_auth_code_s     = optional(number, 600)
    mcp_access_token_s  = optional(number, 3600)
    mcp_refresh_token_s = optional(number, 2592000)
    index_buffer_s      = optional(number, 7200)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for seconds in values(var.lifetimes) : seconds >= 1 && floor(seconds) == seconds])
    error_message = "lifetimes are whole numbers of seconds, 1 or more."
  }
}

variable "limits" {
  description = <<-EOT
    What one run may do. Expired rows stop at `max_deletes_per_run`; a plan of orphans above it is refused as a whole. So is the plan of
    a rule of which more than `max_orphan_percent` of the index rows (once they are over 100) have no target; at 100 it is refused when
    none has. `max_write_units_per_second` leaves the partition's throughput to the application: all index rows of a rule share one.
  EOT
  type = object({
    max_deletes_per_run        = optional(number, 10000)
    max_orphan_percent         = optional(number, 100)
    max_write_units_per_second = optional(number, 200)
    threads                    = optional(number, 8)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.limits.max_deletes_per_run >= 1 && var.limits.max_deletes_per_run <= 1000000 && floor(var.limits.max_deletes_per_run) == var.limits.max_deletes_per_run
    error_message = "limits.max_deletes_per_run is a whole number, 1 to 1000000; to delete nothing set dry_run."
  }

  validation {
    condition     = var.limits.max_orphan_percent > 0 && var.limits.max_orphan_percent <= 100
    error_message = "limits.max_orphan_percent is above 0 and at most 100; to delete nothing set dry_run."
  }

  validation {
    condition     = var.limits.max_write_units_per_second >= 1 && var.limits.max_write_units_per_second <= 40000
    error_message = "limits.max_write_units_per_second is 1 to 40000; one partition takes 1000, and the application needs its share."
  }

  validation {
    condition     = var.limits.threads >= 1 && var.limits.threads <= 64 && floor(var.limits.threads) == var.limits.threads
    error_message = "limits.threads is a whole number, 1 to 64."
  }
}

variable "dry_run" {
  description = "Look, count and log, and change nothing. A payload can make a run dry; none can make it real while this is set."
  type        = bool
  default     = false
  nullable    = false
}

variable "backfill" {
  description = "Let the function write: `{\"operation\": \"backfill\"}` gives rows that lack the TTL attribute one from their own created_at or expires_at. Set it for the rollout, and back to false after it."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.backfill || var.preset != null || anytrue([for rule in var.rules : length(rule.ttl_from) + length(rule.target_ttl_from) > 0 || rule.ttl_after_target_s != null])
    error_message = "backfill needs a rule with ttl_from, target_ttl_from or ttl_after_target_s, which say from what a row's end is taken."
  }
}

variable "single_writer_region" {
  description = "Say that a global table is written in this Region only. A table with replicas is refused at run time without it: a condition holds within one Region."
  type        = bool
  default     = false
  nullable    = false
}

variable "application_log" {
  description = "The application's own log group, for a saved query of how many tokens it makes an hour: lines that hold one of `token_messages`. `null` saves no such query."
  type = object({
    log_group_name = string
    token_messages = optional(list(string), ["Stored access token", "Stored refresh token", "Created refresh token"])
  })
  default = null

  validation {
    condition     = var.application_log == null ? true : can(regex("^[a-zA-Z0-9_/.#-]{1,512}$", var.application_log.log_group_name))
    error_message = "application_log.log_group_name is the name of a log group, not its ARN."
  }

  validation {
    condition = var.application_log == null ? true : (
      length(var.application_log.token_messages) > 0 && alltrue([for text in var.application_log.token_messages : can(regex("^[a-zA-Z0-9 _.:,-]+$", text))])
    )
    error_message = "application_log.token_messages are texts of letters, digits, spaces and _ . : , -, at least one."
  }
}

variable "schedule" {
  description = "When it runs: daily at 03:00 UTC. `interval_minutes` goes with a cron expression of your own, and only with one: the longest time between two of its runs (1440 where it runs once a day). The alarms must know."
  type = object({
    expression              = optional(string, "cron(0 3 * * ? *)")
    time_zone               = optional(string, "UTC")
    enabled                 = optional(bool, true)
    flexible_window_minutes = optional(number, 0)
    interval_minutes        = optional(number)
  })
  default  = {}
  nullable = false

  validation {
    condition     = !var.alarms.enabled || startswith(var.schedule.expression, "rate(") || var.schedule.expression == "cron(0 3 * * ? *)" || var.schedule.interval_minutes != null
    error_message = "schedule.interval_minutes is missing: it says how far apart the runs of a cron expression are (1440 where it runs once a day), and without it the error-rate alarm could never go off."
  }

  validation {
    condition     = !startswith(var.schedule.expression, "rate(") || var.schedule.interval_minutes == null
    error_message = "schedule.interval_minutes goes with a cron expression only: leave it out, a rate says it itself."
  }

  validation {
    condition = !var.alarms.enabled || var.alarms.ttl_stopped_days == 0 ? true : try(
      tonumber(regex("^rate[(]([0-9]+) days?[)]$", var.schedule.expression)[0]) * 1440,
      tonumber(regex("^rate[(]([0-9]+) hours?[)]$", var.schedule.expression)[0]) * 60,
      tonumber(regex("^rate[(]([0-9]+) minutes?[)]$", var.schedule.expression)[0]),
      tonumber(var.schedule.interval_minutes == null ? 1440 : var.schedule.interval_minutes),
    ) <= 1440
    error_message = "alarms.ttl_stopped_days could never alarm: it compares day with day, and this schedule runs less often. Set it to 0, or run daily."
  }
}

variable "function" {
  description = "Size and surroundings of the Lambda function. In a `vpc` it needs an endpoint, or NAT, for DynamoDB."
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
    condition     = var.function.timeout_s >= 60 && var.function.timeout_s <= 900
    error_message = "function.timeout_s is 60 to 900: a run stops some seconds before it, to report."
  }

  validation {
    condition     = contains(["DEBUG", "INFO"], var.function.log_level)
    error_message = "function.log_level is DEBUG or INFO: above it Lambda drops the lines that the audit trail and the metrics are."
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
  description = <<-EOT
    Who is told, and when: the table holds more than `item_count` rows; `cleanup_errors` or more in an hour; TTL has removed nothing for
    `ttl_stopped_days` while the backlog of expired rows grew each day; more than `error_rate_percent` of the runs fail; a run is longer
    than `duration_percent` of the timeout; no completed run for `silence_hours`. 0 switches an alarm off, but not that of silence.
  EOT
  type = object({
    enabled            = optional(bool, true)
    topic_arns         = optional(list(string), [])
    silence_hours      = optional(number, 26)
    item_count         = optional(number, 100000)
    ttl_stopped_days   = optional(number, 3)
    cleanup_errors     = optional(number, 1)
    error_rate_percent = optional(number, 5)
    duration_percent   = optional(number, 80)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.alarms.silence_hours >= 1 && var.alarms.silence_hours <= 168 && floor(var.alarms.silence_hours) == var.alarms.silence_hours
    error_message = "alarms.silence_hours is a whole number of hours, 1 to 168: CloudWatch looks back seven days at most."
  }

  validation {
    condition     = var.alarms.item_count >= 0 && var.alarms.cleanup_errors >= 0
    error_message = "alarms.item_count is 0 (off) or the rows above which the alarm goes off, alarms.cleanup_errors 0 (off) or the errors in an hour that raise one."
  }

  validation {
    condition     = contains([0, 1, 2, 3, 4, 5, 6], var.alarms.ttl_stopped_days)
    error_message = "alarms.ttl_stopped_days is 0 (off) to 6, whole days: CloudWatch looks back seven, and growth needs the day before."
  }
}

variable "metrics_namespace" {
  description = "CloudWatch namespace of the metrics; their dimension is the function, so that two cleanups never mix."
  type        = string
  default     = null

  validation {
    condition     = var.metrics_namespace == null || can(regex("^[a-zA-Z0-9_./#-]{1,255}$", var.metrics_namespace)) && !startswith(coalesce(var.metrics_namespace, "-"), "AWS/")
    error_message = "metrics_namespace holds 1 to 255 letters, digits and _ . / # -, and does not begin with AWS/."
  }
}

variable "kms_key_arn" {
  description = "Customer managed key for the log group, the function's environment and the dead-letter queue. `null` leaves AWS's own encryption."
  type        = string
  default     = null
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of the roles made here."
  type        = string
  default     = null
}
