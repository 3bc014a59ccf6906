# The two jobs on the database, in its VPC: a way to it, one to Secrets Manager and SQS, one to S3. Nothing else is let out.
locals {
  between = var.network == null ? {} : {
    database  = { port = var.database.port, group = var.network.database_security_group_id, what = "PostgreSQL" }
    endpoints = { port = 443, group = var.network.endpoint_security_group_id, what = "Secrets Manager and SQS, by their interface endpoints" }
  }
}

resource "aws_security_group" "database_jobs" {
  #checkov:skip=CKV2_AWS_5: the functions are in it, by the modules' input
  count = var.network == null ? 0 : 1

  name        = "${local.name}-database-jobs"
  description = "The functions that delete rows and purge projects."
  vpc_id      = var.network.vpc_id
}

resource "aws_vpc_security_group_egress_rule" "database_jobs" {
  for_each = local.between

  description                  = each.value.what
  security_group_id            = aws_security_group.database_jobs[0].id
  referenced_security_group_id = each.value.group
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_ingress_rule" "from_database_jobs" {
  for_each = local.between

  description                  = "The functions that delete rows and purge projects"
  security_group_id            = each.value.group
  referenced_security_group_id = aws_security_group.database_jobs[0].id
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "to_s3" {
  count = try(var.network.s3_prefix_list_id, null) == null ? 0 : 1

  description       = "S3, by its gateway endpoint"
  security_group_id = aws_security_group.database_jobs[0].id
  prefix_list_id    = var.network.s3_prefix_list_id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}
