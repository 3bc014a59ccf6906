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
    The table of upload sessions: the `table` output of `ttl-table`, or the same object written for a table that exists already.
    Its only key is the session id. `stream_arn` and `stream_view_type` matter to `stream_cleanup` only.
  EOT
  type = object({
    name             = string
    arn              = string
    hash_key         = string
    range_key        = optional(string)
    ttl_attribute    = string
    stream_arn       = optional(string)
    stream_view_type = optional(string)
    kms_key_arn      = optional(string)
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
    condition     = var.table.range_key == null
    error_message = "table.range_key must be left out: sessions are read by their id alone, so the id must be the table's whole key."
  }
}

variable "bucket" {
  description = <<-EOT
    The bucket that uploads go to: the `bucket` output of `lifecycle-bucket`, or the same object. `owner_account_id` is this
    account where left out; every call to S3 names it, so a bucket of another owner under the same name is never touched.
  EOT
  type = object({
    name             = string
    arn              = string
    kms_key_arn      = optional(string)
    versioned        = optional(bool, false)
    owner_account_id = optional(string)
  })
  nullable = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:s3:::[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.bucket.arn)) && endswith(var.bucket.arn, ":::${var.bucket.name}")
    error_message = "bucket.arn must be the ARN of the bucket that bucket.name names: arn:aws:s3:::NAME."
  }

  validation {
    condition     = var.bucket.owner_account_id == null ? true : can(regex("^[0-9]{12}$", var.bucket.owner_account_id))
    error_message = "bucket.owner_account_id is an account's 12 digits, or left out for this account."
  }
}

variable "attributes" {
  description = "What the sessions' attributes are called, by the name that this module gives them. Left out, each is called as here."
  type = object({
    uploadSessionId = optional(string, "uploadSessionId")
    uploadType      = optional(string, "uploadType")
    key             = optional(string, "key")
    s3UploadId      = optional(string, "s3UploadId")
    status          = optional(string, "status")
    ttl             = optional(string, "ttl")
    createdAt       = optional(string, "createdAt")
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in values(var.attributes) : length(name) >= 1 && length(name) <= 255 && can(regex("^[^\"[:cntrl:]]+$", name))])
    error_message = "attributes are names of 1 to 255 characters, without quotes and control characters."
  }

  validation {
    condition     = length(distinct(values(var.attributes))) == length(values(var.attributes))
    error_message = "attributes must be seven different names: one attribute cannot be two things."
  }

  validation {
    condition     = length(setintersection(values(var.attributes), ["expiryRun", "expiryClaimedAt", "expiryPreviousStatus"])) == 0
    error_message = "attributes may not be expiryRun, expiryClaimedAt or expiryPreviousStatus: a claim is written there."
  }

  validation {
    condition     = var.attributes.uploadSessionId == var.table.hash_key
    error_message = "attributes.uploadSessionId must be the table's hash key (table.hash_key): sessions are read by it. Set it to that name."
  }

  validation {
    condition     = var.attributes.ttl == var.table.ttl_attribute
    error_message = "attributes.ttl must be the table's TTL attribute (table.ttl_attribute). Set it to that name."
  }
}

variable "uploads" {
  description = <<-EOT
    Which objects are uploads. `prefix`: nothing outside of it is ever read or deleted. `key_pattern`: a regular expression for
    whole keys whose group `session_id` is the session's id; a key that does not match is kept, and counted.
  EOT
  type = object({
    prefix      = optional(string, "uploads/")
    key_pattern = optional(string, "^uploads/\\d{4}-\\d{2}-\\d{2}/(?P<session_id>[^./]+)\\.[^/]+$")
  })
  default  = {}
  nullable = false

  validation {
    condition     = can(regex("^([a-zA-Z0-9!_.'()+=@,&;~-]+/)+$", var.uploads.prefix))
    error_message = "uploads.prefix names folders, ends with a slash and begins without one, for example uploads/. It is never the whole bucket, and holds no '*', '?' or '$', which mean more in a policy."
  }

  validation {
    condition     = can(regexall(var.uploads.key_pattern, ""))
    error_message = "uploads.key_pattern is not a regular expression, or mixes named groups with others: write (?P<session_id>...) and, for the rest, (?:...)."
  }

  validation {
    # The empty alternative always matches, so that the groups can be asked for.
    condition     = can(regexall(var.uploads.key_pattern, "")) ? can(regex("(?:${var.uploads.key_pattern})|", "").session_id) : true
    error_message = "uploads.key_pattern needs the group (?P<session_id>...): without it no object has a session, and every one would look orphaned."
  }

  validation {
    # Terraform reads the pattern as RE2, the handler as Python: what only one of them knows would pass here and fail there.
    condition     = !can(regex("[\\\\][pPzQCE]|\\[\\[:|[(][?]<|[(][?][a-z]*U", var.uploads.key_pattern))
    error_message = "uploads.key_pattern must mean the same in RE2 and in Python: write (?P<name>...) for a group, $ for the end, and classes such as [a-z] in place of \\p{..} and [[:alpha:]]."
  }

  validation {
    # What the pattern begins with, word by word, as far as it goes.
    condition = strcontains(var.uploads.key_pattern, "|") ? true : try(
      startswith(var.uploads.prefix, regex("^\\^((?:[a-zA-Z0-9_-]+/)+)(?:[^?*{]|$)", var.uploads.key_pattern)[0]) ||
      startswith(regex("^\\^((?:[a-zA-Z0-9_-]+/)+)(?:[^?*{]|$)", var.uploads.key_pattern)[0], var.uploads.prefix),
      true
    )
    error_message = "uploads.key_pattern begins with another folder than uploads.prefix, so no upload could ever match it: give both."
  }
}

