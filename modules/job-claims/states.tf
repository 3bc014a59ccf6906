locals {
  with_machine = var.state_machine != null

  # Without a state machine nothing is made of these: they only have the right shape.
  machine = coalesce(var.state_machine, {
    work_queue                       = { name = "", arn = "", url = "", kms_key_arn = null }
    process_attachments_function_arn = null
    attachment_concurrency           = 1
    interrupt_grace_seconds          = 0
    max_claim_attempts               = 1
    claim_retry_seconds              = 1
    timeouts                         = { heartbeat_s = 1, overall_s = 1 }
    log_level                        = "OFF"
    log_execution_data               = false
    tracing                          = false
  })

  machine_name = local.short
  machine_arn  = "arn:${local.partition}:states:${local.region}:${local.account_id}:stateMachine:${local.machine_name}"
  attachments  = local.machine.process_attachments_function_arn

  # What Lambda itself may refuse for a moment. Our own errors are not among them: they would come again.
  lambda_retries = [{
    ErrorEquals     = ["Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException", "Lambda.TooManyRequestsException", "Lambda.ClientExecutionTimeoutException"]
    IntervalSeconds = 1
    BackoffRate     = 2
    MaxAttempts     = 4
    JitterStrategy  = "FULL"
  }]
  sqs_retries = [{
    ErrorEquals     = ["SQS.SdkClientException", "SQS.AmazonSQSException", "SQS.ThrottlingException", "SQS.ServiceUnavailable"]
    IntervalSeconds = 1
    BackoffRate     = 2
    MaxAttempts     = 4
    JitterStrategy  = "FULL"
  }]

  failure = { error = "{% $states.errorOutput.Error %}", cause = "{% $string($states.errorOutput.Cause) %}" }

  # One call of one of our functions; the last argument of each says what becomes of an error.
  invoke = {
    for name, function in local.functions : name => {
      Type           = "Task"
      Resource       = "arn:${local.partition}:states:::lambda:invoke"
      TimeoutSeconds = 60
      Retry          = local.lambda_retries
    }
  }

  job = "$states.context.Execution.Input"

  # A key is given as one text or as two; what is not given is not passed on.
  key           = "{% $exists(${local.job}.projectUserId) ? {'projectUserId': ${local.job}.projectUserId} : {'projectId': ${local.job}.projectId, 'userId': ${local.job}.userId} %}"
  check_payload = "{% $merge([$key, {'threadId': ${local.job}.threadId}, $exists(${local.job}.messageTimestamp) ? {'messageTimestamp': ${local.job}.messageTimestamp} : {}]) %}"

  definition = {
    Comment        = "One container a key: check, interrupt, claim, work, release."
    QueryLanguage  = "JSONata"
    StartAt        = "Begin"
    TimeoutSeconds = local.machine_timeout_s
    States         = merge(local.claiming_states, local.working_states, local.failing_states)
  }

  claiming_states = {
    Begin = {
      Type = "Pass"
      Assign = {
        key           = local.key
        projectUserId = "{% $exists(${local.job}.projectUserId) ? ${local.job}.projectUserId : ${local.job}.projectId & '#' & ${local.job}.userId %}"
        tries         = 0
        waited        = 0
        attachments   = []
        claim         = null
        error         = ""
        cause         = ""
      }
      Next = "CheckActiveJob"
    }

    CheckActiveJob = merge(local.invoke.check_active_job, {
      Comment   = "Who works on this key? A lease that has ended counts as nobody."
      Arguments = { FunctionName = local.function_arns.check_active_job, Payload = local.check_payload }
      Assign = {
        holder = "{% $states.result.Payload %}"
        tries  = "{% $tries + 1 %}"
        waited = 0
      }
      Catch = [{ ErrorEquals = ["States.ALL"], Next = "TellDeadLetters", Assign = local.failure }]
      Next  = "IsInterruptDue"
    })

    IsInterruptDue = {
      Type = "Choice"
      Choices = [
        { Condition = "{% $holder.active and $holder.shouldInterrupt %}", Next = "SendInterrupt" },
        { Condition = "{% $holder.active and $not($holder.sameThread) %}", Next = "Superseded" },
      ]
      Default = "ClaimJob"
    }

    Superseded = {
      Type    = "Succeed"
      Comment = "The message is older than the work under way: it never interrupts newer work."
      Output  = { status = "superseded", holder = "{% $holder %}" }
    }

    SendInterrupt = merge(local.invoke.send_interrupt, {
      Comment = "No queue, or a queue in trouble, must not keep newer work from being done: the fence keeps order."
      Arguments = {
        FunctionName = local.function_arns.send_interrupt
        Payload      = "{% $merge([$key, {'containerId': $holder.containerId, 'newThreadId': ${local.job}.threadId, 'messageId': ${local.job}.messageId}]) %}"
      }
      Catch = [{ ErrorEquals = ["States.ALL"], Next = "RecordInterruption" }]
      Next  = "RecordInterruption"
    })

    RecordInterruption = merge(local.invoke.record_interruption, {
      Arguments = {
        FunctionName = local.function_arns.record_interruption
        Payload      = { messageId = "{% ${local.job}.messageId %}", interruptedContainer = "{% $holder.containerId %}", newThreadId = "{% ${local.job}.threadId %}" }
      }
      Catch = [{ ErrorEquals = ["States.ALL"], Next = "TellDeadLetters", Assign = local.failure }]
      Next  = "WaitForRelease"
    })

    WaitForRelease = {
      Type    = "Wait"
      Comment = "At most ${local.machine.interrupt_grace_seconds} seconds in all: then the key is taken over."
      Seconds = local.grace_poll_s
      Assign  = { waited = "{% $waited + ${local.grace_poll_s} %}" }
      Next    = "IsReleased"
    }

    IsReleased = merge(local.invoke.check_active_job, {
      Arguments = { FunctionName = local.function_arns.check_active_job, Payload = local.check_payload }
      Assign    = { released = "{% $not($states.result.Payload.active) or $states.result.Payload.fence != $holder.fence %}" }
      Catch     = [{ ErrorEquals = ["States.ALL"], Next = "TellDeadLetters", Assign = local.failure }]
      Next      = "IsGraceOver"
    })

    IsGraceOver = {
      Type    = "Choice"
      Choices = [{ Condition = "{% $released or $waited >= ${local.machine.interrupt_grace_seconds} %}", Next = "ClaimJob" }]
      Default = "WaitForRelease"
    }

    ClaimJob = merge(local.invoke.claim_job, {
      Comment = "One conditional write. To preempt is to take over from exactly the claim that was interrupted."
      Arguments = {
        FunctionName = local.function_arns.claim_job
        Payload      = "{% $merge([$key, {'threadId': ${local.job}.threadId, 'messageId': ${local.job}.messageId}, $holder.active and $holder.shouldInterrupt ? {'preempt': {'containerId': $holder.containerId, 'fence': $holder.fence}} : {}]) %}"
      }
      Assign = { claim = "{% $states.result.Payload %}" }
      Catch  = [{ ErrorEquals = ["States.ALL"], Next = "TellDeadLetters", Assign = local.failure }]
      Next   = "IsClaimed"
    })

    IsClaimed = {
      Type = "Choice"
      Choices = [
        { Condition = "{% $claim.claimed %}", Next = "HasAttachments" },
        { Condition = "{% $tries < ${local.machine.max_claim_attempts} %}", Next = "WaitToClaimAgain" },
      ]
      Default = "NotClaimed"
    }

    WaitToClaimAgain = {
      Type    = "Wait"
      Comment = "Somebody else was faster. Jitter, so that those who lost do not come together again."
      Seconds = "{% 1 + $floor($random() * ${local.machine.claim_retry_seconds}) %}"
      Next    = "CheckActiveJob"
    }

    NotClaimed = {
      Type   = "Pass"
      Assign = { error = "{% $claim.rateLimited ? 'RateLimited' : 'KeyHeld' %}", cause = "{% $string($claim) %}" }
      Next   = "TellDeadLetters"
    }
  }

  working_states = merge(
    {
      HasAttachments = {
        Type    = "Choice"
        Choices = [{ Condition = "{% $count(${local.job}.attachments) > 0 %}", Next = local.attachments == null ? "SendToContainer" : "ProcessAttachments" }]
        Default = "SendToContainer"
      }

      SendToContainer = {
        Type     = "Task"
        Comment  = "The fence goes with the work: whoever commits shows it. The time in the queue counts as time without a heartbeat."
        Resource = "arn:${local.partition}:states:::sqs:sendMessage.waitForTaskToken"
        Arguments = {
          QueueUrl = local.machine.work_queue.url
          MessageBody = {
            type          = "WORK"
            taskToken     = "{% $states.context.Task.Token %}"
            projectUserId = "{% $projectUserId %}"
            threadId      = "{% ${local.job}.threadId %}"
            messageId     = "{% ${local.job}.messageId %}"
            containerId   = "{% $claim.containerId %}"
            fence         = "{% $claim.fence %}"
            expiresAt     = "{% $claim.expiresAt %}"
            attachments   = "{% $attachments %}"
            payload       = "{% $exists(${local.job}.payload) ? ${local.job}.payload : null %}"
          }
        }
        HeartbeatSeconds = local.machine.timeouts.heartbeat_s
        TimeoutSeconds   = local.machine.timeouts.overall_s
        Retry            = local.sqs_retries
        Assign           = { result = "{% $states.result %}" }
        Catch = [
          { ErrorEquals = ["States.Timeout", "States.HeartbeatTimeout"], Next = "HandleTimeout", Assign = local.failure },
          { ErrorEquals = ["States.ALL"], Next = "ReleaseAfterFailure", Assign = local.failure },
        ]
        Next = "ReleaseClaim"
      }

      ReleaseClaim = merge(local.invoke.release_claim, {
        Comment   = "The key is free, the fence stays. Where this fails the lease ends by itself: the work is done."
        Arguments = { FunctionName = local.function_arns.release_claim, Payload = local.release_payload }
        Catch     = [{ ErrorEquals = ["States.ALL"], Next = "Done" }]
        Next      = "Done"
      })

      Done = {
        Type   = "Succeed"
        Output = { status = "done", containerId = "{% $claim.containerId %}", fence = "{% $claim.fence %}", result = "{% $result %}" }
      }
    },
    { for name, state in {
      ProcessAttachments = {
        Type           = "Map"
        Items          = "{% ${local.job}.attachments %}"
        MaxConcurrency = local.machine.attachment_concurrency
        ItemSelector = {
          attachment    = "{% $states.context.Map.Item.Value %}"
          projectUserId = "{% $projectUserId %}"
          messageId     = "{% ${local.job}.messageId %}"
          containerId   = "{% $claim.containerId %}"
          fence         = "{% $claim.fence %}"
        }
        ItemProcessor = {
          StartAt = "ProcessAttachment"
          States = {
            ProcessAttachment = {
              Type           = "Task"
              Resource       = "arn:${local.partition}:states:::lambda:invoke"
              Arguments      = { FunctionName = local.attachments, Payload = "{% $states.input %}" }
              Output         = "{% $states.result.Payload %}"
              TimeoutSeconds = 900
              Retry          = local.lambda_retries
              End            = true
            }
          }
        }
        Assign = { attachments = "{% $states.result %}" }
        Catch  = [{ ErrorEquals = ["States.ALL"], Next = "ReleaseAfterFailure", Assign = local.failure }]
        Next   = "RefreshClaim"
      }

      RefreshClaim = merge(local.invoke.refresh_claim, {
        Comment   = "Attachments took their time: the worker gets a whole lease, or none at all."
        Arguments = { FunctionName = local.function_arns.refresh_claim, Payload = local.owner_payload }
        Assign    = { refreshed = "{% $states.result.Payload %}" }
        Catch     = [{ ErrorEquals = ["States.ALL"], Next = "ReleaseAfterFailure", Assign = local.failure }]
        Next      = "IsStillOurs"
      })

      IsStillOurs = {
        Type    = "Choice"
        Choices = [{ Condition = "{% $refreshed.refreshed %}", Next = "SendToContainer" }]
        Default = "ClaimLost"
      }

      ClaimLost = {
        Type   = "Pass"
        Assign = { error = "ClaimLost", cause = "{% $string($refreshed) %}" }
        Next   = "TellDeadLetters"
      }
    } : name => state if local.attachments != null },
  )

  failing_states = {
    HandleTimeout = merge(local.invoke.handle_timeout, {
      Comment = "The worker died, or took too long: record it, tell the dead-letter queue, free the key if it is still its."
      Arguments = {
        FunctionName = local.function_arns.handle_timeout
        Payload      = "{% $merge([$key, {'containerId': $claim.containerId, 'fence': $claim.fence, 'messageId': ${local.job}.messageId, 'error': {'Error': $error, 'Cause': $cause}, 'executionId': $states.context.Execution.Id}]) %}"
      }
      Catch = [{ ErrorEquals = ["States.ALL"], Next = "TellDeadLetters", Assign = local.failure }]
      Next  = "Failed"
    })

    ReleaseAfterFailure = merge(local.invoke.release_claim, {
      Arguments = { FunctionName = local.function_arns.release_claim, Payload = local.release_payload }
      Catch     = [{ ErrorEquals = ["States.ALL"], Next = "TellDeadLetters" }]
      Next      = "TellDeadLetters"
    })

    TellDeadLetters = {
      Type     = "Task"
      Resource = "arn:${local.partition}:states:::sqs:sendMessage"
      Arguments = {
        QueueUrl = module.dead_letters.queue.url
        MessageBody = {
          type        = "FAILED"
          error       = "{% $error %}"
          cause       = "{% $cause %}"
          executionId = "{% $states.context.Execution.Id %}"
          input       = "{% $states.context.Execution.Input %}"
          claim       = "{% $claim %}"
        }
      }
      TimeoutSeconds = 60
      Retry          = local.sqs_retries
      Catch          = [{ ErrorEquals = ["States.ALL"], Next = "Failed" }]
      Next           = "Failed"
    }

    Failed = {
      Type  = "Fail"
      Error = "{% $error %}"
      Cause = "{% $cause %}"
    }
  }

  owner_payload   = "{% $merge([$key, {'containerId': $claim.containerId, 'fence': $claim.fence}]) %}"
  release_payload = "{% $merge([$key, {'containerId': $claim.containerId, 'fence': $claim.fence, 'messageId': ${local.job}.messageId}]) %}"
}

