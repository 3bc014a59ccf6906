# 1. What TTL has not removed yet, and what it never will: one monitor for each table whose rows expire.
module "ttl_monitor" {
  source = "../../modules/ttl-monitor"
  for_each = {
    sessions        = module.sessions.table
    upload-sessions = module.upload_sessions.table
    attributes      = module.attributes.table
    active-jobs     = module.job_claims.tables.active_jobs
  }

  name        = "${local.name}-ttl-${each.key}"
  environment = var.environment
  table       = each.value
  export      = { bucket = module.records.bucket }
  kms_key_arn = local.kms_key_arn
  alarms      = local.alarms
}

# 2. Uploads that were abandoned: sessions, multipart uploads, objects without a session.
module "upload_cleanup" {
  source = "../../modules/upload-cleanup"

  name   = "${local.name}-uploads"
  table  = module.upload_sessions.table
  bucket = module.media.bucket
  audit  = { bucket = module.records.bucket }

  dry_run        = var.dry_run.uploads
  limits         = { max_deletes_per_run = var.caps.uploads }
  stream_cleanup = true
  restore        = true

  kms_key_arn = local.kms_key_arn
  alarms      = local.alarms
}

# 3a. Expired tokens and sessions of an ActingWeb application, and index rows whose target is gone.
module "index_cleanup" {
  source = "../../modules/index-cleanup"

  name   = "${local.name}-index"
  table  = module.attributes.table
  preset = "actingweb"

  dry_run = var.dry_run.index
  limits  = { max_deletes_per_run = var.caps.index }

  kms_key_arn = local.kms_key_arn
  alarms      = local.alarms
}

locals {
  # Two users of one database, each with what it needs and no more.
  databases = { for job, user in { expiry = var.database.expiry, purge = var.database.purge } : job => {
    host               = var.database.host
    port               = var.database.port
    name               = var.database.name
    user               = user.name
    secret_arn         = user.secret_arn
    secret_kms_key_arn = user.secret_kms_key_arn
  } }

  placed = var.network == null ? null : {
    subnet_ids         = var.network.subnet_ids
    security_group_ids = [aws_security_group.database_jobs[0].id]
  }
}

# 3b. Rows of PostgreSQL that have expired.
module "postgres_expiry" {
  source = "../../modules/postgres-expiry"

  name     = "${local.name}-rows"
  database = local.databases.expiry

  tables = {
    invitations = { table = "invitations", expiry = { column = "expires_at", kind = "timestamptz" } }
    drafts      = { table = "drafts", expiry = { column = "saved_at", kind = "timestamptz", lifetime_s = 30 * 86400 } }
  }

  dry_run  = var.dry_run.rows
  limits   = { max_deletes_per_run = var.caps.rows }
  function = { vpc = local.placed == null ? null : merge(local.placed, { secrets_manager_by = "endpoint" }) }

  kms_key_arn = local.kms_key_arn
  alarms      = local.alarms
}

# 4. Projects that were deleted a month ago, with their files.
module "soft_delete_purge" {
  source = "../../modules/soft-delete-purge"

  name     = "${local.name}-projects"
  database = local.databases.purge

  root           = { table = "projects", hold = "legal_hold" }
  retention_days = 30

  bucket = module.media.bucket
  objects = {
    files = {
      table      = "project_files"
      path       = [{ column = "project_id", references = "root" }]
      column     = "s3_key"
      key_prefix = "projects/"
    }
  }

  dry_run  = var.dry_run.projects
  limits   = { max_records_per_run = var.caps.projects }
  function = { vpc = local.placed == null ? null : merge(local.placed, { aws_by = "endpoints" }) }

  kms_key_arn = local.kms_key_arn
  alarms      = local.alarms
}

# 5. For each person one container at a time.
module "job_claims" {
  source = "../../modules/job-claims"

  name       = "${local.name}-agents"
  rate_limit = { claims = var.caps.claims_per_minute, window_seconds = 60 }
  queues     = { kms_key_arn = local.kms_key_arn }
  tables     = { deletion_protection = var.deletion_protection }

  state_machine = {
    work_queue = {
      name        = aws_sqs_queue.work.name
      arn         = aws_sqs_queue.work.arn
      url         = aws_sqs_queue.work.url
      kms_key_arn = local.kms_key_arn
    }
    process_attachments_function_arn = var.process_attachments_function_arn
  }

  kms_key_arn = local.kms_key_arn
  alarms      = local.alarms
}
