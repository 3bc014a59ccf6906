# What the workers write. Each document remembers the greatest fence that it has seen; a write with a smaller one is refused.
module "documents" {
  source = "../../modules/ttl-table"

  name     = "agents-documents-${var.environment}"
  hash_key = { name = "projectUserId" }
  ttl      = { attribute_name = "ttl" }

  deletion_protection = var.deletion_protection
  alarms              = { topic_arns = [aws_sns_topic.alarms.arn] }
}