locals {
  short             = length(var.name) <= 60 ? var.name : "${substr(var.name, 0, 51)}-${substr(sha256(var.name), 0, 8)}"
  machine_role_name = length("${var.name}-machine-${local.region}") <= 64 ? "${var.name}-machine-${local.region}" : "${substr(var.name, 0, 64 - 10 - length("machine-${local.region}"))}-${substr(sha256(var.name), 0, 8)}-machine-${local.region}"

  # Longer than everything that may take its time, one after the other: the machine's own timeout cannot be caught.
  grace_poll_s      = 2
  claim_limit_s     = local.machine.max_claim_attempts * (local.machine.interrupt_grace_seconds + local.machine.claim_retry_seconds + 600)
  machine_timeout_s = local.claim_limit_s + local.machine.timeouts.overall_s + 86400
}

resource "aws_cloudwatch_log_group" "machine" {
  #checkov:skip=CKV_AWS_158:A customer's key is the caller's choice (kms_key_arn); execution data is logged only where asked for.
  #checkov:skip=CKV_AWS_338:How long logs are kept is the caller's choice (function.log_retention_days).
  count = local.with_machine ? 1 : 0

  name              = "/aws/vendedlogs/states/${local.machine_name}"
  retention_in_days = var.function.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_sfn_state_machine" "this" {
  #checkov:skip=CKV_AWS_284:Tracing costs per request; the caller switches it on (state_machine.tracing).
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

  depends_on = [aws_iam_role_policy.machine]
}
