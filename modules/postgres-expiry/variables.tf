variable "name" {
  description = "Name of this job. Everything that it makes is named after it, so two in one account and region, or in one database, never clash. Shortened with a hash where AWS takes no more than 64 characters."
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

variable "run_by" {
  description = <<-EOT
    What runs it: `lambda` (a function on a schedule, made here), `pg_cron` (inside the database: the output `pg_cron` is the SQL
    to install), `systemd` (a machine of yours, by a systemd timer or a crontab: the output `systemd` holds its files). The SQL
    is the same in each. Without `lambda` nothing is made in AWS.
  EOT
  type        = set(string)
  default     = ["lambda"]
  nullable    = false

  validation {
    condition     = length(var.run_by) > 0 && length(setsubtract(var.run_by, ["lambda", "pg_cron", "systemd"])) == 0
    error_message = "run_by names at least one of lambda, pg_cron and systemd, and nothing else."
  }
}

variable "database" {
  description = <<-EOT
    Where the rows are, and as whom. The password is `secret_arn` (a secret in the form that RDS writes, with `password`) or
    `iam_auth`, which needs `db_resource_id` (`db-…` of an instance, `cluster-…` of an Aurora cluster); it is never in
    the environment, and asked for anew with each connection. `tls` is verify-full, or disable where the host is a loopback one.
    `ca_bundle` is a file of CA certificates, as the program sees it (/opt/… from a layer), that takes the place of the system's
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
    condition     = !contains(var.run_by, "lambda") || (var.database.secret_arn != null) != var.database.iam_auth
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
    error_message = "database.ca_bundle is the absolute path of a file where the program runs, without spaces and quotes; the files of a layer of the function lie under /opt."
  }
}

variable "preset" {
  description = "A known layout in place of `tables`: `actingweb`, whose table is `attributes`; expired rows, and what has lost its token or session."
  type        = string
  default     = null

  validation {
    condition     = var.preset == null ? true : contains(["actingweb"], var.preset)
    error_message = "preset is actingweb, or left out for tables of your own."
  }
}

variable "preset_schema" {
  description = "The schema of the preset's table."
  type        = string
  default     = "public"
  nullable    = false

  validation {
    condition     = can(regex("^[^[:cntrl:]]{1,63}$", var.preset_schema)) && !strcontains(var.preset_schema, "$expiry$")
    error_message = "preset_schema is the name of a schema, 1 to 63 characters without control characters."
  }
}

variable "lifetimes" {
  description = "How long ActingWeb's sessions and tokens live, in seconds, for the preset: what says its own expiry keeps it, what does not is judged by these. The output `lifetimes` hands them on to the application."
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
    condition     = alltrue([for s in values(var.lifetimes) : s >= 1 && s <= 3162240000 && floor(s) == s])
    error_message = "lifetimes are whole numbers of seconds, 1 to 3162240000 (100 years)."
  }
}

