locals {
  # partition, region and account: known before anything is made.
  here = split(":", try(module.function[0].identity.function_arn, "::::"))

  # What the handler calls, and nothing else. A token for IAM authentication is signed without a call; the database asks IAM
  # for rds-db:connect when it is shown one. What Lambda does with the role (log streams, network interfaces) is a list of its own.
  statements = concat(
    var.database.secret_arn == null || var.database.iam_auth ? [] : [
      {
        sid       = "ReadPassword"
        actions   = ["secretsmanager:GetSecretValue"]
        resources = [var.database.secret_arn]
      },
    ],
    var.database.secret_kms_key_arn == null || var.database.iam_auth ? [] : [
      {
        # Secrets Manager decrypts with the caller's grant where the secret has a customer's key.
        sid        = "DecryptPassword"
        actions    = ["kms:Decrypt"]
        resources  = [var.database.secret_kms_key_arn]
        conditions = [{ test = "StringEquals", variable = "kms:EncryptionContext:SecretARN", values = [var.database.secret_arn] }]
      },
    ],
    !var.database.iam_auth ? [] : [
      {
        sid       = "ConnectAsOneUser"
        actions   = ["rds-db:connect"]
        resources = ["arn:${local.here[1]}:rds-db:${local.here[3]}:${local.here[4]}:dbuser:${coalesce(var.database.db_resource_id, "-")}/${var.database.user}"]
      },
    ],
  )
}
