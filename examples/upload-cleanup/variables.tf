variable "environment" {
  description = "Name of the environment, part of every name."
  type        = string
  default     = "dev"
}

variable "region" {
  description = "Region to work in; the provider's own setting where left out."
  type        = string
  default     = null
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

variable "two_sightings" {
  description = "Whether an orphan goes only if an earlier run, a day before, saw it too."
  type        = bool
  default     = true
}

variable "deletion_protection" {
  description = "Whether the table refuses to be deleted. Set it to false before `terraform destroy`."
  type        = bool
  default     = true
}

variable "force_destroy" {
  description = "Whether `terraform destroy` may delete buckets that still hold uploads and audit trails."
  type        = bool
  default     = false
}

variable "local_cloud" {
  description = "Whether the provider talks to a cloud on this machine: it then checks no credentials and addresses buckets by path."
  type        = bool
  default     = false
}
