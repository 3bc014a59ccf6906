# Whatever goes wrong ends here: the key is free, a person is told, the execution has failed.
locals {
  failing_states = {
    HandleTimeout = merge(local.invoke, {
      Comment = "The worker died, or took too long: record it, tell the dead-letter queue, free the key if it is still its."
      Arguments = {
        FunctionName = local.function_arns.handle_timeout
        Payload      = "{% $merge([$key, {'containerId': $claim.containerId, 'fence': $claim.fence, 'messageId': ${local.job}.messageId, 'error': {'Error': $error, 'Cause': $cause}, 'executionId': $states.context.Execution.Id}]) %}"
      }
      # The failure that is told stays the worker's.
      Catch = [{ ErrorEquals = ["States.ALL"], Next = "ReleaseAfterFailure" }]
      Next  = "Failed"
    })

    ReleaseAfterFailure = merge(local.invoke, {
      Comment   = "Where this fails the lease ends by itself."
      Arguments = { FunctionName = local.function_arns.release_claim, Payload = local.release_payload }
      Catch     = [{ ErrorEquals = ["States.ALL"], Next = "TellDeadLetters" }]
      Next      = "TellDeadLetters"
    })

    TellDeadLetters = {
      Type     = "Task"
      Resource = local.send_resource
      Arguments = {
        QueueUrl = local.dead_letters_url
        MessageBody = {
          type        = "FAILED"
          error       = "{% $error %}"
          cause       = "{% $cause %}"
          executionId = "{% $states.context.Execution.Id %}"
          input       = "{% ${local.job} %}"
          claim       = "{% $claim %}"
        }
      }
      TimeoutSeconds = local.call_s
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
}
