locals {
  # The rules as the handler will have them: what the role must reach is read off them.
  rules = jsondecode(
    var.preset == null ? jsonencode(local.given_rules) : jsonencode(jsondecode(file("${path.module}/../../lambda_src/index_cleanup/${coalesce(var.preset, "none")}.json")).rules)
  )

  # One entry a rule. `{hash_key}` in a linked row's key is the partition of the row that it belongs to.
  reach = [
    for rule in local.rules : {
      expired   = rule.kind == "expired"
      first     = try(rule.target_written_first, false)
      partition = rule.partition
      target    = try([replace(rule.target.hash_key, "{hash_key}", rule.partition)], [])
      linked = concat(
        [for key in try(rule.linked, []) : replace(key.hash_key, "{hash_key}", rule.partition)],
        [for key in try(rule.target_linked, []) : replace(key.hash_key, "{hash_key}", replace(rule.target.hash_key, "{hash_key}", rule.partition))],
      )
      backfilled = length(concat(try(rule.ttl_from, []), try(rule.target_ttl_from, []))) > 0 || try(rule.ttl_after_target_s, null) != null
    }
  ]

  # The partitions that each kind of call names, none where no rule needs it; a template with an attribute in it names any.
  # In transactions go: what must not part (a row and its linked rows), and an index row whose target may still come.
  named = {
    query  = distinct([for rule in local.reach : rule.partition])
    read   = distinct(flatten([for rule in local.reach : [rule.target, rule.linked]]))
    delete = distinct(flatten([for rule in local.reach : [rule.partition, rule.target] if rule.expired || rule.first]))
    transact = distinct(flatten([
      for rule in local.reach : [rule.expired || !rule.first ? [rule.partition] : [], rule.target, rule.linked]
      if length(rule.linked) > 0 || !(rule.expired || rule.first)
    ]))
    check    = distinct(flatten([for rule in local.reach : rule.target if !(rule.expired || rule.first)]))
    backfill = !var.backfill ? [] : distinct(flatten([for rule in local.reach : [rule.partition, rule.target, rule.linked] if rule.backfilled]))
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
    ],
    length(local.named.read) == 0 ? [] : [
      {
        sid        = "ReadTargets"
        actions    = ["dynamodb:BatchGetItem"]
        resources  = [var.table.arn]
        conditions = local.held.read
      },
    ],
    length(local.named.delete) == 0 ? [] : [
      {
        sid        = "DeleteRows"
        actions    = ["dynamodb:PartiQLDelete"]
        resources  = [var.table.arn]
        conditions = local.held.delete
      },
    ],
    length(local.named.transact) == 0 ? [] : [
      {
        sid        = "DeleteTogether"
        actions    = concat(length(local.named.check) == 0 ? [] : ["dynamodb:ConditionCheckItem"], ["dynamodb:DeleteItem"])
        resources  = [var.table.arn]
        conditions = concat(local.held.transact, local.in_transaction)
      },
    ],
    length(local.named.backfill) == 0 ? [] : [
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
