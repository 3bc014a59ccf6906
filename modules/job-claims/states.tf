# What the states share. Each reads the execution's own input, never the output of the one before: what a state finds out
# for others is a variable.
locals {
  job = "$states.context.Execution.Input"

  backoff = { IntervalSeconds = 1, BackoffRate = 2, MaxAttempts = local.retries, JitterStrategy = "FULL" }

  lambda_errors = [
    "Lambda.ServiceException", "Lambda.AWSLambdaException", "Lambda.SdkClientException", "Lambda.TooManyRequestsException",
    "Lambda.ClientExecutionTimeoutException",
  ]
  # Each of our functions may be called twice, and ends the same. A fault of the request would come again.
  own_errors  = ["Lambda.Unknown", "Sandbox.Timedout", "StoreError", "ThrottledError", "ClaimError"]
  own_retries = [merge(local.backoff, { ErrorEquals = concat(local.lambda_errors, local.own_errors) })]
  sqs_retries = [merge(local.backoff, { ErrorEquals = ["SQS.SdkClientException", "SQS.AmazonSQSException", "SQS.ThrottlingException", "SQS.ServiceUnavailable"] })]

  failure = { error = "{% $states.errorOutput.Error %}", cause = "{% $string($states.errorOutput.Cause) %}" }

  invoke_resource = "arn:${local.partition}:states:::lambda:invoke"
  send_resource   = "arn:${local.partition}:states:::sqs:sendMessage"
  invoke = {
    Type           = "Task"
    Resource       = local.invoke_resource
    TimeoutSeconds = local.call_s
    Retry          = local.own_retries
  }
  # What is caught before there is a claim, or after it has gone.
  tell = [{ ErrorEquals = ["States.ALL"], Next = "TellDeadLetters", Assign = local.failure }]

  # A key is given as one text or as two; what is not given is not passed on.
  key             = "{% $exists(${local.job}.projectUserId) ? {'projectUserId': ${local.job}.projectUserId} : {'projectId': ${local.job}.projectId, 'userId': ${local.job}.userId} %}"
  sent_at         = "$exists(${local.job}.messageTimestamp) ? {'messageTimestamp': ${local.job}.messageTimestamp} : {}"
  check_payload   = "{% $merge([$key, {'threadId': ${local.job}.threadId}, ${local.sent_at}]) %}"
  owner_payload   = "{% $merge([$key, {'containerId': $claim.containerId, 'fence': $claim.fence}]) %}"
  release_payload = "{% $merge([$key, {'containerId': $claim.containerId, 'fence': $claim.fence, 'messageId': ${local.job}.messageId}]) %}"
}
