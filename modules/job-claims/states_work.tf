# From a claim to work that is done, and the key that is free again.
locals {
  attachments = local.machine.process_attachments_function_arn

  work_template = var.queues.work == null ? null : replace(var.queues.work, "{name}", local.queue_prefix)
  work_places = {
    projectId   = "$substringBefore($projectUserId, '#')"
    userId      = "$substringAfter($projectUserId, '#')"
    containerId = "$claim.containerId"
  }
  work_name = local.work_template == null ? "" : replace(replace(replace(local.work_template,
    "{projectId}", "' & ${local.work_places.projectId} & '"),
    "{userId}", "' & ${local.work_places.userId} & '"),
  "{containerId}", "' & ${local.work_places.containerId} & '")
  work_queue_url = (
    local.work_template == null ? try(local.machine.work_queue.url, "") :
    "{% '${local.queues_url}/${local.work_name}' %}"
  )

  attaching_states = { for name, state in {
    HasAttachments = {
      Type = "Choice"
      Choices = [
        { Condition = "{% $count($attachments) > ${local.machine.max_attachments} %}", Next = "TooManyAttachments" },
        { Condition = "{% $count($attachments) > 0 %}", Next = "ProcessAttachments" },
      ]
      Default = "SendToContainer"
    }

    TooManyAttachments = {
      Type   = "Pass"
      Assign = { error = "TooManyAttachments", cause = "{% $string($count($attachments)) & ' attachments, at most ${local.machine.max_attachments} (state_machine.max_attachments)' %}" }
      Next   = "ReleaseAfterFailure"
    }

    ProcessAttachments = {
      Type           = "Map"
      Items          = "{% $attachments %}"
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
          ProcessAttachment = merge(local.invoke, {
            Comment        = "What it raises ends the Map, which catches it. It is not ours: only Lambda's own trouble is tried again."
            Retry          = [merge(local.backoff, { ErrorEquals = local.lambda_errors })]
            Arguments      = { FunctionName = local.attachments, Payload = "{% $states.input %}" }
            Output         = "{% $states.result.Payload %}"
            TimeoutSeconds = local.attachment_s
            End            = true
          })
        }
      }
      Assign = { attachments = "{% $states.result %}" }
      Catch  = [{ ErrorEquals = ["States.ALL"], Next = "ReleaseAfterFailure", Assign = local.failure }]
      Next   = "RefreshClaim"
    }

    RefreshClaim = merge(local.invoke, {
      Comment   = "Attachments took their time: the worker gets a whole lease, or none at all."
      Arguments = { FunctionName = local.function_arns.refresh_claim, Payload = local.owner_payload }
      Assign    = { refreshed = "{% $states.result.Payload %}" }
      Catch     = [{ ErrorEquals = ["States.ALL"], Next = "ReleaseAfterFailure", Assign = local.failure }]
      Next      = "IsStillOurs"
    })

    IsStillOurs = {
      Type = "Choice"
      Choices = [
        { Condition = "{% $refreshed.refreshed %}", Next = "SendToContainer" },
        # Taken over while there was no worker yet to tell: newer work goes on.
        { Condition = "{% $refreshed.reason = 'lost' %}", Next = "Interrupted", Assign = { error = "StaleFence", cause = "{% $string($refreshed) %}" } },
      ]
      Default = "ClaimLost"
    }

    ClaimLost = {
      Type   = "Pass"
      Assign = { error = "ClaimLost", cause = "{% $string($refreshed) %}" }
      Next   = "TellDeadLetters"
    }
  } : name => state if local.attachments != null }

  working_states = {
    SendToContainer = {
      Type     = "Task"
      Comment  = "The fence goes with the work: whoever commits shows it. The time in the queue counts as time without a heartbeat."
      Resource = "${local.send_resource}.waitForTaskToken"
      Arguments = {
        QueueUrl = local.work_queue_url
        MessageBody = {
          type          = "WORK"
          taskToken     = "{% $states.context.Task.Token %}"
          projectUserId = "{% $projectUserId %}"
          threadId      = "{% ${local.job}.threadId %}"
          messageId     = "{% ${local.job}.messageId %}"
          containerId   = "{% $claim.containerId %}"
          fence         = "{% $claim.fence %}"
          expiresAt     = local.attachments == null ? "{% $claim.expiresAt %}" : "{% $refreshed = null ? $claim.expiresAt : $refreshed.expiresAt %}"
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
        # What a worker says that has stopped for newer work: no failure, nothing for a person to look at.
        { ErrorEquals = ["Interrupted", "StaleFence"], Next = "ReleaseInterrupted", Assign = local.failure },
        { ErrorEquals = ["States.ALL"], Next = "ReleaseAfterFailure", Assign = local.failure },
      ]
      Next = "ReleaseClaim"
    }

    ReleaseClaim = merge(local.invoke, {
      Comment   = "The key is free, the fence stays. Where this fails the lease ends by itself: the work is done."
      Arguments = { FunctionName = local.function_arns.release_claim, Payload = local.release_payload }
      Assign    = { release = "{% $states.result.Payload %}" }
      Catch     = [{ ErrorEquals = ["States.ALL"], Next = "Done" }]
      Next      = "Done"
    })

    Done = {
      Type   = "Succeed"
      Output = { status = "done", containerId = "{% $claim.containerId %}", fence = "{% $claim.fence %}", result = "{% $result %}", release = "{% $release %}" }
    }

    ReleaseInterrupted = merge(local.invoke, {
      Comment   = "Whoever interrupted waits for this. Where this fails it takes over all the same, when its grace is over."
      Arguments = { FunctionName = local.function_arns.release_claim, Payload = local.release_payload }
      Catch     = [{ ErrorEquals = ["States.ALL"], Next = "Interrupted" }]
      Next      = "Interrupted"
    })

    Interrupted = {
      Type   = "Succeed"
      Output = { status = "superseded", reason = "{% $error = 'StaleFence' ? 'stale_fence' : 'interrupted' %}", containerId = "{% $claim.containerId %}", fence = "{% $claim.fence %}", cause = "{% $cause %}" }
    }
  }
}
