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

variable "bucket" {
  description = "Name of the bucket that holds the MOCs' files and the gallery's images."
  type        = string
}

variable "cdn_url" {
  description = "What the URLs in the database begin with; a key follows."
  type        = string
  default     = "https://cdn.example.com/"
}

variable "retention_days" {
  description = "How long a deleted MOC can be restored."
  type        = number
  default     = 30
}

variable "network" {
  description = "The VPC of the database: subnets for the functions, the database's security group, that of the interface endpoints for Secrets Manager and SQS, and the prefix list of S3's gateway endpoint (left out where S3 has an interface endpoint too). Left out, the functions are in no VPC."
  type = object({
    vpc_id                     = string
    subnet_ids                 = list(string)
    database_security_group_id = string
    endpoint_security_group_id = string
    s3_prefix_list_id          = optional(string)
  })
  default = null
}

variable "dry_run" {
  description = "Whether it only says what it would remove. The first apply sets it to true."
  type        = bool
  default     = false
}

variable "max_records_per_run" {
  description = "How many MOCs one run may purge; small at the second apply."
  type        = number
  default     = 100
}

variable "local_cloud" {
  description = "Whether the provider talks to a cloud on this machine: it then checks no credentials."
  type        = bool
  default     = false
}
