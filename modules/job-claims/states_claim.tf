# From a message to a claim, or to the newer work that it must not disturb.
locals {
  # $holder is what CheckActiveJob found.
  may_interrupt = "$holder.active and $holder.shouldInterrupt"
  spread        = "1 + $floor($random() * ${local.machine.claim_retry_seconds})"

  claiming_states = {
    Begin = {
      Type = "Pass"
      Assign = {
        key           = local.key
        projectUserId = "{% $exists(${local.job}.projectUserId) ? ${local.job}.projectUserId : ${local.job}.projectId & '#' & ${local.job}.userId %}"
        tries         = 0
        waited        = 0
        attachments   = "{% $exists(${local.job}.attachments) and ${local.job}.attachments != null ? ${local.job}.attachments : [] %}"
        claim         = null
        refreshed     = null
        release       = null
        error         = ""
        cause         = ""
      }
      Next = "CheckActiveJob"
    }

    CheckActiveJob = merge(local.invoke, {
      Comment   = "Who works on this key? A lease that has ended counts as nobody."
      Arguments = { FunctionName = local.function_arns.check_active_job, Payload = local.check_payload }
      Assign = {
        holder = "{% $states.result.Payload %}"
        tries  = "{% $tries + 1 %}"
        waited = 0
      }
      Catch = local.tell
      Next  = "IsInterruptDue"
    })

    IsInterruptDue = {
      Type = "Choice"
      Choices = [
        { Condition = "{% ${local.may_interrupt} %}", Next = "SendInterrupt" },
        { Condition = "{% $holder.active and $not($holder.sameThread) %}", Next = "Superseded" },
      ]
      Default = "ClaimJob"
    }

    Superseded = {
      Type    = "Succeed"
      Comment = "The message is older than the work under way: it never interrupts newer work."
      Output  = { status = "superseded", reason = "older_message", holder = "{% $holder %}" }
    }

    ClaimJob = merge(local.invoke, {
      Comment = "One conditional write. To preempt is to take over from exactly the claim that was interrupted."
      Arguments = {
        FunctionName = local.function_arns.claim_job
        Payload      = "{% $merge([$key, {'threadId': ${local.job}.threadId, 'messageId': ${local.job}.messageId}, ${local.sent_at}, ${local.may_interrupt} ? {'preempt': {'containerId': $holder.containerId, 'fence': $holder.fence}} : {}]) %}"
      }
      Assign = { claim = "{% $states.result.Payload %}" }
      Catch  = local.tell
      Next   = "IsClaimed"
    })

    IsClaimed = {
      Type = "Choice"
      Choices = [
        { Condition = "{% $claim.claimed %}", Next = local.attachments == null ? "SendToContainer" : "HasAttachments" },
        { Condition = "{% $tries < ${local.machine.max_claim_attempts} %}", Next = "WaitToClaimAgain" },
      ]
      Default = "NotClaimed"
    }

    WaitToClaimAgain = {
      Type    = "Wait"
      Comment = "Somebody else was faster, or the key had its claims for now. Jitter, so that those who lost do not come together again."
      Seconds = local.rate_wait_s == 0 ? "{% ${local.spread} %}" : "{% ($claim.rateLimited ? $min([$claim.retryAfterSeconds, ${local.rate_wait_s}]) : 0) + ${local.spread} %}"
      Next    = "CheckActiveJob"
    }

    NotClaimed = {
      Type   = "Pass"
      Assign = { error = "{% $claim.rateLimited ? 'RateLimited' : 'KeyHeld' %}", cause = "{% $string($claim) %}" }
      Next   = "TellDeadLetters"
    }
  }

  interrupting_states = merge(
    {
      SendInterrupt = merge(local.invoke, {
        Comment = "No queue, or a queue in trouble, must not keep newer work from being done: the fence keeps order."
        Arguments = {
          FunctionName = local.function_arns.send_interrupt
          Payload      = "{% $merge([$key, {'containerId': $holder.containerId, 'newThreadId': ${local.job}.threadId, 'messageId': ${local.job}.messageId}]) %}"
        }
        Catch = [{ ErrorEquals = ["States.ALL"], Next = "RecordInterruption" }]
        Next  = "RecordInterruption"
      })

      RecordInterruption = merge(local.invoke, {
        Arguments = {
          FunctionName = local.function_arns.record_interruption
          Payload      = { messageId = "{% ${local.job}.messageId %}", interruptedContainer = "{% $holder.containerId %}", newThreadId = "{% ${local.job}.threadId %}" }
        }
        Catch = local.tell
        Next  = local.grace_s == 0 ? "ClaimJob" : "WaitForRelease"
      })
    },
    { for name, state in {
      WaitForRelease = {
        Type    = "Wait"
        Comment = "At most ${local.grace_s} seconds in all: then the key is taken over."
        Seconds = "{% $min([${local.grace_poll_s}, ${local.grace_s} - $waited]) %}"
        Assign  = { waited = "{% $waited + $min([${local.grace_poll_s}, ${local.grace_s} - $waited]) %}" }
        Next    = "IsReleased"
      }

      IsReleased = merge(local.invoke, {
        Arguments = { FunctionName = local.function_arns.check_active_job, Payload = local.check_payload }
        Assign    = { released = "{% $not($states.result.Payload.active) or $states.result.Payload.fence != $holder.fence %}" }
        Catch     = local.tell
        Next      = "IsGraceOver"
      })

      IsGraceOver = {
        Type    = "Choice"
        Choices = [{ Condition = "{% $released or $waited >= ${local.grace_s} %}", Next = "ClaimJob" }]
        Default = "WaitForRelease"
      }
    } : name => state if local.grace_s > 0 },
  )
}
