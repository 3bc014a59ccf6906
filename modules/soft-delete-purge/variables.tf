variable "name" {
  description = "Name of this purge. Everything that it makes is named after it, so two in one account and region never clash. Shortened with a hash where AWS takes no more than 64 characters."
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

variable "database" {
  description = <<-EOT
    Where the records are, and as whom. The password is `secret_arn` (a secret in the form that RDS writes, with `password`) or
    `iam_auth`, which needs `db_resource_id` (`db-…` of an instance, `cluster-…` of an Aurora cluster); it is never in
    the environment, and asked for anew with each connection. `tls` is verify-full, or disable where the host is a loopback one.
    `ca_bundle` is a file of CA certificates, as the function sees it (/opt/… from a layer), that takes the place of the system's
    and of the packed RDS bundle.
  EOT
  type = object({
    host               = string
    port               = optional(number, 5432)
    name               = string
    user               = string
    secret_arn         = optional(string)
    secret_kms_key_arn = optional(string)
    iam_auth           = optional(bool, false)
    db_resource_id     = optional(string)
    tls                = optional(string, "verify-full")
    ca_bundle          = optional(string)
  })
  nullable = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,253}[a-zA-Z0-9])?$|^[0-9a-fA-F]*:[0-9a-fA-F]*:[0-9a-fA-F:.]*$", var.database.host))
    error_message = "database.host is a host name or an address, without a port: mydb.abc.eu-west-1.rds.amazonaws.com."
  }

  validation {
    condition     = var.database.port >= 1 && var.database.port <= 65535 && floor(var.database.port) == var.database.port
    error_message = "database.port is a whole number, 1 to 65535."
  }

  validation {
    condition     = alltrue([for n in [var.database.name, var.database.user] : length(n) >= 1 && length(n) <= 63 && can(regex("^[^[:cntrl:]]+$", n))])
    error_message = "database.name and database.user are 1 to 63 characters each, without control characters."
  }

  validation {
    condition     = var.database.secret_arn == null ? true : can(regex("^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[a-zA-Z0-9/_+=.@!-]+$", var.database.secret_arn))
    error_message = "database.secret_arn is the whole ARN of a secret (arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-SUFFIX)."
  }

  validation {
    condition     = (var.database.secret_arn != null) != var.database.iam_auth
    error_message = "database needs exactly one of secret_arn and iam_auth = true: the function has no other password."
  }

  validation {
    condition     = !var.database.iam_auth || var.database.db_resource_id != null
    error_message = "database.iam_auth needs db_resource_id, the resource id and not the name: db-ABCDEFGHIJKL01234 (aws_db_instance.x.resource_id), or cluster-… (aws_rds_cluster.x.cluster_resource_id)."
  }

  validation {
    condition     = var.database.db_resource_id == null ? true : can(regex("^(db|cluster|prx)-[a-zA-Z0-9]+$", var.database.db_resource_id))
    error_message = "database.db_resource_id begins with db-, cluster- or prx-: it is the resource id, not the instance's name."
  }

  validation {
    condition     = !var.database.iam_auth || can(regex("^[a-zA-Z0-9_.+-]+$", var.database.user))
    error_message = "database.user must be letters, digits and _ . + - with iam_auth: it is part of an ARN, where '*' would mean every user."
  }

  validation {
    condition     = !var.database.iam_auth || var.database.tls == "verify-full"
    error_message = "database.tls must be verify-full with iam_auth: the token is sent as the password."
  }

  validation {
    condition     = var.database.secret_kms_key_arn == null ? true : var.database.secret_arn != null && can(regex("^arn:[a-z-]+:kms:", var.database.secret_kms_key_arn))
    error_message = "database.secret_kms_key_arn is the ARN of the key of database.secret_arn (arn:aws:kms:...), and goes with it."
  }

  validation {
    condition     = contains(["verify-full", "disable"], var.database.tls)
    error_message = "database.tls is verify-full, or disable for a loopback host. Nothing between the two keeps a password from whoever answers."
  }

  validation {
    condition     = var.database.tls != "disable" || can(regex("^(localhost|127[.][0-9.]+|::1)$", var.database.host))
    error_message = "database.tls = \"disable\" is for a loopback host only (localhost, 127.0.0.1, ::1): over a network password and rows would be readable."
  }

  validation {
    condition     = var.database.ca_bundle == null ? true : can(regex("^/[^[:cntrl:]\"' ]+$", var.database.ca_bundle))
    error_message = "database.ca_bundle is the absolute path of a file where the function runs, without spaces and quotes; the files of a layer of the function lie under /opt."
  }
}

