locals {
  query_names = { for key in keys(local.queries) : key => "${var.name}/${key}" }

  # JSON log lines: their keys are fields. Each function writes one line for what it did.
  queries = {
    claims = {
      functions = ["claim_job", "refresh_claim", "release_claim"]
      text      = <<-EOT
        fields @timestamp, message, key, answer.containerId, answer.fence, answer.expiresAt, answer.reason, answer.holder.containerId, answer.retryAfterSeconds
        | filter message in ["claim", "refresh", "release"]
        | sort @timestamp desc
        | limit 200
      EOT
    }
    # Held by another thread, over the rate, or shown with a stale fence.
    refusals = {
      functions = ["claim_job", "refresh_claim", "release_claim"]
      text      = <<-EOT
        fields @timestamp, message, key, answer.reason, answer.holder.containerId, answer.holder.threadId, answer.holder.expiresAt, answer.retryAfterSeconds
        | filter message in ["claim", "refresh", "release"] and (ispresent(answer.retryAfterSeconds) or ispresent(answer.reason))
        | sort @timestamp desc
        | limit 200
      EOT
    }
    interrupts = {
      functions = ["record_interruption", "send_interrupt"]
      text      = <<-EOT
        fields @timestamp, message, key, answer.queue, answer.reason, record.interruptedContainer, record.newThreadId, record.messageId
        | filter message in ["interrupt", "interruption"]
        | sort @timestamp desc
        | limit 200
      EOT
    }
    timeouts = {
      functions = ["handle_timeout"]
      text      = <<-EOT
        fields @timestamp, key, answer.record.interruptedContainer, answer.record.fence, answer.record.reason, answer.record.cause, answer.record.executionId, answer.reason
        | filter message = "timeout"
        | sort @timestamp desc
        | limit 100
      EOT
    }
    # What the handlers say, and what Lambda says of a call that came to no end.
    errors = {
      functions = keys(local.functions)
      text      = <<-EOT
        fields @timestamp, @log, level, message, record.status, @message
        | filter level in ["ERROR", "CRITICAL"] or record.status in ["error", "failure", "timeout"]
        | sort @timestamp desc
        | limit 50
      EOT
    }
  }

  query_groups = { for key, query in local.queries : key => [for name in query.functions : module.functions[name].function.log_group_name] }
}

resource "aws_cloudwatch_query_definition" "this" {
  for_each = local.queries

  name            = local.query_names[each.key]
  log_group_names = local.query_groups[each.key]
  query_string    = trimspace(each.value.text)
}