variable "ages" {
  description = <<-EOT
    How old is old enough. `orphan_hours`: an object or a multipart upload without a session; an object that was a multipart upload
    must be `max_upload_hours` older still, because S3 dates it by when the upload began. `stuck_hours`: a session that is `created`
    and goes no further. `partial_review_hours`: how long what is marked `partial` waits for a person. `settle_seconds`: how long
    after a claim an object must have been still, before it goes.
  EOT
  type = object({
    orphan_hours         = optional(number, 24)
    max_upload_hours     = optional(number, 24)
    stuck_hours          = optional(number, 1)
    partial_review_hours = optional(number, 168)
    settle_seconds       = optional(number, 900)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.ages.orphan_hours >= 1 && var.ages.orphan_hours <= 8760 && floor(var.ages.orphan_hours) == var.ages.orphan_hours
    error_message = "ages.orphan_hours is a whole number, 1 to 8760: what is younger may still be on its way."
  }

  validation {
    condition     = var.ages.max_upload_hours >= 1 && var.ages.max_upload_hours <= 8760 && floor(var.ages.max_upload_hours) == var.ages.max_upload_hours
    error_message = "ages.max_upload_hours is a whole number, 1 to 8760: the longest that a multipart upload may take."
  }

  validation {
    condition     = var.ages.stuck_hours >= 1 && var.ages.stuck_hours <= 8760 && floor(var.ages.stuck_hours) == var.ages.stuck_hours
    error_message = "ages.stuck_hours is a whole number, 1 to 8760."
  }

  validation {
    condition     = var.ages.partial_review_hours >= 1 && var.ages.partial_review_hours <= 8760 && floor(var.ages.partial_review_hours) == var.ages.partial_review_hours
    error_message = "ages.partial_review_hours is a whole number, 1 to 8760: the time that a person has to look."
  }

  validation {
    condition     = var.ages.settle_seconds >= 60 && var.ages.settle_seconds <= 86400 && floor(var.ages.settle_seconds) == var.ages.settle_seconds
    error_message = "ages.settle_seconds is a whole number, 60 to 86400; longer than the gap between the upload's completion and the session's."
  }
}

variable "limits" {
  description = <<-EOT
    What one run may do. `max_deletes_per_run` bounds a run as a whole: expired sessions stop there, a plan of orphans above it is
    refused, and one that no longer fits waits for the next run. `max_orphan_percent` of the listed objects (once they are over 100) is the other gate. `batch_size` sessions are claimed
    together, `threads` calls are on their way at once, at most `requests_per_second` start (0: no limit).
  EOT
  type = object({
    batch_size          = optional(number, 100)
    max_deletes_per_run = optional(number, 10000)
    max_orphan_percent  = optional(number, 20)
    requests_per_second = optional(number, 0)
    threads             = optional(number, 8)
    scan_segments       = optional(number, 4)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.limits.batch_size >= 1 && var.limits.batch_size <= 1000 && floor(var.limits.batch_size) == var.limits.batch_size
    error_message = "limits.batch_size is a whole number, 1 to 1000."
  }

  validation {
    condition     = var.limits.max_deletes_per_run >= 1 && var.limits.max_deletes_per_run <= 1000000 && floor(var.limits.max_deletes_per_run) == var.limits.max_deletes_per_run
    error_message = "limits.max_deletes_per_run is a whole number, 1 to 1000000; to delete nothing set dry_run."
  }

  validation {
    condition     = var.limits.max_orphan_percent > 0 && var.limits.max_orphan_percent <= 100
    error_message = "limits.max_orphan_percent is above 0 and at most 100; to delete nothing set dry_run."
  }

  validation {
    condition     = var.limits.requests_per_second >= 0 && var.limits.requests_per_second <= 100000
    error_message = "limits.requests_per_second is 0 (no limit) or the calls that may start in a second, at most 100000."
  }

  validation {
    condition     = var.limits.threads >= 1 && var.limits.threads <= 64 && floor(var.limits.threads) == var.limits.threads
    error_message = "limits.threads is a whole number, 1 to 64."
  }

  validation {
    condition     = var.limits.scan_segments >= 1 && var.limits.scan_segments <= 64 && floor(var.limits.scan_segments) == var.limits.scan_segments
    error_message = "limits.scan_segments is a whole number, 1 to 64: each is a thread of one Lambda."
  }
}

variable "dry_run" {
  description = "Look, count and log, and change nothing. A payload can make a run dry; none can make it real while this is set."
  type        = bool
  default     = false
  nullable    = false
}

variable "protect_tag" {
  description = "Key of an object tag that keeps an object, whatever its session says: one read of the tags for each object about to go. `null` reads none."
  type        = string
  default     = null

  validation {
    condition     = var.protect_tag == null ? true : length(var.protect_tag) >= 1 && length(var.protect_tag) <= 128
    error_message = "protect_tag is the key of a tag, 1 to 128 characters, or left out."
  }
}

variable "review_expired_with_parts" {
  description = "Mark an expired session `partial`, for a person to look at, where its multipart upload has parts; left false, the upload is aborted."
  type        = bool
  default     = false
  nullable    = false
}

variable "audit" {
  description = <<-EOT
    Where each run leaves what it did and what it is about to do, as JSON lines under Hive partitions: the `bucket` output of
    `lifecycle-bucket` and a prefix. With it an orphan needs `two_sightings`: it goes only if an earlier run, at least
    `ages.orphan_hours` before, saw the same object. `null` leaves the log only.
  EOT
  type = object({
    bucket = object({
      name        = string
      arn         = string
      kms_key_arn = optional(string)
    })
    prefix        = optional(string, "upload-cleanup/")
    two_sightings = optional(bool, true)
  })
  default = null

  validation {
    condition     = var.audit == null ? true : can(regex("^([a-zA-Z0-9!_.'()=-]+/)+$", var.audit.prefix))
    error_message = "audit.prefix must end with a slash and not begin with one, for example upload-cleanup/."
  }

  validation {
    condition     = var.audit == null ? true : var.audit.bucket.name != var.bucket.name || !(startswith(var.audit.prefix, var.uploads.prefix) || startswith(var.uploads.prefix, var.audit.prefix))
    error_message = "audit must not lie among the uploads: give it a bucket, or a prefix, of its own."
  }
}

variable "stream_cleanup" {
  description = "Clean up after a session within seconds of TTL removing it, from the table's stream; the schedule then only reconciles."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.stream_cleanup || var.table.stream_arn != null
    error_message = "stream_cleanup needs table.stream_arn: give the table a stream (stream_view_type = \"OLD_IMAGE\" in ttl-table)."
  }

  validation {
    condition     = !var.stream_cleanup || contains(["OLD_IMAGE", "NEW_AND_OLD_IMAGES"], coalesce(var.table.stream_view_type, "unknown"))
    error_message = "stream_cleanup needs table.stream_view_type OLD_IMAGE or NEW_AND_OLD_IMAGES: from another view nobody can tell which object the removed session had."
  }
}

variable "restore" {
  description = "Let the function undo a run: `{\"operation\": \"restore\", \"runId\": \"...\"}` takes back that run's delete markers. Needs a versioned bucket and `audit`."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.restore || coalesce(var.bucket.versioned, false)
    error_message = "restore needs a versioned bucket (bucket.versioned = true): in another nothing is left to bring back."
  }

  validation {
    condition     = !var.restore || var.audit != null
    error_message = "restore needs audit: what a run was about to delete is written there before it does."
  }
}