variable "root" {
  description = <<-EOT
    The records. One is soft-deleted once `deleted_at` (a timestamptz, or a timestamp in UTC) is set, and due `retention_days` later.
    `hold` is a column that keeps a record for as long as it is true (or, where it is no boolean, not null). `where` narrows it
    down: every condition must hold, values are compared as the column's type. `key` is the primary key, one column of any type.
  EOT
  type = object({
    schema     = optional(string, "public")
    table      = string
    key        = optional(string, "id")
    deleted_at = optional(string, "deleted_at")
    hold       = optional(string)
    where = optional(list(object({
      column   = string
      operator = string
      value    = optional(string)
    })), [])
  })
  nullable = false

  validation {
    condition = alltrue([
      for n in concat([for n in [var.root.schema, var.root.table, var.root.key, var.root.deleted_at, var.root.hold] : n if n != null], [for w in var.root.where : w.column]) :
      can(regex("^[^[:cntrl:]]{1,63}$", n))
    ])
    error_message = "Schemas, tables and columns in root are 1 to 63 characters, without control characters."
  }

  validation {
    condition     = alltrue([for w in var.root.where : contains(["=", "<>", "<", "<=", ">", ">=", "is null", "is not null"], w.operator)])
    error_message = "root.where.operator is one of = <> < <= > >=, is null and is not null: no SQL comes from a configuration."
  }

  validation {
    condition     = alltrue([for w in var.root.where : (w.value == null) == endswith(w.operator, "null")])
    error_message = "root.where.value goes with every operator but is null and is not null: a value left out would widen what is deleted."
  }
}

variable "retention_days" {
  description = "How long a soft-deleted record stays before it is removed for good. At least `minimum_retention_days`."
  type        = number
  nullable    = false

  validation {
    condition     = var.retention_days >= 1 && var.retention_days <= 36500 && floor(var.retention_days) == var.retention_days
    error_message = "retention_days is a whole number, 1 to 36500 (100 years)."
  }

  validation {
    condition     = var.retention_days >= var.minimum_retention_days
    error_message = "retention_days lies below minimum_retention_days: who deleted a record by mistake would be too late. Lower the minimum if that is meant."
  }
}

variable "minimum_retention_days" {
  description = "Below this many days a plan, and a run, is refused."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.minimum_retention_days >= 1 && var.minimum_retention_days <= 36500 && floor(var.minimum_retention_days) == var.minimum_retention_days
    error_message = "minimum_retention_days is a whole number, 1 to 36500."
  }
}

variable "release" {
  description = <<-EOT
    What a record has only borrowed, by a name of yours: before anything is deleted, `set` is written into the rows of `table` that
    hang on it. `path` is how: each step's `column` holds what the step `references`: `table.column`, `schema.table.column`, at the end `root`.
    A name with a dot in it goes in `to` instead. `allow_unlocked` accepts a step that no foreign key backs: no lock protects it.
  EOT
  type = map(object({
    schema = optional(string, "public")
    table  = string
    path = list(object({
      column     = string
      references = optional(string)
      to         = optional(object({ schema = optional(string, "public"), table = string, column = string }))
    }))
    set            = map(string)
    allow_unlocked = optional(bool, false)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for key in keys(var.release) : can(regex("^[a-zA-Z][a-zA-Z0-9_-]{0,47}$", key))])
    error_message = "A name in release starts with a letter, then letters, digits, '_' and '-', 48 characters at most."
  }

  validation {
    condition = alltrue(flatten([
      for r in var.release : [for n in concat([r.schema, r.table], keys(r.set), [for s in r.path : s.column]) : can(regex("^[^[:cntrl:]]{1,63}$", n))]
    ]))
    error_message = "Schemas, tables and columns in release are 1 to 63 characters, without control characters."
  }

  validation {
    condition     = alltrue([for r in var.release : length(r.set) > 0])
    error_message = "release.set says which columns become what, at least one: { list_id = null, status = \"available\" }."
  }

  validation {
    condition     = alltrue(flatten([for r in var.release : [for s in r.path : (s.references == null) != (s.to == null)]]))
    error_message = "Each step of release.path needs exactly one of references and to."
  }

  validation {
    condition     = alltrue([for r in var.release : try(r.path[length(r.path) - 1].references == "root", false)])
    error_message = "release.path ends at the record: its last step references \"root\"."
  }

  validation {
    condition = alltrue(flatten([
      for r in var.release : [for s in slice(r.path, 0, max(length(r.path) - 1, 0)) : s.references == null ? true : can(regex("^[^.]+[.][^.]+([.][^.]+)?$", s.references))]
    ]))
    error_message = "release.path: each step but the last references table.column or schema.table.column."
  }
}

