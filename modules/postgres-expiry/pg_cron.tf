locals {
  sql_folder = "${path.module}/../../lambda_src/postgres_expiry/sql"

  # PostgreSQL cuts an identifier at 63 bytes without a word.
  sql_name     = length(var.name) <= 63 ? var.name : "${substr(var.name, 0, 54)}-${substr(sha256(var.name), 0, 8)}"
  preflight_as = "${local.sql_name}-preflight"
  history_as   = "${local.sql_name}-history"
  sql_schema   = "\"${var.pg_cron.schema}\""
  procedure    = "${local.sql_schema}.\"${local.sql_name}\""
  preflight    = "${local.sql_schema}.\"${length(local.preflight_as) <= 63 ? local.preflight_as : "${substr(local.preflight_as, 0, 54)}-${substr(sha256(local.preflight_as), 0, 8)}"}\""
  view_names   = { for rule in keys(local.tables) : rule => "${local.sql_name}-${rule}-status" }
  views = {
    for rule, name in local.view_names : rule => "${local.sql_schema}.\"${length(name) <= 63 ? name : "${substr(name, 0, 54)}-${substr(sha256(name), 0, 8)}"}\""
  }

  # What the database's clock says, less the skew; the handler asks the same.
  sql_cutoff = trimspace(templatefile("${local.sql_folder}/cutoff.sql", { clock_skew_s = var.limits.clock_skew_s }))

  column_types = {
    epoch_seconds      = ["smallint", "integer", "bigint", "numeric", "real", "double precision"]
    epoch_milliseconds = ["smallint", "integer", "bigint", "numeric", "real", "double precision"]
    timestamptz        = ["timestamp with time zone"]
    timestamp          = ["timestamp without time zone"]
  }

  # Names are quoted, values are literals: nothing of a configuration is read as SQL.
  rules = [
    for name, t in local.tables : {
      name   = name
      table  = "\"${replace(t.schema, "\"", "\"\"")}\".\"${replace(t.table, "\"", "\"\"")}\""
      column = "\"${replace(t.expiry.column, "\"", "\"\"")}\""
      order  = [for column in concat([t.expiry.column], [for k in t.key : k if k != t.expiry.column]) : "\"${replace(column, "\"", "\"\"")}\""]
      hold_s = coalesce(t.expiry.lifetime_s, 0) + t.grace_s
      kind   = t.expiry.kind
      about  = t
      where = [
        for w in t.where : join(" ", compact([
          "\"${replace(w.column, "\"", "\"\"")}\"", w.operator, w.value == null ? "" : "'${replace(w.value, "'", "''")}'",
        ]))
      ]
    }
  ]

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
  batches = {
    for p in local.passes : p.name => {
      for after in ["", "and (${join(", ", p.order)}) > (${join(", ", [for i in range(length(p.order)) : "expiry_rule.last_${i}"])})"] :
      after == "" ? "first" : "next" => trimspace(templatefile("${local.sql_folder}/delete_batch.sql", {
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
      into        = join(", ", concat(["expiry_run.rows_listed", "expiry_run.rows_deleted"], [for i in range(length(p.order)) : "expiry_rule.last_${i}"]))
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
        relation = "'${replace(r.table, "'", "''")}'"
        column   = r.column
        due      = local.due[r.name]["(${local.sql_cutoff})"]
        scope    = length(r.where) == 0 ? "true" : join(" and ", r.where)
      }))
      literals = {
        name   = "'${r.name}'"
        schema = "'${replace(r.about.schema, "'", "''")}'"
        table  = "'${replace(r.about.table, "'", "''")}'"
        column = "'${replace(r.about.expiry.column, "'", "''")}'"
        types  = "array[${join(", ", [for type in local.column_types[r.kind] : "'${type}'"])}]"
        key    = "array[${join(", ", [for column in r.about.key : "'${replace(column, "'", "''")}'"])}]::text[]"
        others = "array[${join(", ", [for w in concat([for c in r.about.where : c.column], local.is_actingweb ? ["bucket", "name", "data"] : []) : "'${replace(w, "'", "''")}'"])}]::text[]"
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
    history_job   = "'${local.history_as}'"
    schedule      = "'${var.pg_cron.schedule}'"
    # Alone in its command: in a transaction with anything else it could not commit.
    command      = "'call ${local.procedure}()'"
    target       = "'${replace(var.database.name, "'", "''")}'"
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
      for r in local.rules : "table_size_${r.name}" => trimspace(templatefile("${local.sql_folder}/table_size.sql", { relation = "'${replace(r.table, "'", "''")}'" }))
    },
    {
      for r in local.rules : "status_${r.name}" => "select * from ${local.views[r.name]}"
    },
  )
}
