locals {
  # The rules as the handler will have them: what the role must reach is read off them.
  rules = jsondecode(
    var.preset == null ? jsonencode(local.given_rules) : jsonencode(jsondecode(file("${path.module}/../../lambda_src/index_cleanup/${coalesce(var.preset, "none")}.json")).rules)
  )

  partitions = distinct([for rule in local.rules : rule.partition])
  targets    = [for rule in local.rules : replace(rule.target.hash_key, "{hash_key}", rule.partition) if rule.kind == "orphan"]
  linked = flatten([for rule in local.rules : concat(
    [for key in try(rule.linked, []) : replace(key.hash_key, "{hash_key}", rule.partition)],
    [for key in try(rule.target_linked, []) : replace(key.hash_key, "{hash_key}", replace(rule.target.hash_key, "{hash_key}", rule.partition))],
  )])
  backfilled = [for rule in local.rules : replace(rule.target.hash_key, "{hash_key}", rule.partition) if length(try(rule.target_ttl_from, [])) > 0]

  # A target that comes after its index row, and what must go together with its token: two rows, one transaction.
  transactions = length(local.linked) > 0 || anytrue([for rule in local.rules : rule.kind == "orphan" && !try(rule.target_written_first, false)])

  # The partitions that each kind of call names; a template with an attribute in it names any.
  named = {
    query    = local.partitions
    read     = distinct(concat(local.targets, local.linked))
    delete   = distinct(concat(local.partitions, local.targets))
    transact = distinct(concat(local.partitions, local.targets, local.linked))
    backfill = distinct(concat(local.partitions, local.backfilled))
  }

  # ForAllValues is true where a call names no partition at all, so Null says that it names one.
  held = {
    for call, partitions in local.named : call => anytrue([for partition in partitions : strcontains(partition, "{")]) ? [] : [
      { test = "ForAllValues:StringEquals", variable = "dynamodb:LeadingKeys", values = sort(partitions) },
      { test = "Null", variable = "dynamodb:LeadingKeys", values = ["false"] },
    ]
  }

  # No single DeleteItem, which needs no condition: only within a transaction.
  in_transaction = [{ test = "ForAnyValue:StringEquals", variable = "dynamodb:EnclosingOperation", values = ["TransactWriteItems"] }]

  # What the handler calls, and nothing else. What AWS's services do with the role (log streams, the failure destination,
  # tracing, network interfaces) is the function module's own list.
  statements = concat(
    [
      {
        sid        = "DescribeTable"
        actions    = ["dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive"]
        resources  = [var.table.arn]
        conditions = []
      },
      {
        sid        = "FindRows"
        actions    = ["dynamodb:Query"]
        resources  = [var.table.arn]
        conditions = local.held.query
      },
      {
        sid        = "DeleteRows"
        actions    = ["dynamodb:PartiQLDelete"]
        resources  = [var.table.arn]
        conditions = local.held.delete
      },
    ],
    length(local.named.read) == 0 ? [] : [
      {
        sid        = "ReadTargets"
        actions    = ["dynamodb:BatchGetItem"]
        resources  = [var.table.arn]
        conditions = local.held.read
      },
    ],
    !local.transactions ? [] : [
      {
        sid        = "DeleteTogether"
        actions    = ["dynamodb:ConditionCheckItem", "dynamodb:DeleteItem"]
        resources  = [var.table.arn]
        conditions = concat(local.held.transact, local.in_transaction)
      },
    ],
    !var.backfill ? [] : [
      {
        sid        = "Backfill"
        actions    = ["dynamodb:PartiQLUpdate"]
        resources  = [var.table.arn]
        conditions = local.held.backfill
      },
    ],
    # DynamoDB decrypts with the caller's grant when the table has a key of the customer's.
    var.table.kms_key_arn == null ? [] : [
      {
        sid        = "DecryptTable"
        actions    = ["kms:Decrypt"]
        resources  = [var.table.kms_key_arn]
        conditions = []
      },
    ],
  )
}
