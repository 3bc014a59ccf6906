variable "name" {
  description = "Name of the product, part of every name. Small letters, digits and hyphens, because buckets are called by it too."
  type        = string
  default     = "studio"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.name))
    error_message = "name is 2 to 20 small letters, digits and hyphens, beginning with a letter: a bucket's name must have room for it."
  }
}

variable "environment" {
  description = "Name of the environment, part of every name."
  type        = string
  default     = "dev"

  validation {
    condition     = can(regex("^[a-z0-9-]{1,12}$", var.environment))
    error_message = "environment is 1 to 12 small letters, digits and hyphens: a bucket's name must have room for it."
  }
}

variable "region" {
  description = "Region to work in; the provider's own setting where left out."
  type        = string
  default     = null
}

variable "database" {
  description = "The PostgreSQL database, and two users in it, each with the secret of its password: `expiry` deletes expired rows, `purge` deleted projects."
  type = object({
    host   = string
    port   = optional(number, 5432)
    name   = string
    expiry = object({ name = optional(string, "expiry"), secret_arn = string, secret_kms_key_arn = optional(string) })
    purge  = object({ name = optional(string, "purge"), secret_arn = string, secret_kms_key_arn = optional(string) })
  })
}

variable "network" {
  description = "The VPC of the database: subnets for the functions, the database's security group, that of the interface endpoints for Secrets Manager and SQS, and the prefix list of S3's gateway endpoint. Left out, the functions are in no VPC."
  type = object({
    vpc_id                     = string
    subnet_ids                 = list(string)
    database_security_group_id = string
    endpoint_security_group_id = string
    s3_prefix_list_id          = optional(string)
  })
  default = null
}

variable "containers" {
  description = "Who works: a queue of interrupts for each project and user."
  type        = map(object({ project_id = string, user_id = string }))
  default     = { ada = { project_id = "engine", user_id = "ada" } }
}

variable "process_attachments_function_arn" {
  description = "A function of yours that is called for each attachment of a message; none where left out."
  type        = string
  default     = null
}

variable "dry_run" {
  description = "Which of the systems that delete only say what they would do. All, until you set one to false."
  type = object({
    uploads  = optional(bool, true)
    index    = optional(bool, true)
    rows     = optional(bool, true)
    projects = optional(bool, true)
  })
  default  = {}
  nullable = false
}

variable "caps" {
  description = "How much one run may delete once it is no longer dry, and how many new claims one key may have in a minute. Small, until you have read what the runs say."
  type = object({
    uploads           = optional(number, 100)
    index             = optional(number, 100)
    rows              = optional(number, 1000)
    projects          = optional(number, 5)
    claims_per_minute = optional(number, 20)
  })
  default  = {}
  nullable = false
}

variable "customer_key" {
  description = "Whether a KMS key of your own encrypts tables, buckets, queues, logs and environments; AWS's own keys where false."
  type        = bool
  default     = false
}

variable "alarms_enabled" {
  description = "Whether alarms watch all of it. CloudWatch bills each of them."
  type        = bool
  default     = true
}

variable "deletion_protection" {
  description = "Whether the tables refuse to be deleted. Set it to false before `terraform destroy`."
  type        = bool
  default     = true
}

variable "force_destroy" {
  description = "Whether `terraform destroy` may delete buckets that still hold objects."
  type        = bool
  default     = false
}

variable "local_cloud" {
  description = "Whether the provider talks to a cloud on this machine: it then checks no credentials and addresses buckets by path."
  type        = bool
  default     = false
}
