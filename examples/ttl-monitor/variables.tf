variable "environment" {
  description = "Name of the environment; the table is called `collections-checkpoints-{environment}`."
  type        = string
  default     = "dev"
}

variable "region" {
  description = "Region to work in; the provider's own setting where left out."
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Whether the table refuses to be deleted. Set it to false before `terraform destroy`."
  type        = bool
  default     = true
}

variable "force_destroy" {
  description = "Whether `terraform destroy` may delete an export bucket that still holds reports."
  type        = bool
  default     = false
}

variable "local_cloud" {
  description = "Whether the provider talks to a cloud on this machine: it then checks no credentials and addresses buckets by path."
  type        = bool
  default     = false
}