variable "shared" {
  description = <<-EOT
    What records share, by a name of yours: a row of `table` goes with the last of all that refers to it. `link` is the table between the two.
    `also_referenced_by` is every other place that can refer to such a row: a `column` of another `table`, or a column of its own that is
    not null while it is in use (`own_column_not_null`). One that is not listed is refused, unless it cascades. `allow_unlocked` accepts a reference
    that no foreign key backs: a new one, written at that very moment, is then not seen.
  EOT
  type = map(object({
    schema = optional(string, "public")
    table  = string
    key    = optional(string, "id")
    link = object({
      schema        = optional(string, "public")
      table         = string
      root_column   = string
      shared_column = string
    })
    also_referenced_by = optional(list(object({
      schema              = optional(string, "public")
      table               = optional(string)
      column              = optional(string)
      own_column_not_null = optional(string)
    })), [])
    allow_unlocked = optional(bool, false)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for key in keys(var.shared) : can(regex("^[a-zA-Z][a-zA-Z0-9_-]{0,47}$", key))])
    error_message = "A name in shared starts with a letter, then letters, digits, '_' and '-', 48 characters at most."
  }

  validation {
    condition = alltrue(flatten([
      for s in var.shared : [
        for n in concat(
          [s.schema, s.table, s.key, s.link.schema, s.link.table, s.link.root_column, s.link.shared_column],
          [for r in s.also_referenced_by : r.schema],
          flatten([for r in s.also_referenced_by : [for n in [r.table, r.column, r.own_column_not_null] : n if n != null]]),
        ) : can(regex("^[^[:cntrl:]]{1,63}$", n))
      ]
    ]))
    error_message = "Schemas, tables and columns in shared are 1 to 63 characters, without control characters."
  }

  validation {
    condition = alltrue(flatten([
      for s in var.shared : [
        for r in s.also_referenced_by : r.own_column_not_null == null ? r.table != null && r.column != null : r.table == null && r.column == null
      ]
    ]))
    error_message = "Each of shared.also_referenced_by is either table with column, or own_column_not_null alone."
  }
}

variable "objects" {
  description = <<-EOT
    Which files in S3 go with a record, by a name of yours: what `column` names, of the record itself (`of = "root"`), of what it shares
    (`of = "shared:NAME"`), or of a `table` that hangs on it by a `path` as in `release`. The column holds a key, or a URL: what follows
    `url_prefix` is then the key. Nothing outside of `key_prefix` is ever looked at or deleted, and the role may not. A file that any
    remaining row of these columns names is kept. `allow_unlocked` is as in `release`.
  EOT
  type = map(object({
    of     = optional(string)
    schema = optional(string)
    table  = optional(string)
    path = optional(list(object({
      column     = string
      references = optional(string)
      to         = optional(object({ schema = optional(string, "public"), table = string, column = string }))
    })), [])
    column         = string
    url_prefix     = optional(string)
    key_prefix     = string
    allow_unlocked = optional(bool, false)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for key in keys(var.objects) : can(regex("^[a-zA-Z][a-zA-Z0-9_-]{0,47}$", key))])
    error_message = "A name in objects starts with a letter, then letters, digits, '_' and '-', 48 characters at most."
  }

  validation {
    condition = alltrue(flatten([
      for o in var.objects : [for n in concat([o.column], [for n in [o.schema, o.table] : n if n != null], [for s in o.path : s.column]) : can(regex("^[^[:cntrl:]]{1,63}$", n))]
    ]))
    error_message = "Schemas, tables and columns in objects are 1 to 63 characters, without control characters."
  }

  validation {
    condition     = alltrue([for o in var.objects : o.of == null ? o.table != null : o.table == null && o.schema == null && length(o.path) == 0])
    error_message = "Each of objects is either of (root, or shared:NAME) alone, or table with its path to the root."
  }

  validation {
    condition     = alltrue([for o in var.objects : o.of == null ? true : o.of == "root" || contains([for name in keys(var.shared) : "shared:${name}"], o.of)])
    error_message = "objects.of is root, or shared:NAME with a name of var.shared."
  }

  validation {
    condition     = alltrue(flatten([for o in var.objects : [for s in o.path : (s.references == null) != (s.to == null)]]))
    error_message = "Each step of objects.path needs exactly one of references and to."
  }

  validation {
    condition     = alltrue([for o in var.objects : o.table == null ? true : try(o.path[length(o.path) - 1].references == "root", false)])
    error_message = "objects.path ends at the record: its last step references \"root\"."
  }

  validation {
    condition = alltrue(flatten([
      for o in var.objects : [for s in slice(o.path, 0, max(length(o.path) - 1, 0)) : s.references == null ? true : can(regex("^[^.]+[.][^.]+([.][^.]+)?$", s.references))]
    ]))
    error_message = "objects.path: each step but the last references table.column or schema.table.column."
  }

  validation {
    condition     = alltrue([for o in var.objects : o.url_prefix == null ? true : can(regex("^https?://[^[:space:][:cntrl:]?#]+/$", o.url_prefix))])
    error_message = "objects.url_prefix is a URL that ends with a slash (https://cdn.example.com/): a key begins right behind it."
  }

  validation {
    condition     = alltrue([for o in var.objects : can(regex("^([a-zA-Z0-9!_.'()+=@,&;~-]+/)+$", o.key_prefix))])
    error_message = "objects.key_prefix names folders, ends with a slash and begins without one, for example mocs/. It is never the whole bucket, and holds no '*', '?' or '$', which mean more in a policy."
  }
}

