variable "prefix" {
  description = "The application's AWS_DB_PREFIX; the table is called `{prefix}_attributes`."
  type        = string
  default     = "actingweb_dev"
}

variable "region" {
  description = "Region to work in; the provider's own setting where left out."
  type        = string
  default     = null
}

variable "ttl_enabled" {
  description = "Whether DynamoDB removes rows whose ttl_timestamp is past. Step 3 of the rollout."
  type        = bool
  default     = true
}

variable "cleanup_enabled" {
  description = "Whether the cleanup runs daily. Step 4 of the rollout; by hand it runs all the same."
  type        = bool
  default     = true
}

variable "dry_run" {
  description = "Whether the cleanup only says what it would do. The first apply sets it to true."
  type        = bool
  default     = false
}

variable "max_deletes_per_run" {
  description = "How much one run may delete; small at the second apply."
  type        = number
  default     = 10000
}

variable "backfill" {
  description = "Whether the cleanup may give old rows the ttl_timestamp that they lack. For the rollout only."
  type        = bool
  default     = false
}

variable "alarms_enabled" {
  description = "Whether alarms watch the table and the cleanup. Step 5 of the rollout."
  type        = bool
  default     = true
}

variable "application_log_group_name" {
  description = "The application's own log group, for the saved query of how many tokens it makes; none where left out."
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Whether the table refuses to be deleted. Set it to false before `terraform destroy`."
  type        = bool
  default     = true
}

variable "local_cloud" {
  description = "Whether the provider talks to a cloud on this machine: it then checks no credentials."
  type        = bool
  default     = false
}
