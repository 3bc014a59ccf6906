variable "name" {
  description = "Prefix of every alarm's name: an alarm is called `name-key`, shortened with a hash over 255 characters."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-zA-Z0-9][a-zA-Z0-9._/-]{0,199}$", var.name))
    error_message = "name starts with a letter or digit, then letters, digits, '.', '_', '/' and '-', 200 characters at most."
  }
}

variable "topic_arns" {
  description = "SNS topics that are told when an alarm goes off. An alarm may name its own in `alarm_action_arns`."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.topic_arns) <= 5 && alltrue([for a in var.topic_arns : can(regex("^arn:[a-z-]+:sns:", a))])
    error_message = "topic_arns holds at most five ARNs of SNS topics (arn:aws:sns:...)."
  }
}

variable "ok_topic_arns" {
  description = "SNS topics that are told when an alarm is over."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.ok_topic_arns) <= 5 && alltrue([for a in var.ok_topic_arns : can(regex("^arn:[a-z-]+:sns:", a))])
    error_message = "ok_topic_arns holds at most five ARNs of SNS topics (arn:aws:sns:...)."
  }
}

variable "tags" {
  description = "Tags of every alarm."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "alarms" {
  description = <<-EOT
    The alarms by key. Each is exactly one of `metric` (one metric), `metrics` (metric math: queries by id, one of them with
    `return_data = true`) or `ratio` (numerator per hundred of the denominator, in percent; quiet while the denominator of a
    period is below `minimum_count`). `description` says what to do when the alarm goes off. `ratio.interval_minutes` is how
    often the denominator counts, null where nothing is known of that.
  EOT
  type = map(object({
    description                           = string
    comparison                            = optional(string, "GreaterThanOrEqualToThreshold")
    threshold                             = optional(number)
    threshold_metric_id                   = optional(string)
    period_s                              = optional(number, 300)
    evaluation_periods                    = optional(number, 1)
    datapoints_to_alarm                   = optional(number)
    treat_missing_data                    = optional(string, "notBreaching")
    evaluate_low_sample_count_percentiles = optional(string)
    actions_enabled                       = optional(bool, true)
    alarm_action_arns                     = optional(list(string))
    ok_action_arns                        = optional(list(string))
    insufficient_data_action_arns         = optional(list(string), [])

    metric = optional(object({
      namespace          = string
      name               = string
      dimensions         = optional(map(string), {})
      statistic          = optional(string)
      extended_statistic = optional(string)
      unit               = optional(string)
    }))

    metrics = optional(map(object({
      expression  = optional(string)
      label       = optional(string)
      return_data = optional(bool, false)
      account_id  = optional(string)
      metric = optional(object({
        namespace  = string
        name       = string
        dimensions = optional(map(string), {})
        statistic  = string
        unit       = optional(string)
      }))
    })))

    ratio = optional(object({
      label            = optional(string, "percent")
      minimum_count    = number
      interval_minutes = optional(number)
      numerator = object({
        namespace  = string
        name       = string
        dimensions = optional(map(string), {})
        statistic  = optional(string, "Sum")
        unit       = optional(string)
      })
      denominator = object({
        namespace  = string
        name       = string
        dimensions = optional(map(string), {})
        statistic  = optional(string, "Sum")
        unit       = optional(string)
      })
    }))
  }))
  nullable = false

  validation {
    condition = alltrue([
      for a in var.alarms : length([for kind in [a.metric != null, a.metrics != null, a.ratio != null] : kind if kind]) == 1
    ])
    error_message = "Each alarm needs exactly one of metric, metrics or ratio."
  }

  validation {
    condition     = alltrue([for a in var.alarms : length(trimspace(a.description)) >= 20 && length(a.description) <= 1024])
    error_message = "Each alarm needs a description of 20 to 1024 characters that says what to do when it goes off."
  }

  validation {
    condition     = alltrue([for key in keys(var.alarms) : can(regex("^[a-zA-Z0-9][a-zA-Z0-9._/-]*$", key))])
    error_message = "An alarm's key becomes part of its name: letters, digits, '.', '_', '/' and '-'."
  }

  validation {
    condition = alltrue([
      for a in var.alarms : contains([10, 20, 30], a.period_s) || (a.period_s >= 60 && a.period_s % 60 == 0)
    ])
    error_message = "period_s is 10, 20 or 30 (high-resolution metrics only), or a multiple of 60."
  }

  validation {
    condition     = alltrue([for a in var.alarms : a.evaluation_periods >= 1 && floor(a.evaluation_periods) == a.evaluation_periods])
    error_message = "evaluation_periods is a whole number, 1 or more."
  }

  validation {
    condition = alltrue([
      for a in var.alarms : a.period_s * a.evaluation_periods <= (a.period_s >= 3600 ? 604800 : 86400)
    ])
    error_message = "period_s × evaluation_periods is at most 86400 (one day), or 604800 (seven days) where period_s is 3600 or more: CloudWatch looks no further back."
  }

  validation {
    condition = alltrue([
      for a in var.alarms : a.datapoints_to_alarm == null ? true : (
        a.datapoints_to_alarm >= 1 && a.datapoints_to_alarm <= a.evaluation_periods && floor(a.datapoints_to_alarm) == a.datapoints_to_alarm
      )
    ])
    error_message = "datapoints_to_alarm is a whole number from 1 to evaluation_periods, or left out to mean all of them."
  }

  validation {
    condition = alltrue([
      for a in var.alarms : contains([
        "GreaterThanOrEqualToThreshold", "GreaterThanThreshold", "LessThanThreshold", "LessThanOrEqualToThreshold",
        "LessThanLowerOrGreaterThanUpperThreshold", "LessThanLowerThreshold", "GreaterThanUpperThreshold",
      ], a.comparison)
    ])
    error_message = "comparison is one of CloudWatch's operators, for example GreaterThanOrEqualToThreshold or LessThanThreshold."
  }

  validation {
    condition     = alltrue([for a in var.alarms : (a.threshold == null) != (a.threshold_metric_id == null)])
    error_message = "Each alarm needs exactly one of threshold (a number) or threshold_metric_id (an anomaly detection band)."
  }

  validation {
    condition = alltrue([
      for a in var.alarms : (a.threshold_metric_id != null) == can(regex("Lower|Upper", a.comparison))
    ])
    error_message = "The comparisons with a Lower or Upper threshold go with threshold_metric_id, and only with it."
  }

  validation {
    condition = alltrue([
      for a in var.alarms : a.threshold_metric_id == null ? true : try(a.metrics[a.threshold_metric_id].expression != null, false)
    ])
    error_message = "threshold_metric_id names the id of a query in metrics (an ANOMALY_DETECTION_BAND expression)."
  }

  validation {
    condition     = alltrue([for a in var.alarms : contains(["missing", "ignore", "breaching", "notBreaching"], a.treat_missing_data)])
    error_message = "treat_missing_data is missing, ignore, breaching or notBreaching."
  }

  validation {
    condition = alltrue([
      for a in var.alarms : a.metric == null ? true : (a.metric.statistic != null) != (a.metric.extended_statistic != null)
    ])
    error_message = "A metric needs exactly one of statistic (Sum, Maximum, ...) or extended_statistic (p99, tm95, ...)."
  }

  validation {
    condition = alltrue([
      for a in var.alarms : try(a.metric.statistic, null) == null ? true : contains(
        ["SampleCount", "Average", "Sum", "Minimum", "Maximum"], a.metric.statistic
      )
    ])
    error_message = "statistic is SampleCount, Average, Sum, Minimum or Maximum; percentiles and trimmed means go in extended_statistic."
  }

  validation {
    condition = alltrue([
      for a in var.alarms : try(a.metric.extended_statistic, null) == null ? true : can(
        regex("^((p|tm|wm|tc|ts)[0-9]+([.][0-9]+)?|(PR|TM|WM|TC|TS)[(].*:.*[)]|IQM)$", a.metric.extended_statistic)
      )
    ])
    error_message = "extended_statistic is a percentile or a trimmed statistic, for example p99, tm95, PR(0:500) or IQM."
  }

  validation {
    condition = alltrue([
      for a in var.alarms : a.evaluate_low_sample_count_percentiles == null ? true : (
        contains(["evaluate", "ignore"], a.evaluate_low_sample_count_percentiles) && can(regex("^p", a.metric.extended_statistic))
      )
    ])
    error_message = "evaluate_low_sample_count_percentiles is evaluate or ignore, on a metric whose extended_statistic is a percentile."
  }

  validation {
    condition = alltrue(flatten([
      for a in var.alarms : a.metrics == null ? [] : [for id in keys(a.metrics) : can(regex("^[a-z][a-zA-Z0-9_]*$", id))]
    ]))
    error_message = "The ids in metrics start with a small letter, then letters, digits and '_'."
  }

  validation {
    condition = alltrue(flatten([
      for a in var.alarms : a.metrics == null ? [] : [for q in a.metrics : (q.expression == null) != (q.metric == null)]
    ]))
    error_message = "Each query in metrics is either an expression or a metric."
  }

  validation {
    condition = alltrue([
      for a in var.alarms : a.metrics == null ? true : length(a.metrics) <= 20 && length([
        for id, q in a.metrics : id if q.return_data && id != try(a.threshold_metric_id, null)
      ]) == 1
    ])
    error_message = "metrics holds at most 20 queries, exactly one of them with return_data = true (beside the anomaly band)."
  }

  validation {
    condition     = alltrue([for a in var.alarms : a.metrics == null ? true : length([for q in a.metrics : q if q.metric != null]) <= 10])
    error_message = "metrics holds at most 10 metrics beside its expressions: CloudWatch takes no more in one alarm. Make two alarms of it."
  }

  validation {
    condition = alltrue([
      for a in var.alarms : alltrue([
        for actions in [a.alarm_action_arns, a.ok_action_arns, a.insufficient_data_action_arns] :
        actions == null ? true : length(actions) <= 5 && alltrue([for arn in actions : can(regex("^arn:[a-z-]+:", arn))])
      ])
    ])
    error_message = "An alarm has at most five actions a state, each an ARN."
  }

  validation {
    condition = alltrue([
      for a in var.alarms : a.ratio == null ? true : a.ratio.minimum_count >= 1 && floor(a.ratio.minimum_count) == a.ratio.minimum_count
    ])
    error_message = "ratio.minimum_count is a whole number, 1 or more: below it a ratio says nothing."
  }

  validation {
    condition     = alltrue([for a in var.alarms : try(a.ratio.interval_minutes, null) == null ? true : a.ratio.interval_minutes > 0])
    error_message = "ratio.interval_minutes is above 0, or left out where the denominator counts at no known interval."
  }

  validation {
    # The largest number of runs that one period, and the whole window, can ever hold.
    condition = alltrue([
      for a in var.alarms : try(a.ratio.interval_minutes, null) == null ? true : (
        ceil(a.period_s / (60 * a.ratio.interval_minutes)) >= a.ratio.minimum_count &&
        ceil(a.period_s * a.evaluation_periods / (60 * a.ratio.interval_minutes)) >=
        a.ratio.minimum_count * (a.datapoints_to_alarm == null ? a.evaluation_periods : a.datapoints_to_alarm)
      )
    ])
    error_message = "A ratio can never go off: its period_s cannot hold ratio.minimum_count runs at one each ratio.interval_minutes, or its window not enough such periods. Make period_s longer (86400 with minimum_count = 1 for an hourly job) or minimum_count smaller."
  }
}