variable "tables" {
  description = <<-EOT
    What expires, by a name of yours (the metrics carry it). `expiry.kind` says what the column holds: `epoch_seconds`,
    `epoch_milliseconds`, `timestamptz`, or `timestamp` (UTC); `expiry.lifetime_s` is added to it. `where` narrows it down: every
    condition must hold, values are compared as the column's type. A row goes `grace_s` after its expiry, `batch_size` rows to a
    commit. `allow_sequential_scan` accepts a big table without an index on the column. `key` is the table's primary key, in
    its order: pg_cron's SQL must know it, everything else asks the database.
  EOT
  type = map(object({
    schema = optional(string, "public")
    table  = string
    expiry = object({
      column     = string
      kind       = string
      lifetime_s = optional(number)
    })
    where = optional(list(object({
      column   = string
      operator = string
      value    = optional(string)
    })), [])
    key                   = optional(list(string), [])
    grace_s               = optional(number, 0)
    batch_size            = optional(number, 500)
    allow_sequential_scan = optional(bool, false)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = (length(var.tables) > 0) != (var.preset != null)
    error_message = "Give exactly one of tables and preset: what expires must be said, and said once."
  }

  validation {
    condition     = alltrue([for key in keys(var.tables) : can(regex("^[a-zA-Z][a-zA-Z0-9_-]{0,47}$", key))])
    error_message = "A name in tables starts with a letter, then letters, digits, '_' and '-', 48 characters at most."
  }

  validation {
    condition = alltrue(flatten([
      for t in var.tables : [
        for n in concat([t.schema, t.table, t.expiry.column], t.key, [for w in t.where : w.column]) :
        length(n) >= 1 && length(n) <= 63 && can(regex("^[^[:cntrl:]]+$", n))
      ]
    ]))
    error_message = "Schemas, tables and columns in tables are 1 to 63 characters, without control characters."
  }

  validation {
    # It is what the rendered procedure is quoted by.
    condition     = !strcontains(jsonencode(var.tables), "$expiry$")
    error_message = "tables holds the text $expiry$, by which the rendered SQL is quoted: rename it."
  }

  validation {
    condition     = length(distinct([for t in var.tables : [t.schema, t.table, t.expiry.column, t.where]])) == length(var.tables)
    error_message = "Two of tables say the same: each rule names another table, column or condition."
  }

  validation {
    condition     = alltrue([for t in var.tables : contains(["epoch_seconds", "epoch_milliseconds", "timestamptz", "timestamp"], t.expiry.kind)])
    error_message = "expiry.kind is epoch_seconds, epoch_milliseconds, timestamptz or timestamp."
  }

  validation {
    condition = alltrue([
      for t in var.tables : t.expiry.lifetime_s == null ? true : t.expiry.lifetime_s >= 1 && t.expiry.lifetime_s <= 3162240000 && floor(t.expiry.lifetime_s) == t.expiry.lifetime_s
    ])
    error_message = "expiry.lifetime_s is a whole number of seconds, 1 to 3162240000 (100 years), or left out where the column is the expiry itself."
  }

  validation {
    condition = alltrue(flatten([
      for t in var.tables : [for w in t.where : contains(["=", "<>", "<", "<=", ">", ">=", "is null", "is not null"], w.operator)]
    ]))
    error_message = "where.operator is one of = <> < <= > >=, is null and is not null: no SQL comes from a configuration."
  }

  validation {
    condition     = alltrue(flatten([for t in var.tables : [for w in t.where : (w.value == null) == endswith(w.operator, "null")]]))
    error_message = "where.value goes with every operator but is null and is not null: a value left out would widen what is deleted."
  }

  validation {
    condition     = alltrue([for t in var.tables : t.grace_s >= 0 && t.grace_s <= 3162240000 && floor(t.grace_s) == t.grace_s])
    error_message = "grace_s is a whole number of seconds, 0 to 3162240000 (100 years)."
  }

  validation {
    condition     = alltrue([for t in var.tables : t.batch_size >= 1 && t.batch_size <= 10000 && floor(t.batch_size) == t.batch_size])
    error_message = "batch_size is a whole number, 1 to 10000; 500 is a good one."
  }

  validation {
    condition     = !contains(var.run_by, "pg_cron") || alltrue([for t in var.tables : length(t.key) > 0 && length(distinct(t.key)) == length(t.key)])
    error_message = "tables need key with pg_cron: the columns of the primary key, in its order, each once. Installing checks them against the table."
  }
}

variable "limits" {
  description = <<-EOT
    What one run may do. It stops after `max_deletes_per_run` rows and says so; the next goes on. `max_rows_per_second` holds it
    back (0: no limit), `latency_target_ms` makes batches smaller when one takes longer, above `max_replica_lag_s` it waits for
    replicas and then stops (0: nobody asks; asking needs pg_monitor). `clock_skew_s` is taken off the database's clock.
  EOT
  type = object({
    max_deletes_per_run = optional(number, 1000000)
    max_rows_per_second = optional(number, 0)
    latency_target_ms   = optional(number, 200)
    max_replica_lag_s   = optional(number, 0)
    clock_skew_s        = optional(number, 60)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.limits.max_deletes_per_run >= 1 && var.limits.max_deletes_per_run <= 1000000000 && floor(var.limits.max_deletes_per_run) == var.limits.max_deletes_per_run
    error_message = "limits.max_deletes_per_run is a whole number, 1 to 1000000000; to delete nothing set dry_run."
  }

  validation {
    condition     = var.limits.max_rows_per_second >= 0 && var.limits.max_rows_per_second <= 1000000
    error_message = "limits.max_rows_per_second is 0 (no limit) or the rows that may go in a second, at most 1000000."
  }

  validation {
    condition     = var.limits.latency_target_ms >= 1 && var.limits.latency_target_ms <= 60000 && floor(var.limits.latency_target_ms) == var.limits.latency_target_ms
    error_message = "limits.latency_target_ms is a whole number, 1 to 60000."
  }

  validation {
    condition     = var.limits.max_replica_lag_s >= 0 && var.limits.max_replica_lag_s <= 86400
    error_message = "limits.max_replica_lag_s is 0 (nobody asks) to 86400."
  }

  validation {
    condition     = var.limits.clock_skew_s >= 0 && var.limits.clock_skew_s <= 86400 && floor(var.limits.clock_skew_s) == var.limits.clock_skew_s
    error_message = "limits.clock_skew_s is a whole number, 0 to 86400."
  }
}

variable "dry_run" {
  description = "Look, count and log, and change nothing. A payload can make a run dry; none can make it real while this is set. The job of pg_cron is then not scheduled."
  type        = bool
  default     = false
  nullable    = false
}

variable "schedule" {
  description = "When the function runs. `interval_minutes` goes with a cron expression, and only with it: the longest time between two of its runs (1440 where it runs once a day). The alarms must know."
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
    Size and surroundings of the Lambda function. A database in a VPC needs `vpc`; there the function reaches Secrets Manager by
    an interface endpoint or by NAT only, and `vpc.secrets_manager_by` says by which (`endpoint` or `nat`), so that nobody forgets.
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
      secrets_manager_by = optional(string)
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
    condition     = try(var.function.vpc.secrets_manager_by, null) == null ? true : contains(["endpoint", "nat"], var.function.vpc.secrets_manager_by)
    error_message = "function.vpc.secrets_manager_by is endpoint or nat."
  }
}

variable "pg_cron" {
  description = <<-EOT
    The job inside the database. `schedule` is pg_cron's, in its time zone (UTC unless `cron.timezone` says otherwise).
    `cron_database` is where pg_cron lives (`cron.database_name`): where it is another than `database.name`, the job is made there
    by cron.schedule_in_database. Procedure and view go into `schema`, which installing makes. A run stops after `max_minutes`.
    What is older than `history_days` goes from cron.job_run_details.
  EOT
  type = object({
    schedule      = optional(string, "0 3 * * *")
    cron_database = optional(string)
    schema        = optional(string, "expiry")
    history_days  = optional(number, 14)
    max_minutes   = optional(number, 60)
  })
  default  = {}
  nullable = false

  validation {
    condition     = can(regex("^[0-9*,/$-]+( [0-9a-zA-Z*,/$-]+){4}$", var.pg_cron.schedule)) || can(regex("^[1-9][0-9]? seconds?$", var.pg_cron.schedule))
    error_message = "pg_cron.schedule has five fields, as in crontab: 0 3 * * * is daily at three. (30 seconds needs pg_cron 1.5.)"
  }

  validation {
    condition     = can(regex("^[a-z_][a-z0-9_]{0,62}$", var.pg_cron.schema)) && !can(regex("^pg_|^cron$|^information_schema$|^public$", var.pg_cron.schema))
    error_message = "pg_cron.schema is a schema of its own: small letters, digits and '_'; not public, cron, information_schema or pg_…: uninstalling removes it."
  }

  validation {
    condition     = var.pg_cron.cron_database == null ? true : can(regex("^[^[:cntrl:]]{1,63}$", var.pg_cron.cron_database))
    error_message = "pg_cron.cron_database is the name of a database, or left out where pg_cron lives beside the tables."
  }

  validation {
    condition     = var.pg_cron.history_days >= 1 && var.pg_cron.history_days <= 3650 && floor(var.pg_cron.history_days) == var.pg_cron.history_days
    error_message = "pg_cron.history_days is a whole number, 1 to 3650."
  }

  validation {
    condition     = var.pg_cron.max_minutes >= 1 && var.pg_cron.max_minutes <= 1440 && floor(var.pg_cron.max_minutes) == var.pg_cron.max_minutes
    error_message = "pg_cron.max_minutes is a whole number, 1 to 1440."
  }
}

variable "systemd" {
  description = <<-EOT
    The job on a machine of yours. `on_calendar` is systemd's, `crontab` cron's way to say the same. The zip lies at `zip_path`, the
    configuration at `config_path`, and the password, alone, at `password_path`, which only root can read: systemd hands it on
    as a credential. The unit runs as `user`, or as one that systemd makes for the run where that is null.
  EOT
  type = object({
    on_calendar   = optional(string, "*-*-* 03:00:00 UTC")
    crontab       = optional(string, "0 3 * * *")
    python        = optional(string, "/usr/bin/python3")
    zip_path      = optional(string, "/usr/local/lib/expiry/postgres_expiry.zip")
    config_path   = optional(string)
    password_path = optional(string)
    user          = optional(string)
    max_minutes   = optional(number, 60)
  })
  default  = {}
  nullable = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9*~,:./ +-]{1,100}$", var.systemd.on_calendar))
    error_message = "systemd.on_calendar is a calendar event on one line, as *-*-* 03:00:00 UTC; try it with systemd-analyze calendar."
  }

  validation {
    condition     = can(regex("^[0-9*,/-]+( [0-9a-zA-Z*,/-]+){4}$", var.systemd.crontab))
    error_message = "systemd.crontab has crontab's five fields: 0 3 * * *."
  }

  validation {
    # Quotes, spaces, '%' and '$' mean something to systemd, and to a shell.
    condition     = alltrue([for p in [var.systemd.python, var.systemd.zip_path, var.systemd.config_path, var.systemd.password_path] : p == null ? true : can(regex("^/[a-zA-Z0-9_.+/-]+$", p))])
    error_message = "systemd.python, zip_path, config_path and password_path are absolute paths of letters, digits and _ . + - /."
  }

  validation {
    condition     = var.systemd.user == null ? true : can(regex("^[a-z_][a-z0-9_-]{0,30}$", var.systemd.user)) && var.systemd.user != "root"
    error_message = "systemd.user is a user of that machine other than root, or left out for one that systemd makes."
  }

  validation {
    condition     = var.systemd.max_minutes >= 1 && var.systemd.max_minutes <= 1440 && floor(var.systemd.max_minutes) == var.systemd.max_minutes
    error_message = "systemd.max_minutes is a whole number, 1 to 1440."
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
    Who is told, and when: at least `cleanup_errors` in an hour; more than `backlog_rows` expired rows of a table left by the
    runs of `backlog_days` days in a row, more each day than the day before: it will never catch up; more than `error_rate_percent`
    of the runs failing; a run longer than `duration_percent` of the timeout; no completed run for `silence_hours`. 0 switches an
    alarm off, but not that of silence.
  EOT
  type = object({
    enabled            = optional(bool, true)
    topic_arns         = optional(list(string), [])
    silence_hours      = optional(number, 26)
    cleanup_errors     = optional(number, 1)
    backlog_rows       = optional(number, 1000)
    backlog_days       = optional(number, 3)
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
    error_message = "alarms.cleanup_errors is 0 (off), or the errors in an hour at which the alarm goes off."
  }

  validation {
    condition     = var.alarms.backlog_rows >= 0
    error_message = "alarms.backlog_rows is 0 (off), or the rows below which a growing backlog is nothing to tell."
  }

  validation {
    condition     = var.alarms.backlog_days >= 1 && var.alarms.backlog_days <= 6 && floor(var.alarms.backlog_days) == var.alarms.backlog_days
    error_message = "alarms.backlog_days is a whole number, 1 to 6: CloudWatch looks back seven days, and the first of them is compared with."
  }
}

variable "metrics_namespace" {
  description = "CloudWatch namespace of the metrics; their dimensions are the function and, for what is counted by table, the table's name in `tables`."
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
