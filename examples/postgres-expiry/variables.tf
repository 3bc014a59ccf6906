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

variable "database" {
  description = "The database: where it is, as whom, and the secret that holds the password, as the module takes it."
  type = object({
    host               = string
    port               = optional(number, 5432)
    name               = string
    user               = string
    secret_arn         = optional(string)
    secret_kms_key_arn = optional(string)
    iam_auth           = optional(bool, false)
    db_resource_id     = optional(string)
    tls                = optional(string, "verify-full")
    ca_bundle          = optional(string)
  })
}

variable "network" {
  description = "The VPC of the database: subnets for the function, the database's security group, and that of the interface endpoint for Secrets Manager. Left out, the function is in no VPC."
  type = object({
    vpc_id                     = string
    subnet_ids                 = list(string)
    database_security_group_id = string
    endpoint_security_group_id = string
  })
  default = null
}

variable "run_by" {
  description = "What runs it: lambda, pg_cron, systemd; one or more of them."
  type        = set(string)
  default     = ["lambda"]
}

variable "dry_run" {
  description = "Whether it only says what it would delete. The first apply sets it to true."
  type        = bool
  default     = false
}

variable "max_deletes_per_run" {
  description = "How many rows one run may delete; small at the second apply."
  type        = number
  default     = 1000000
}

variable "local_cloud" {
  description = "Whether the provider talks to a cloud on this machine: it then checks no credentials."
  type        = bool
  default     = false
}
