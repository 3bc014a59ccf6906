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

variable "containers" {
  description = "Who works: a queue of interrupts for each project and user."
  type        = map(object({ project_id = string, user_id = string }))
  default     = { ada = { project_id = "engine", user_id = "ada" } }
}

variable "claims_per_minute" {
  description = "How many new claims one key may have in a minute; 0 for no limit."
  type        = number
  default     = 20
}

variable "interrupt_grace_seconds" {
  description = "What an interrupted container has to release its key."
  type        = number
  default     = 30
}

variable "process_attachments_function_arn" {
  description = "A function of yours that is called for each attachment; none where left out."
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Whether the tables refuse to be deleted. Set it to false before `terraform destroy`."
  type        = bool
  default     = true
}

variable "local_cloud" {
  description = "Whether the provider talks to a cloud on this machine: it then checks no credentials."
  type        = bool
  default     = false
}
