variable "name" {
  description = "The bucket's name, exactly as it will be; or, with `name_is_prefix`, what S3's own suffix is put behind."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9-]$", var.name)) && !can(regex("[.][.]|[.]-|-[.]", var.name))
    error_message = "name must hold 3 to 63 small letters, digits, '.' and '-', beginning with a letter or digit, as S3 has it."
  }

  validation {
    condition     = var.name_is_prefix ? length(var.name) <= 37 : !endswith(var.name, "-")
    error_message = "name must end with a letter or digit; with name_is_prefix = true it may end with '-' and hold 37 characters at most, because S3's suffix has 26."
  }
}

variable "name_is_prefix" {
  description = "Let Terraform put a unique suffix behind `name`: bucket names are shared by all accounts of the world."
  type        = bool
  default     = false
  nullable    = false
}

variable "tags" {
  description = "Tags of everything that is made here."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "minimum_retention_days" {
  description = "The floor: no rule may delete an object, or a noncurrent version, sooner than this. A rule below it is refused at plan."
  type        = number
  nullable    = false

  validation {
    condition     = var.minimum_retention_days >= 1 && floor(var.minimum_retention_days) == var.minimum_retention_days
    error_message = "minimum_retention_days must be a whole number, 1 or more: the days for which everything here must surely be kept."
  }
}

variable "rules" {
  description = <<-EOT
    What expires, by rule name. A rule must say what it covers (`scope`); it never covers the whole bucket by omission.
    `scope`: objects under `prefix`, with all `tags`, larger than `larger_than_bytes`, smaller than `smaller_than_bytes`; or `entire_bucket = true`.
    `expire_after_days`: current objects; in a versioned bucket they become noncurrent, and stay until `noncurrent` removes them.
    `noncurrent`: versions go `expire_after_days` after they were replaced, except the `keep_newest` newest.
    `transitions`, `noncurrent_transitions`: to a cheaper `storage_class` after `days`.
    `abort_multipart_after_days`: uploads begun and never completed. `expired_delete_markers`: markers with no version behind them.
  EOT
  type = map(object({
    scope = object({
      prefix             = optional(string, "")
      tags               = optional(map(string), {})
      larger_than_bytes  = optional(number)
      smaller_than_bytes = optional(number)
      entire_bucket      = optional(bool, false)
    })
    enabled           = optional(bool, true)
    expire_after_days = optional(number)
    noncurrent = optional(object({
      expire_after_days = number
      keep_newest       = optional(number)
    }))
    transitions                = optional(list(object({ days = number, storage_class = string })), [])
    noncurrent_transitions     = optional(list(object({ days = number, storage_class = string, keep_newest = optional(number) })), [])
    abort_multipart_after_days = optional(number)
    expired_delete_markers     = optional(bool, false)
  }))
  nullable = false

  validation {
    condition     = length(var.rules) >= 1 && length(var.rules) <= 1000
    error_message = "rules must hold 1 to 1000 rules: without one nothing here would ever expire."
  }

  validation {
    condition     = alltrue([for name in keys(var.rules) : length(name) >= 1 && length(name) <= 255])
    error_message = "A rule's name must hold 1 to 255 characters."
  }

  validation {
    condition     = alltrue([for rule in var.rules : rule.scope != null])
    error_message = "A rule's scope may not be null: say what the rule covers, or scope = { entire_bucket = true }."
  }

  validation {
    condition = alltrue([
      for rule in var.rules : rule.scope.entire_bucket != (
        rule.scope.prefix != "" || length(rule.scope.tags) > 0 ||
        rule.scope.larger_than_bytes != null || rule.scope.smaller_than_bytes != null
      )
    ])
    error_message = "Each rule needs scope.prefix, scope.tags, scope.larger_than_bytes or scope.smaller_than_bytes, or else scope.entire_bucket = true; never both. See to the spelling: Terraform ignores a name that it does not know."
  }

  validation {
    condition = alltrue([
      for rule in var.rules : rule.expire_after_days != null || rule.noncurrent != null || length(rule.transitions) > 0 ||
      length(rule.noncurrent_transitions) > 0 || rule.abort_multipart_after_days != null || rule.expired_delete_markers
    ])
    error_message = "A rule does nothing: give it expire_after_days, noncurrent, transitions, noncurrent_transitions, abort_multipart_after_days or expired_delete_markers."
  }

  validation {
    condition = alltrue([
      for rule in var.rules : rule.expire_after_days == null ? true :
      rule.expire_after_days >= var.minimum_retention_days && floor(rule.expire_after_days) == rule.expire_after_days
    ])
    error_message = "A rule's expire_after_days must be a whole number, not below minimum_retention_days (${var.minimum_retention_days})."
  }

  validation {
    condition = alltrue([
      for rule in var.rules : rule.noncurrent == null ? true :
      rule.noncurrent.expire_after_days >= var.minimum_retention_days &&
      floor(rule.noncurrent.expire_after_days) == rule.noncurrent.expire_after_days
    ])
    error_message = "A rule's noncurrent.expire_after_days must be a whole number, not below minimum_retention_days (${var.minimum_retention_days})."
  }

  validation {
    condition = alltrue(flatten([
      for rule in var.rules : [
        for newest in concat([try(rule.noncurrent.keep_newest, null)], rule.noncurrent_transitions[*].keep_newest) :
        newest == null ? true : newest >= 1 && newest <= 100 && floor(newest) == newest
      ]
    ]))
    error_message = "keep_newest must be a whole number from 1 to 100."
  }

  validation {
    condition = alltrue([
      for rule in var.rules : (rule.abort_multipart_after_days == null && !rule.expired_delete_markers) || (
        length(rule.scope.tags) == 0 && rule.scope.larger_than_bytes == null && rule.scope.smaller_than_bytes == null
      )
    ])
    error_message = "S3 takes abort_multipart_after_days and expired_delete_markers only in a rule without scope.tags and sizes: put them in a rule of their own, with a prefix or the entire bucket."
  }

  validation {
    condition     = alltrue([for rule in var.rules : !rule.expired_delete_markers || rule.expire_after_days == null])
    error_message = "S3 takes expired_delete_markers and expire_after_days only in two rules; and where objects expire after some days, markers without versions go with them."
  }

  validation {
    condition = alltrue([
      for rule in var.rules : rule.abort_multipart_after_days == null ? true :
      rule.abort_multipart_after_days >= 1 && floor(rule.abort_multipart_after_days) == rule.abort_multipart_after_days
    ])
    error_message = "abort_multipart_after_days must be a whole number, 1 or more."
  }

  validation {
    condition = alltrue(flatten([
      for rule in var.rules : [
        for transition in concat([for t in rule.transitions : t.storage_class], [for t in rule.noncurrent_transitions : t.storage_class]) :
        contains(["STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"], transition)
      ]
    ]))
    error_message = "storage_class must be STANDARD_IA, ONEZONE_IA, INTELLIGENT_TIERING, GLACIER_IR, GLACIER or DEEP_ARCHIVE."
  }

  validation {
    condition = alltrue(flatten([
      for rule in var.rules : [
        for transition in concat([for t in rule.transitions : [t.days, t.storage_class]], [for t in rule.noncurrent_transitions : [t.days, t.storage_class]]) :
        tonumber(transition[0]) >= (endswith(transition[1], "_IA") ? 30 : 0) && floor(tonumber(transition[0])) == tonumber(transition[0])
      ]
    ]))
    error_message = "A transition's days must be a whole number, 0 or more; 30 or more to STANDARD_IA and ONEZONE_IA."
  }

  validation {
    condition = alltrue(flatten([
      for rule in var.rules : concat(
        rule.expire_after_days == null ? [] : [for t in rule.transitions : t.days < rule.expire_after_days],
        rule.noncurrent == null ? [] : [for t in rule.noncurrent_transitions : t.days < rule.noncurrent.expire_after_days],
      )
    ]))
    error_message = "A transition's days must be below the days after which the same rule deletes."
  }

  validation {
    condition = alltrue(flatten([
      for rule in var.rules : [
        for days in [rule.transitions[*].days, rule.noncurrent_transitions[*].days] : length(distinct(days)) == length(days)
      ]
    ]))
    error_message = "Two transitions of one rule fall on the same day: keep one of them."
  }

  validation {
    # Each pair, the earlier first: what S3 lets follow a class. An unknown class is refused above.
    condition = alltrue(flatten([
      for rule in var.rules : [
        for stage in [
          [for t in rule.transitions : { days = t.days, class = t.storage_class }],
          [for t in rule.noncurrent_transitions : { days = t.days, class = t.storage_class }],
          ] : [
          for pair in setproduct(stage, stage) : pair[0].days >= pair[1].days ? true : contains(lookup({
            STANDARD_IA         = ["INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"]
            INTELLIGENT_TIERING = ["ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"]
            ONEZONE_IA          = ["GLACIER", "DEEP_ARCHIVE"]
            GLACIER_IR          = ["GLACIER", "DEEP_ARCHIVE"]
            GLACIER             = ["DEEP_ARCHIVE"]
            DEEP_ARCHIVE        = []
          }, pair[0].class, [pair[1].class]), pair[1].class)
        ]
      ]
    ]))
    error_message = "S3 moves objects down only, and to each class once: STANDARD_IA, INTELLIGENT_TIERING, then ONEZONE_IA or GLACIER_IR, GLACIER, DEEP_ARCHIVE. Put the transitions of a rule in this order of days."
  }

  validation {
    condition = alltrue(flatten([
      for rule in var.rules : [
        for stage in [
          [for t in rule.transitions : { days = t.days, class = t.storage_class }],
          [for t in rule.noncurrent_transitions : { days = t.days, class = t.storage_class }],
          ] : [
          for pair in setproduct(stage, stage) :
          pair[0].days >= pair[1].days || !endswith(pair[0].class, "_IA") || pair[1].days - pair[0].days >= 30
        ]
      ]
    ]))
    error_message = "S3 keeps objects in STANDARD_IA and ONEZONE_IA for 30 days at least: let the next transition of the rule come 30 days later, or leave the first one out."
  }

  validation {
    condition = alltrue([
      for rule in var.rules : alltrue([
        for bytes in [rule.scope.larger_than_bytes, rule.scope.smaller_than_bytes] : bytes == null ? true : bytes >= 0 && floor(bytes) == bytes
        ]) && (
        rule.scope.larger_than_bytes == null || rule.scope.smaller_than_bytes == null ? true :
        rule.scope.larger_than_bytes < rule.scope.smaller_than_bytes
      )
    ])
    error_message = "scope.larger_than_bytes and scope.smaller_than_bytes must be whole numbers, the first below the second."
  }
}

variable "versioning" {
  description = "Keep replaced and deleted objects as noncurrent versions, until a rule's `noncurrent` removes them."
  type        = bool
  default     = true
  nullable    = false
}

variable "kms_key_arn" {
  description = "A KMS key of yours that encrypts the objects, with a bucket key. Where left out, S3's own keys do (SSE-S3)."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null ? true : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key (arn:aws:kms:REGION:ACCOUNT:key/ID), not of an alias."
  }
}

