locals {
  sql_folder = "${path.module}/../../lambda_src/postgres_expiry/sql"

  # PostgreSQL cuts an identifier at 63 bytes without a word.
  own_names = merge(
    { job = var.name, preflight = "${var.name}-preflight", history = "${var.name}-history" },
    { for rule in keys(local.tables) : "${rule}-status" => "${var.name}-${rule}-status" },
  )
  short_names = {
    for what, name in local.own_names : what => length(name) <= 63 ? name : format("%s-%s", substr(name, 0, 54), substr(sha256(name), 0, 8))
  }
  sql_name   = local.short_names.job
  sql_schema = local.quoted[var.pg_cron.schema]
  procedure  = format("%s.\"%s\"", local.sql_schema, local.sql_name)
  preflight  = format("%s.\"%s\"", local.sql_schema, local.short_names.preflight)
  views      = { for rule in keys(local.tables) : rule => format("%s.\"%s\"", local.sql_schema, local.short_names["${rule}-status"]) }

  # Names are quoted, values are literals: nothing of a configuration is read as SQL.
  configured = distinct(concat(
    [var.pg_cron.schema, var.preset_schema, var.database.name],
    flatten([
      for t in local.tables : concat([t.schema, t.table, t.expiry.column], t.key, [for w in t.where : w.column], [for w in t.where : w.value if w.value != null])
    ]),
  ))
  quoted  = { for text in local.configured : text => format("\"%s\"", replace(text, "\"", "\"\"")) }
  literal = { for text in local.configured : text => format("'%s'", replace(text, "'", "''")) }

  # What the database's clock says, less the skew; the handler asks the same.
  sql_cutoff = trimspace(templatefile("${local.sql_folder}/cutoff.sql", { clock_skew_s = var.limits.clock_skew_s }))

  column_types = {
    epoch_seconds      = ["smallint", "integer", "bigint", "numeric", "real", "double precision"]
    epoch_milliseconds = ["smallint", "integer", "bigint", "numeric", "real", "double precision"]
    timestamptz        = ["timestamp with time zone"]
    timestamp          = ["timestamp without time zone"]
  }

  rules = [
    for name, t in local.tables : {
      name   = name
      table  = join(".", [local.quoted[t.schema], local.quoted[t.table]])
      column = local.quoted[t.expiry.column]
      order  = [for column in distinct(concat([t.expiry.column], t.key)) : local.quoted[column]]
      hold_s = coalesce(t.expiry.lifetime_s, 0) + t.grace_s
      kind   = t.expiry.kind
      about  = t
      where  = [for w in t.where : join(" ", compact([local.quoted[w.column], w.operator, w.value == null ? "" : local.literal[w.value]]))]
    }
  ]
  relations = { for r in local.rules : r.name => format("'%s'", replace(r.table, "'", "''")) }

  due = {
    for r in local.rules : r.name => {
      for cutoff in ["expiry_run.cutoff", "(${local.sql_cutoff})"] : cutoff => join(" and ", concat(
        [trimspace(templatefile("${local.sql_folder}/due_${r.kind}.sql", { column = r.column, cutoff = cutoff, hold_s = r.hold_s }))],
        r.where,
      ))
    }
  }

  # What each pass deletes: the preset's own rules first, then the tables by their expiry.
  passes = concat(local.preset_rules, [
    for r in local.rules : {
      name   = r.name
      table  = r.table
      order  = r.order
      due    = local.due[r.name]["expiry_run.cutoff"]
      expire = trimspace(templatefile("${local.sql_folder}/expires_${r.kind}.sql", { column = r.column, hold_s = r.hold_s }))
      size   = r.about.batch_size
      about  = "${r.name}: ${r.table} by ${r.column}"
    }
  ])

  # One batch, the handler's own statement: the first, and any after it.
  cursors = { for p in local.passes : p.name => [for i in range(length(p.order)) : "expiry_rule.last_${i}"] }
  after = {
    for p in local.passes : p.name => {
      first = ""
      next  = format("and (%s) > (%s)", join(", ", p.order), join(", ", local.cursors[p.name]))
    }
  }
  batches = {
    for p in local.passes : p.name => {
      for which, after in local.after[p.name] : which => trimspace(templatefile("${local.sql_folder}/delete_batch.sql", {
        table           = p.table
        due             = p.due
        after           = after
        order           = join(", ", p.order)
        order_backwards = join(", ", [for column in p.order : "${column} desc"])
        last            = join(", ", [for column in p.order : "last.${column}"])
        batch_size      = "expiry_run.rows_wanted"
      }))
    }
  }

  rendered_passes = [
    for p in local.passes : {
      name        = "'${p.name}'"
      comment     = p.about
      batch_size  = p.size
      first_batch = local.batches[p.name].first
      next_batch  = local.batches[p.name].next
      into        = join(", ", concat(["expiry_run.rows_listed", "expiry_run.rows_deleted"], local.cursors[p.name]))
      cursor      = [for i, column in p.order : { name = "last_${i}", type = "${p.table}.${column}%type" }]
      count_expired = trimspace(templatefile("${local.sql_folder}/count_expired.sql", {
        table   = p.table
        due     = p.due
        expires = p.expire
      }))
    }
  ]

  rendered_rules = [
    for r in local.rules : {
      allow_sequential_scan = r.about.allow_sequential_scan
      in_milliseconds       = r.kind == "epoch_milliseconds"
      view                  = local.views[r.name]
      monitoring_view = trimspace(templatefile("${local.sql_folder}/monitoring_view.sql", {
        view     = local.views[r.name]
        table    = r.table
        relation = local.relations[r.name]
        column   = r.column
        due      = local.due[r.name]["(${local.sql_cutoff})"]
        scope    = length(r.where) == 0 ? "true" : join(" and ", r.where)
      }))
      literals = {
        name   = "'${r.name}'"
        schema = local.literal[r.about.schema]
        table  = local.literal[r.about.table]
        column = local.literal[r.about.expiry.column]
        types  = format("array[%s]", join(", ", [for type in local.column_types[r.kind] : "'${type}'"]))
        key    = format("array[%s]::text[]", join(", ", [for column in r.about.key : local.literal[column]]))
        others = format("array[%s]::text[]", join(", ", concat([for w in r.about.where : local.literal[w.column]], local.is_actingweb ? ["'bucket'", "'name'", "'data'"] : [])))
      }
    }
  ]

  cron_database = coalesce(var.pg_cron.cron_database, var.database.name)
  scheduled = {
    title         = var.name
    database      = var.database.name
    cron_database = local.cron_database
    here          = local.cron_database == var.database.name
    job           = "'${local.sql_name}'"
    history_job   = "'${local.short_names.history}'"
    schedule      = "'${var.pg_cron.schedule}'"
    # Alone in its command: in a transaction with anything else it could not commit.
    command      = "'call ${local.procedure}()'"
    target       = local.literal[var.database.name]
    history_days = var.pg_cron.history_days
    schema       = local.sql_schema
    procedure    = local.procedure
    preflight    = local.preflight
    views        = values(local.views)
  }

  pg_cron_files = {
    "install.sql" = templatefile("${path.module}/templates/install.sql.tftpl", {
      title               = var.name
      database            = var.database.name
      schema              = local.sql_schema
      preflight           = local.preflight
      procedure           = local.procedure
      rules               = local.rendered_rules
      passes              = local.rendered_passes
      index_rules         = local.rendered_index_rules
      cutoff              = local.sql_cutoff
      dry_run             = var.dry_run
      max_deletes         = format("%d", var.limits.max_deletes_per_run)
      max_minutes         = var.pg_cron.max_minutes
      max_replica_lag_s   = var.limits.max_replica_lag_s
      max_rows_per_second = var.limits.max_rows_per_second
      latency_target_ms   = var.limits.latency_target_ms
      application_name    = "'${local.sql_name}'"
    })
    "schedule.sql"   = templatefile("${path.module}/templates/schedule.sql.tftpl", local.scheduled)
    "unschedule.sql" = templatefile("${path.module}/templates/unschedule.sql.tftpl", local.scheduled)
    "uninstall.sql"  = templatefile("${path.module}/templates/uninstall.sql.tftpl", local.scheduled)
  }

  # To look with: the first two where pg_cron lives, the others beside the tables.
  pg_cron_queries = merge(
    {
      verify_job  = "select jobid, jobname, schedule, command, database, username, active from cron.job where jobname = '${local.sql_name}'"
      run_history = "select d.runid, d.status, d.return_message, d.start_time, d.end_time from cron.job_run_details d join cron.job j using (jobid) where j.jobname = '${local.sql_name}' order by d.start_time desc limit 10"
    },
    {
      for r in local.rules : "expired_count_${r.name}" => "select count(*) from only ${r.table} where ${local.due[r.name]["(${local.sql_cutoff})"]}"
    },
    {
      for r in local.rules : "table_size_${r.name}" => trimspace(templatefile("${local.sql_folder}/table_size.sql", { relation = local.relations[r.name] }))
    },
    {
      for r in local.rules : "status_${r.name}" => "select * from ${local.views[r.name]}"
    },
  )
}