variable "bucket" {
  description = <<-EOT
    The bucket of `objects`: the `bucket` output of `lifecycle-bucket`, or the same object. `owner_account_id` is this account where
    left out; every call to S3 names it, so a bucket of another owner under the same name is never touched.
  EOT
  type = object({
    name             = string
    arn              = string
    kms_key_arn      = optional(string)
    versioned        = optional(bool, false)
    owner_account_id = optional(string)
  })
  default = null

  validation {
    condition     = (var.bucket != null) == (length(var.objects) > 0)
    error_message = "bucket goes with objects, and objects with bucket: give both, or neither where no files go with a record."
  }

  validation {
    condition     = var.bucket == null ? true : can(regex("^arn:[a-z-]+:s3:::[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.bucket.arn)) && endswith(var.bucket.arn, ":::${var.bucket.name}")
    error_message = "bucket.arn must be the ARN of the bucket that bucket.name names: arn:aws:s3:::NAME."
  }

  validation {
    condition     = try(var.bucket.owner_account_id, null) == null ? true : can(regex("^[0-9]{12}$", var.bucket.owner_account_id))
    error_message = "bucket.owner_account_id is an account's 12 digits, or left out for this account."
  }
}

variable "limits" {
  description = <<-EOT
    What one run may do: `max_records_per_run` records, the longest dead first. Where more than 100 are due, and they are more than
    `max_purge_percent` of all records, the run is refused and alarms: a wrong clock, or a mass delete by accident, makes everything due.
    `max_records_per_second` holds it back (0: no limit). `clock_skew_s` is taken off the database's clock.
  EOT
  type = object({
    max_records_per_run    = optional(number, 100)
    max_purge_percent      = optional(number, 20)
    max_records_per_second = optional(number, 0)
    clock_skew_s           = optional(number, 60)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.limits.max_records_per_run >= 1 && var.limits.max_records_per_run <= 100000 && floor(var.limits.max_records_per_run) == var.limits.max_records_per_run
    error_message = "limits.max_records_per_run is a whole number, 1 to 100000; to delete nothing set dry_run."
  }

  validation {
    condition     = var.limits.max_purge_percent > 0 && var.limits.max_purge_percent <= 100
    error_message = "limits.max_purge_percent is above 0, at most 100 (which refuses nothing)."
  }

  validation {
    condition     = var.limits.max_records_per_second >= 0 && var.limits.max_records_per_second <= 10000
    error_message = "limits.max_records_per_second is 0 (no limit) or the records that may go in a second, at most 10000."
  }

  validation {
    condition     = var.limits.clock_skew_s >= 0 && var.limits.clock_skew_s <= 86400 && floor(var.limits.clock_skew_s) == var.limits.clock_skew_s
    error_message = "limits.clock_skew_s is a whole number, 0 to 86400."
  }
}

variable "transaction" {
  description = "`record`: each record in a transaction of its own. `batch`: many in one, with a fraction of the statements; where one fails the others go all the same."
  type        = string
  default     = "record"
  nullable    = false

  validation {
    condition     = contains(["record", "batch"], var.transaction)
    error_message = "transaction is record or batch."
  }
}

variable "retry" {
  description = "What happens to a record that failed: it is tried again `max_attempts` times, with growing delay. Then it rests in the dead-letter queue, and no night takes it up, until somebody redrives it or its row changes."
  type = object({
    max_attempts = optional(number, 3)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.retry.max_attempts >= 1 && var.retry.max_attempts <= 10 && floor(var.retry.max_attempts) == var.retry.max_attempts
    error_message = "retry.max_attempts is a whole number, 1 to 10."
  }
}

variable "dry_run" {
  description = "Look, count and log, and change nothing. A payload can make a run dry; none can make it real while this is set. What waits in the retry queue then waits on."
  type        = bool
  default     = false
  nullable    = false
}

variable "event_name" {
  description = "The message of the log line that each purged record gets."
  type        = string
  default     = "moc.cleanup"
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}$", var.event_name)) && !contains(["report", "failed", "action"], var.event_name)
    error_message = "event_name starts with a letter or digit, then letters, digits, '.', '_' and '-', 100 characters at most; report, failed and action are taken."
  }
}

variable "correlation" {
  description = "Under which `key` the log line of each purged record bears the run's id, so that it is found by what your other services call it."
  type = object({
    key = optional(string, "correlationId")
  })
  default  = {}
  nullable = false

  validation {
    condition     = can(regex("^[a-zA-Z_][a-zA-Z0-9_]{0,63}$", var.correlation.key)) && !contains(["event", "record", "outcome", "children", "released", "sharedDeleted", "sharedKept", "objects", "kept", "reason", "message", "level", "timestamp", "service", "location"], var.correlation.key)
    error_message = "correlation.key is a name of letters, digits and '_', 64 at most, and none that the line bears already (event, record, outcome, children, released, objects, kept, reason, message, level, ...)."
  }
}

variable "metric_names" {
  description = "What the six counters of a purge are called in CloudWatch, in the words of your story. Left out, each is called as here."
  type = object({
    items_processed  = optional(string, "ItemsProcessed")
    items_failed     = optional(string, "ItemsFailed")
    s3_files_deleted = optional(string, "S3FilesDeleted")
    images_orphaned  = optional(string, "ImagesOrphaned")
    bricks_returned  = optional(string, "BricksReturned")
    duration         = optional(string, "Duration")
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in values(var.metric_names) : can(regex("^[A-Za-z][A-Za-z0-9_.-]{0,254}$", name))])
    error_message = "metric_names start with a letter, then letters, digits, '_', '.' and '-', 255 characters at most."
  }

  validation {
    condition     = length(distinct(values(var.metric_names))) == length(values(var.metric_names))
    error_message = "metric_names must be six different names: one metric cannot be two things."
  }

  validation {
    # The others' names, in lambda_src/soft_delete_purge/metrics.json.
    condition = length(setintersection(values(var.metric_names), [
      "Candidates", "Deleted", "Gone", "Changed", "Protected", "Failed", "OutboxPending", "OutboxOldestAgeHours", "GateRefused", "RunIncomplete", "ForeignUrls", "RunsCompleted",
    ])) == 0
    error_message = "metric_names may not be the name of another metric of a purge, such as Deleted or RunsCompleted."
  }
}

variable "schedule" {
  description = "When it runs. `interval_minutes` goes with a cron expression, and only with it: the longest time between two of its runs (1440 where it runs once a day). The alarms must know."
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
    condition     = !var.alarms.enabled || startswith(var.schedule.expression, "rate(") || var.schedule.interval_minutes != null || var.schedule.expression == "cron(0 3 * * ? *)"
    error_message = "schedule.interval_minutes is missing: it says how far apart the runs of a cron expression are (1440 where it runs once a day), and without it the error-rate alarm could never go off."
  }

  validation {
    condition     = !startswith(var.schedule.expression, "rate(") || var.schedule.interval_minutes == null
    error_message = "schedule.interval_minutes goes with a cron expression only: leave it out, a rate says it itself."
  }
}

