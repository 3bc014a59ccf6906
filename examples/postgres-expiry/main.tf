provider "aws" {
  region = var.region

  skip_credentials_validation = var.local_cloud
  skip_metadata_api_check     = var.local_cloud
  s3_use_path_style           = var.local_cloud

  default_tags {
    tags = { application = "shop", environment = var.environment }
  }
}

resource "aws_sns_topic" "alarms" {
  #checkov:skip=CKV_AWS_26: alarms carry no data of rows; a key of AWS's own would keep CloudWatch from publishing
  name = "shop-expiry-alarms-${var.environment}"
}

# In a VPC: a way to the database, and one to its password. Nothing else is let out.
resource "aws_security_group" "function" {
  #checkov:skip=CKV2_AWS_5: the function is in it, by the module's input
  count = var.network == null ? 0 : 1

  name        = "shop-expiry-${var.environment}"
  description = "The function that deletes expired rows."
  vpc_id      = var.network.vpc_id
}

resource "aws_vpc_security_group_egress_rule" "to_database" {
  count = var.network == null ? 0 : 1

  description                  = "PostgreSQL"
  security_group_id            = aws_security_group.function[0].id
  referenced_security_group_id = var.network.database_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = var.database.port
  to_port                      = var.database.port
}

resource "aws_vpc_security_group_ingress_rule" "from_function" {
  count = var.network == null ? 0 : 1

  description                  = "The function that deletes expired rows"
  security_group_id            = var.network.database_security_group_id
  referenced_security_group_id = aws_security_group.function[0].id
  ip_protocol                  = "tcp"
  from_port                    = var.database.port
  to_port                      = var.database.port
}

resource "aws_vpc_security_group_egress_rule" "to_secrets_manager" {
  count = var.network == null ? 0 : 1

  description                  = "Secrets Manager, by the interface endpoint"
  security_group_id            = aws_security_group.function[0].id
  referenced_security_group_id = var.network.endpoint_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_vpc_security_group_ingress_rule" "to_endpoint" {
  count = var.network == null ? 0 : 1

  description                  = "The function that deletes expired rows"
  security_group_id            = var.network.endpoint_security_group_id
  referenced_security_group_id = aws_security_group.function[0].id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

module "postgres_expiry" {
  source = "../../modules/postgres-expiry"

  name     = "shop-expiry-${var.environment}"
  run_by   = var.run_by
  database = var.database

  tables = {
    sessions = {
      table  = "sessions"
      expiry = { column = "expires_at", kind = "timestamptz" }
      key    = ["id"]
    }
    # Kept for a week after they were made, unless somebody has pinned them.
    carts = {
      table  = "carts"
      expiry = { column = "made_at", kind = "epoch_seconds", lifetime_s = 7 * 86400 }
      where  = [{ column = "pinned", operator = "=", value = "false" }]
      key    = ["customer", "number"]
    }
  }

  dry_run = var.dry_run
  limits  = { max_deletes_per_run = var.max_deletes_per_run }

  function = {
    vpc = var.network == null ? null : {
      subnet_ids         = var.network.subnet_ids
      security_group_ids = [aws_security_group.function[0].id]
      secrets_manager_by = "endpoint"
    }
  }
  pg_cron = { cron_database = "postgres" }

  alarms = { topic_arns = [aws_sns_topic.alarms.arn] }
}