variable "single_writer_region" {
  description = "Say that a global table is written in this Region only. A table with replicas is refused at run time without it: a condition holds within one Region."
  type        = bool
  default     = false
  nullable    = false
}

variable "storage_price_per_gb_month" {
  description = "What a gigabyte costs a month, for the savings that a report estimates; the default is S3 Standard in many Regions, in dollars."
  type        = number
  default     = 0.023
  nullable    = false

  validation {
    condition     = var.storage_price_per_gb_month >= 0 && var.storage_price_per_gb_month <= 1000
    error_message = "storage_price_per_gb_month is 0 to 1000."
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
  description = "Size and surroundings of the Lambda function. In a `vpc` it needs endpoints, or NAT, for S3 and DynamoDB."
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
    Who is told, and when: more than `cleanup_errors` in an hour, more than `error_rate_percent` of the runs failing, a run longer
    than `duration_percent` of the timeout, no completed run for `silence_hours`. 0 switches an alarm off, but not that of silence.
  EOT
  type = object({
    enabled            = optional(bool, true)
    topic_arns         = optional(list(string), [])
    silence_hours      = optional(number, 3)
    cleanup_errors     = optional(number, 5)
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
    condition     = var.alarms.cleanup_errors >= 0
    error_message = "alarms.cleanup_errors is 0 (off), or the errors in an hour above which the alarm goes off."
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
