locals {
  with_machine = var.state_machine != null

  # Without a state machine nothing is made of these: they only have the right shape.
  machine = coalesce(var.state_machine, {
    work_queue                       = null
    process_attachments_function_arn = null
    attachment_concurrency           = 1
    max_attachments                  = 1
    interrupt_grace_seconds          = 0
    max_claim_attempts               = 1
    claim_retry_seconds              = 1
    timeouts                         = { heartbeat_s = 1, overall_s = 1 }
    log_level                        = "OFF"
    log_execution_data               = false
    tracing                          = false
  })

  machine_name = length(var.name) <= 80 ? var.name : "${substr(var.name, 0, 71)}-${substr(sha256(var.name), 0, 8)}"
  machine_arn  = "arn:${local.partition}:states:${local.region}:${local.account_id}:stateMachine:${local.machine_name}"

  # How long everything may take, one after the other; a test sums it up from the states. The machine's own timeout comes
  # after it: it cannot be caught, and would leave a claim to its lease.
  call_s            = 60
  retries           = 4
  backoff_s         = 15 # 1 + 2 + 4 + 8, without the luck of the jitter
  call_limit_s      = (1 + local.retries) * local.call_s + local.backoff_s
  grace_s           = local.machine.interrupt_grace_seconds
  grace_poll_s      = max(2, ceil(local.grace_s / 15)) # few looks, also in a long grace: an execution has 25,000 events
  grace_polls       = ceil(local.grace_s / local.grace_poll_s)
  rate_wait_s       = var.rate_limit.claims == 0 ? 0 : min(var.rate_limit.window_seconds, 300)
  claim_limit_s     = local.machine.max_claim_attempts * ((4 + local.grace_polls) * local.call_limit_s + local.grace_s + local.rate_wait_s + local.machine.claim_retry_seconds)
  attachment_s      = 900
  attachments_s     = local.attachments == null ? 0 : ceil(local.machine.max_attachments / local.machine.attachment_concurrency) * ((1 + local.retries) * local.attachment_s + local.backoff_s) + local.call_limit_s
  work_limit_s      = (1 + local.retries) * local.machine.timeouts.overall_s + local.backoff_s
  machine_timeout_s = local.claim_limit_s + local.attachments_s + local.work_limit_s + 4 * local.call_limit_s + 600

  definition = {
    Comment        = "One container a key: check, interrupt, claim, work, release."
    QueryLanguage  = "JSONata"
    StartAt        = "Begin"
    TimeoutSeconds = local.machine_timeout_s
    States         = merge(local.claiming_states, local.interrupting_states, local.attaching_states, local.working_states, local.failing_states)
  }
}

resource "aws_cloudwatch_log_group" "machine" {
  #checkov:skip=CKV_AWS_158:A customer's key is the caller's choice (kms_key_arn); execution data is logged only where asked for.
  #checkov:skip=CKV_AWS_338:How long logs are kept is the caller's choice (function.log_retention_days).
  count = local.with_machine ? 1 : 0

  # Under this prefix log delivery needs no statement of its own in a resource policy, which has a limited size.
  name              = "/aws/vendedlogs/states/${local.machine_name}"
  retention_in_days = var.function.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_sfn_state_machine" "this" {
  #checkov:skip=CKV_AWS_284:Tracing costs per request; the caller switches it on (state_machine.tracing).
  #checkov:skip=CKV_AWS_285:Errors are logged by default, and what is logged is the caller's choice (state_machine.log_level); checkov does not follow it.
  count = local.with_machine ? 1 : 0

  name       = local.machine_name
  role_arn   = aws_iam_role.machine[0].arn
  type       = "STANDARD"
  definition = jsonencode(local.definition)
  tags       = var.tags

  logging_configuration {
    log_destination        = "${aws_cloudwatch_log_group.machine[0].arn}:*"
    include_execution_data = local.machine.log_execution_data
    level                  = local.machine.log_level
  }

  tracing_configuration {
    enabled = local.machine.tracing
  }

  dynamic "encryption_configuration" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      type                              = "CUSTOMER_MANAGED_KMS_KEY"
      kms_key_id                        = encryption_configuration.value
      kms_data_key_reuse_period_seconds = 300
    }
  }

  # Step Functions checks at creation what the role grants; the definition names functions and queue without waiting for them.
  depends_on = [aws_iam_role_policy.machine, module.dead_letters, module.functions]
}