variable "function" {
  description = <<-EOT
    Size and surroundings of the two Lambda functions. A database in a VPC needs `vpc`; there they reach Secrets Manager, SQS and S3
    by endpoints or by NAT only, and `vpc.aws_by` says by which (`endpoints` or `nat`), so that nobody forgets one.
  EOT
  type = object({
    memory_mb            = optional(number, 256)
    timeout_s            = optional(number, 300)
    architecture         = optional(string, "arm64")
    log_retention_days   = optional(number, 30)
    log_level            = optional(string, "INFO")
    tracing              = optional(bool, false)
    reserved_concurrency = optional(number, -1)
    role_path            = optional(string, "/")
    layers               = optional(list(string), [])
    vpc = optional(object({
      subnet_ids         = list(string)
      security_group_ids = list(string)
      ipv6               = optional(bool, false)
      aws_by             = optional(string)
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
    error_message = "function.log_level is DEBUG or INFO: above it Lambda drops the lines that the report and the metrics are."
  }

  validation {
    condition     = try(var.function.vpc.aws_by, null) == null ? true : contains(["endpoints", "nat"], var.function.vpc.aws_by)
    error_message = "function.vpc.aws_by is endpoints or nat."
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
    Who is told, and when: more than `failure_rate_percent` of a day's records failing, once they are `failure_rate_minimum`; more than
    `dead_letters` records resting in the dead-letter queue, or one for `dead_letter_hours`; a file that waits to be deleted for
    `outbox_age_hours`; more than `error_rate_percent` of the runs failing; a run longer than `duration_percent` of the timeout; no
    completed run for `silence_hours`. 0 switches an alarm off, but not that of silence.
  EOT
  type = object({
    enabled              = optional(bool, true)
    topic_arns           = optional(list(string), [])
    silence_hours        = optional(number, 26)
    failure_rate_percent = optional(number, 10)
    failure_rate_minimum = optional(number, 10)
    dead_letters         = optional(number, 50)
    dead_letter_hours    = optional(number, 240)
    outbox_age_hours     = optional(number, 12)
    error_rate_percent   = optional(number, 5)
    duration_percent     = optional(number, 80)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.alarms.silence_hours >= 1 && var.alarms.silence_hours <= 168 && floor(var.alarms.silence_hours) == var.alarms.silence_hours
    error_message = "alarms.silence_hours is a whole number of hours, 1 to 168: CloudWatch looks back seven days at most."
  }

  validation {
    condition     = var.alarms.failure_rate_percent >= 0 && var.alarms.failure_rate_percent < 100
    error_message = "alarms.failure_rate_percent is 0 (off) to below 100: the alarm goes off above it."
  }

  validation {
    condition     = var.alarms.failure_rate_minimum >= 1 && floor(var.alarms.failure_rate_minimum) == var.alarms.failure_rate_minimum
    error_message = "alarms.failure_rate_minimum is a whole number, 1 or more: of fewer records a rate says nothing."
  }

  validation {
    condition     = var.alarms.dead_letters >= 0 && floor(var.alarms.dead_letters) == var.alarms.dead_letters
    error_message = "alarms.dead_letters is 0 (off), or the records above which the alarm goes off."
  }

  validation {
    condition     = var.alarms.dead_letter_hours >= 0 && var.alarms.dead_letter_hours < 336
    error_message = "alarms.dead_letter_hours is 0 (off) to below 336: after 14 days SQS has deleted what was there."
  }

  validation {
    condition     = var.alarms.outbox_age_hours >= 0
    error_message = "alarms.outbox_age_hours is 0 (off), or the hours that a file may wait to be deleted."
  }
}

variable "metrics_namespace" {
  description = "CloudWatch namespace of the metrics; their dimension is the function."
  type        = string
  default     = null

  validation {
    condition     = var.metrics_namespace == null || can(regex("^[a-zA-Z0-9_./#-]{1,255}$", var.metrics_namespace)) && !startswith(coalesce(var.metrics_namespace, "-"), "AWS/")
    error_message = "metrics_namespace holds 1 to 255 letters, digits and _ . / # -, and does not begin with AWS/."
  }
}

variable "kms_key_arn" {
  description = "Customer managed key for the log group, the functions' environment and the queues. `null` leaves AWS's own encryption."
  type        = string
  default     = null
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of the roles made here."
  type        = string
  default     = null
}
