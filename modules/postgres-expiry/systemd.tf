locals {
  unit          = local.sql_name
  config_path   = coalesce(var.systemd.config_path, "/etc/${local.unit}/config.json")
  password_path = coalesce(var.systemd.password_path, "/etc/${local.unit}/password")

  systemd_config = merge(
    { for name, value in local.settings : name => value if value != null && !contains(["TABLES", "LIFETIMES"], name) },
    { for name in ["TABLES", "LIFETIMES"] : name => jsondecode(local.settings[name]) if local.settings[name] != null },
  )

  unit_values = {
    title         = var.name
    unit          = local.unit
    host          = var.database.host
    database      = replace(var.database.name, "%", "%%") # to systemd a specifier
    python        = var.systemd.python
    zip_path      = var.systemd.zip_path
    config_path   = local.config_path
    password_path = local.password_path
    user          = var.systemd.user
    cron_user     = coalesce(var.systemd.user, "expiry")
    on_calendar   = var.systemd.on_calendar
    crontab       = var.systemd.crontab
    max_minutes   = var.systemd.max_minutes
  }

  systemd_files = {
    "${local.unit}.service" = templatefile("${path.module}/templates/service.tftpl", local.unit_values)
    "${local.unit}.timer"   = templatefile("${path.module}/templates/timer.tftpl", local.unit_values)
    "crontab"               = templatefile("${path.module}/templates/crontab.tftpl", local.unit_values)
    "config.json"           = "${jsonencode(local.systemd_config)}\n"
    "INSTALL.md"            = templatefile("${path.module}/templates/INSTALL.md.tftpl", local.unit_values)
  }
}
