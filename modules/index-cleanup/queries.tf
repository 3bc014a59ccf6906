locals {
  query_names = { for key in keys(local.queries) : key => "${var.name}/${key}" }

  # JSON log lines: their keys are fields.
  queries = merge(
    {
      results = {
        log_group = module.function.function.log_group_name
        text      = <<-EOT
          fields @timestamp, report.runId, report.operation, report.dryRun, report.complete, report.outcomes.deleted, report.outcomes.would_delete, report.outcomes.gone, report.outcomes.changed, report.outcomes.failed, report.health.itemCount, report.health.expiredBacklog, report.errorsTotal
          | filter message = "report"
          | sort @timestamp desc
          | limit 20
        EOT
      }
      # What the handler says, and what Lambda says of a run that came to no end.
      errors = {
        log_group = module.function.function.log_group_name
        text      = <<-EOT
          fields @timestamp, level, message, record.status, report.errorsTotal, report.errors.0.rule, report.errors.0.error, @message
          | filter level in ["ERROR", "CRITICAL"] or report.errorsTotal > 0 or record.status in ["error", "failure", "timeout"]
          | sort @timestamp desc
          | limit 50
        EOT
      }
    },
    var.application_log == null ? {} : {
      token-creation = {
        log_group = var.application_log.log_group_name
        text      = <<-EOT
          fields @timestamp, @message
          | filter ${join(" or ", [for text in var.application_log.token_messages : "@message like /${text}/"])}
          | stats count() as token_count by bin(1h)
        EOT
      }
    },
  )
}

resource "aws_cloudwatch_query_definition" "this" {
  for_each = local.queries

  name            = local.query_names[each.key]
  log_group_names = [each.value.log_group]
  query_string    = trimspace(each.value.text)
}
