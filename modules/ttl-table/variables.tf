variable "name" {
  description = "The table's name, exactly as it will be."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9_.-]{3,255}$", var.name))
    error_message = "name must hold 3 to 255 letters, digits, '_', '.' and '-'."
  }
}

variable "tags" {
  description = "Tags of everything that is made here."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "hash_key" {
  description = "The partition key: its name, and its type S (String), N (Number) or B (Binary). A change replaces the table."
  type        = object({ name = string, type = optional(string, "S") })
  nullable    = false

  validation {
    condition     = length(var.hash_key.name) >= 1 && length(var.hash_key.name) <= 255
    error_message = "hash_key.name must hold 1 to 255 characters."
  }

  validation {
    condition     = contains(["S", "N", "B"], var.hash_key.type)
    error_message = "hash_key.type must be S (String), N (Number) or B (Binary)."
  }
}

variable "range_key" {
  description = "The sort key, in the same form; `null` for a table without one. A change replaces the table."
  type        = object({ name = string, type = optional(string, "S") })
  default     = null

  validation {
    condition     = var.range_key == null ? true : length(var.range_key.name) >= 1 && length(var.range_key.name) <= 255
    error_message = "range_key.name must hold 1 to 255 characters."
  }

  validation {
    condition     = var.range_key == null ? true : contains(["S", "N", "B"], var.range_key.type)
    error_message = "range_key.type must be S (String), N (Number) or B (Binary)."
  }

  validation {
    condition     = var.range_key == null ? true : var.range_key.name != var.hash_key.name
    error_message = "range_key and hash_key must be two attributes; leave range_key out for a table with one key."
  }
}

variable "ttl" {
  description = "Which attribute says when a row has expired (a Number: seconds since 1970). To stop expiry set `enabled = false` and keep the name: DynamoDB must be told which attribute to switch off."
  type = object({
    attribute_name = optional(string, "expires_at")
    enabled        = optional(bool, true)
  })
  default  = {}
  nullable = false

  validation {
    condition     = length(trimspace(var.ttl.attribute_name)) >= 1 && length(var.ttl.attribute_name) <= 255
    error_message = "ttl.attribute_name must hold 1 to 255 characters, also while ttl.enabled = false."
  }

  validation {
    condition = alltrue([
      for key in concat(
        [var.hash_key, var.range_key],
        flatten([for index in var.indexes : [index.hash_key, index.range_key]]),
        [for index in var.local_indexes : index.range_key],
      ) : key == null ? true : key.name != var.ttl.attribute_name || key.type == "N"
    ])
    error_message = "ttl.attribute_name is a key of the table or of an index, and there its type is not N: such a row never expires. Store the expiry as a Number, or name another attribute."
  }
}

variable "indexes" {
  description = "Global secondary indexes by name. `projection` is ALL, KEYS_ONLY or INCLUDE (then with `non_key_attributes`). `on_demand` and `provisioned` are like those of `billing`; a provisioned index without its own limits has the table's."
  type = map(object({
    hash_key           = object({ name = string, type = optional(string, "S") })
    range_key          = optional(object({ name = string, type = optional(string, "S") }))
    projection         = optional(string, "ALL")
    non_key_attributes = optional(set(string), [])
    on_demand = optional(object({
      max_read_units  = optional(number)
      max_write_units = optional(number)
    }), {})
    provisioned = optional(object({
      read  = object({ min = number, max = number, target_percent = optional(number, 70) })
      write = object({ min = number, max = number, target_percent = optional(number, 70) })
    }))
  }))
  default  = {}
  nullable = false

  validation {
    condition     = length(var.indexes) <= 20
    error_message = "A table has at most 20 global secondary indexes."
  }

  validation {
    condition     = alltrue([for name in keys(var.indexes) : can(regex("^[a-zA-Z0-9_.-]{3,255}$", name))])
    error_message = "An index's name must hold 3 to 255 letters, digits, '_', '.' and '-'."
  }

  validation {
    condition     = alltrue([for index in var.indexes : contains(["S", "N", "B"], index.hash_key.type) && contains(["S", "N", "B"], try(index.range_key.type, "S"))])
    error_message = "The type of an index's key must be S (String), N (Number) or B (Binary)."
  }

  validation {
    condition     = alltrue([for index in var.indexes : index.hash_key.name != try(index.range_key.name, null)])
    error_message = "An index's range_key and hash_key must be two attributes; leave range_key out for an index with one key."
  }

  validation {
    condition = alltrue([
      for index in var.indexes : contains(["ALL", "KEYS_ONLY", "INCLUDE"], index.projection) &&
      (index.projection == "INCLUDE") == (length(index.non_key_attributes) > 0)
    ])
    error_message = "An index's projection must be ALL, KEYS_ONLY or INCLUDE; non_key_attributes go with INCLUDE, and only with it."
  }

  validation {
    condition = alltrue(flatten([
      for index in var.indexes : index.provisioned == null ? [] : [
        for limits in [index.provisioned.read, index.provisioned.write] :
        limits.min >= 1 && limits.max >= limits.min && floor(limits.min) == limits.min && floor(limits.max) == limits.max &&
        limits.target_percent >= 20 && limits.target_percent <= 90
      ]
    ]))
    error_message = "An index's provisioned.read and provisioned.write need whole numbers with 1 <= min <= max, and a target_percent of 20 to 90."
  }

  validation {
    condition     = var.billing.provisioned != null || alltrue([for index in var.indexes : index.provisioned == null])
    error_message = "An index is provisioned only on a provisioned table: set billing.provisioned too, or leave the index's out."
  }

  validation {
    condition = alltrue([
      for index in var.indexes : alltrue([
        for units in [index.on_demand.max_read_units, index.on_demand.max_write_units] :
        units == null ? true : units >= 1 && floor(units) == units && var.billing.provisioned == null
      ])
    ])
    error_message = "An index's on_demand limits must be whole numbers, 1 or more, on a table without billing.provisioned."
  }
}

variable "local_indexes" {
  description = "Local secondary indexes by name: another sort key under the table's own partition key. They can be made only together with the table: a change replaces it."
  type = map(object({
    range_key          = object({ name = string, type = optional(string, "S") })
    projection         = optional(string, "ALL")
    non_key_attributes = optional(set(string), [])
  }))
  default  = {}
  nullable = false

  validation {
    condition     = length(var.local_indexes) <= 5
    error_message = "A table has at most 5 local secondary indexes."
  }

  validation {
    condition     = length(var.local_indexes) == 0 || var.range_key != null
    error_message = "Local indexes need a table with a range_key."
  }

  validation {
    condition     = alltrue([for name in keys(var.local_indexes) : can(regex("^[a-zA-Z0-9_.-]{3,255}$", name)) && !contains(keys(var.indexes), name)])
    error_message = "A local index's name must hold 3 to 255 letters, digits, '_', '.' and '-', and be no name in indexes."
  }

  validation {
    condition     = alltrue([for index in var.local_indexes : contains(["S", "N", "B"], index.range_key.type)])
    error_message = "The type of a local index's range_key must be S (String), N (Number) or B (Binary)."
  }

  validation {
    condition     = alltrue([for index in var.local_indexes : index.range_key.name != var.hash_key.name])
    error_message = "A local index's range_key must be another attribute than the table's hash_key."
  }

  validation {
    condition = alltrue([
      for index in var.local_indexes : contains(["ALL", "KEYS_ONLY", "INCLUDE"], index.projection) &&
      (index.projection == "INCLUDE") == (length(index.non_key_attributes) > 0)
    ])
    error_message = "A local index's projection must be ALL, KEYS_ONLY or INCLUDE; non_key_attributes go with INCLUDE, and only with it."
  }

  validation {
    condition = sum(concat(
      [0],
      [for index in var.indexes : length(index.non_key_attributes)],
      [for index in var.local_indexes : length(index.non_key_attributes)],
    )) <= 100
    error_message = "All indexes together can hold at most 100 non_key_attributes; use the projection ALL where most are needed."
  }

  validation {
    # One entry per attribute and type; one attribute with two types is two entries.
    condition = alltrue([
      for keys in [concat(
        [var.hash_key, var.range_key],
        flatten([for index in var.indexes : [index.hash_key, index.range_key]]),
        [for index in var.local_indexes : index.range_key],
      )] : length(distinct([for key in keys : key if key != null])) == length(distinct([for key in keys : key.name if key != null]))
    ])
    error_message = "One attribute is a key with two types: give it the same type in the table and in all its indexes."
  }
}

variable "billing" {
  description = "On demand by default, with optional limits on what a second may cost. `provisioned` instead: auto scaling keeps the capacity between `min` and `max`, at `target_percent` use. `min = max` is a fixed capacity."
  type = object({
    on_demand = optional(object({
      max_read_units  = optional(number)
      max_write_units = optional(number)
    }), {})
    provisioned = optional(object({
      read  = object({ min = number, max = number, target_percent = optional(number, 70) })
      write = object({ min = number, max = number, target_percent = optional(number, 70) })
    }))
  })
  default  = {}
  nullable = false

  validation {
    condition = var.billing.provisioned == null || (
      var.billing.on_demand.max_read_units == null && var.billing.on_demand.max_write_units == null
    )
    error_message = "billing is on_demand or provisioned: leave out the limits of the other one."
  }

  validation {
    condition = alltrue([
      for units in [var.billing.on_demand.max_read_units, var.billing.on_demand.max_write_units] :
      units == null ? true : units >= 1 && floor(units) == units
    ])
    error_message = "billing.on_demand limits must be whole numbers, 1 or more; leave one out for no limit."
  }

  validation {
    condition = var.billing.provisioned == null ? true : alltrue([
      for limits in [var.billing.provisioned.read, var.billing.provisioned.write] :
      limits.min >= 1 && limits.max >= limits.min && floor(limits.min) == limits.min && floor(limits.max) == limits.max
    ])
    error_message = "billing.provisioned.read and billing.provisioned.write need whole numbers with 1 <= min <= max."
  }

  validation {
    condition = var.billing.provisioned == null ? true : alltrue([
      for limits in [var.billing.provisioned.read, var.billing.provisioned.write] :
      limits.target_percent >= 20 && limits.target_percent <= 90
    ])
    error_message = "billing.provisioned target_percent must be 20 to 90."
  }
}

variable "point_in_time_recovery" {
  description = "Continuous backups: what TTL, or a mistake, has deleted can be restored for `recovery_days` (1 to 35)."
  type = object({
    enabled       = optional(bool, true)
    recovery_days = optional(number, 35)
  })
  default  = {}
  nullable = false

  validation {
    condition = (
      var.point_in_time_recovery.recovery_days >= 1 && var.point_in_time_recovery.recovery_days <= 35 &&
      floor(var.point_in_time_recovery.recovery_days) == var.point_in_time_recovery.recovery_days
    )
    error_message = "point_in_time_recovery.recovery_days must be a whole number from 1 to 35."
  }
}

variable "kms_key_arn" {
  description = "A KMS key of yours that encrypts the table. Where left out, the account's key `aws/dynamodb` does."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null ? true : can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key (arn:aws:kms:REGION:ACCOUNT:key/ID), not of an alias."
  }
}