variable "policy_statements" {
  description = "More statements for the bucket's policy, beside the one that refuses requests without TLS. `resources` are paths in the bucket: `/*` for its objects, an empty string for the bucket itself. `principals` by type (`AWS`, `Service`); `{ \"*\" = [\"*\"] }` is everybody, for Deny."
  type = list(object({
    sid        = string
    effect     = optional(string, "Allow")
    principals = map(list(string))
    actions    = list(string)
    resources  = list(string)
    conditions = optional(list(object({ test = string, variable = string, values = list(string) })), [])
  }))
  default  = []
  nullable = false

  validation {
    condition     = length(distinct(var.policy_statements[*].sid)) == length(var.policy_statements) && alltrue([for s in var.policy_statements : can(regex("^[a-zA-Z0-9]+$", s.sid)) && s.sid != "RefuseWithoutTLS"])
    error_message = "Each policy statement needs a sid of its own, of letters and digits, other than RefuseWithoutTLS."
  }

  validation {
    condition     = alltrue([for s in var.policy_statements : contains(["Allow", "Deny"], s.effect)])
    error_message = "A policy statement's effect must be Allow or Deny."
  }

  validation {
    condition     = alltrue(flatten([for s in var.policy_statements : [for r in s.resources : r == "" || startswith(r, "/")]]))
    error_message = "A policy statement's resources are paths in the bucket: \"\" for the bucket, \"/*\" or \"/prefix/*\" for objects."
  }

  validation {
    condition = alltrue(flatten([
      for s in var.policy_statements : s.effect == "Deny" ? [] : concat(
        [for names in values(s.principals) : !contains(names, "*")],
        [for action in s.actions : !contains(["*", "s3:*"], action)],
      )
    ]))
    error_message = "A policy statement may not allow everybody (principal *) or everything (action * or s3:*): name who, and name the actions."
  }

  validation {
    condition     = alltrue([for s in var.policy_statements : length(s.principals) > 0 && length(s.actions) > 0 && length(s.resources) > 0])
    error_message = "A policy statement needs at least one principal, action and resource."
  }
}

variable "access_log" {
  description = "Where S3 writes the bucket's access log: another bucket, whose policy lets `logging.s3.amazonaws.com` write; `null` for none. An empty prefix stands for `s3-access/` and this bucket's name."
  type = object({
    bucket_name = string
    prefix      = optional(string, "")
  })
  default = null

  validation {
    condition     = var.access_log == null ? true : var.access_log.bucket_name != "" && (var.name_is_prefix || var.access_log.bucket_name != var.name)
    error_message = "access_log.bucket_name must be another bucket: a bucket that logs into itself logs its own log."
  }
}

variable "force_destroy" {
  description = "Let `terraform destroy` delete the bucket with everything in it. Only for what may be lost."
  type        = bool
  default     = false
  nullable    = false
}