variable "deletion_protection" {
  description = "DynamoDB refuses to delete the table. Set it to false, and apply, before you destroy."
  type        = bool
  default     = true
  nullable    = false
}

variable "stream_view_type" {
  description = "What the table's stream carries: KEYS_ONLY, NEW_IMAGE, OLD_IMAGE or NEW_AND_OLD_IMAGES; `null` for no stream. Rows that TTL removes can be read there only with the old image."
  type        = string
  default     = null

  validation {
    condition     = var.stream_view_type == null ? true : contains(["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"], var.stream_view_type)
    error_message = "stream_view_type must be KEYS_ONLY, NEW_IMAGE, OLD_IMAGE or NEW_AND_OLD_IMAGES, or null for no stream."
  }
}

variable "table_class" {
  description = "STANDARD, or STANDARD_INFREQUENT_ACCESS where storage costs more than reads and writes do."
  type        = string
  default     = "STANDARD"
  nullable    = false

  validation {
    condition     = contains(["STANDARD", "STANDARD_INFREQUENT_ACCESS"], var.table_class)
    error_message = "table_class must be STANDARD or STANDARD_INFREQUENT_ACCESS."
  }
}

variable "alarms" {
  description = "Alarms on throttled reads and writes (the table, and each index) and on DynamoDB's own errors. `throttled_events` and `system_errors` are counts in five minutes, in two of three such periods. `operations` are those whose errors are summed, at most ten: CloudWatch allows no more in one alarm."
  type = object({
    enabled          = optional(bool, true)
    topic_arns       = optional(list(string), [])
    throttled_events = optional(number, 10)
    system_errors    = optional(number, 5)
    operations = optional(set(string), [
      "BatchExecuteStatement", "BatchGetItem", "BatchWriteItem", "DeleteItem", "GetItem",
      "PutItem", "Query", "Scan", "TransactWriteItems", "UpdateItem",
    ])
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.alarms.throttled_events >= 1 && var.alarms.system_errors >= 1
    error_message = "alarms.throttled_events and alarms.system_errors must be 1 or more; to have no alarms set alarms.enabled = false."
  }

  validation {
    condition     = length(var.alarms.operations) >= 1 && length(var.alarms.operations) <= 10
    error_message = "alarms.operations must name 1 to 10 operations: CloudWatch allows ten metrics in one alarm."
  }

  validation {
    condition     = alltrue([for operation in var.alarms.operations : can(regex("^[A-Z][A-Za-z]+$", operation))])
    error_message = "alarms.operations must be DynamoDB's own names, for example GetItem."
  }
}
