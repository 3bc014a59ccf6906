# ActingWeb's own rules on its table, for pg_cron: the handler's statements (actingweb.py), filled alike.
locals {
  is_actingweb = var.preset == "actingweb"

  system_partition = "'_actingweb_oauth2'"
  reuse_s          = 172800 # how long a used refresh token is held

  index_rules = [
    for rule in [
      { name = "mcp_access_tokens", index = "_access_token_index", target = "mcp_tokens", linked = "mcp_google_tokens", reused = false },
      { name = "mcp_refresh_tokens", index = "_refresh_token_index", target = "mcp_refresh_tokens", linked = "", reused = true },
      { name = "mcp_auth_codes", index = "_auth_code_index", target = "mcp_auth_codes", linked = "mcp_google_tokens", reused = false },
    ] : rule if local.is_actingweb
  ]

  expired_rules = [
    for rule in [
      { name = "oauth_sessions", bucket = "_oauth_sessions", ends = "data.created_at", plus_s = var.lifetimes.oauth_session_s },
      { name = "spa_access_tokens", bucket = "spa_access_tokens", ends = "data.expires_at", plus_s = 0 },
      { name = "spa_refresh_tokens", bucket = "spa_refresh_tokens", ends = "data.expires_at", plus_s = 0 },
    ] : rule if local.is_actingweb
  ]

  # A number of JSON as SQL; null where it is none.
  json_number = {
    for pair in setproduct(["data", "target.data"], ["created_at", "expires_at", "used_at"]) :
    join(".", pair) => format("(%s)", trimspace(templatefile("${local.sql_folder}/json_number.sql", { data = pair[0], field = pair[1] })))
  }

  expires_at = local.json_number["target.data.expires_at"]
  used_at    = local.json_number["target.data.used_at"]
  is_past    = "${local.expires_at} < expiry_run.cutoff"
  is_used_up = "target.data -> 'used' = 'true' and ${local.used_at} + ${local.reuse_s} < expiry_run.cutoff"

  attributes_table = format("%s.\"attributes\"", local.quoted[var.preset_schema])

  index_values = {
    for rule in local.index_rules : rule.name => {
      for page, cursor in {
        count = { after = "", limit = "" }
        first = { after = "", limit = "limit expiry_run.rows_wanted" }
        next  = { after = "and entry.bucket_name > expiry_rule.last_key", limit = "limit expiry_run.rows_wanted" }
        } : page => merge(cursor, {
          table         = local.attributes_table
          partition     = local.system_partition
          index_bucket  = "'${rule.index}'"
          target_bucket = "'${rule.target}'"
          linked_bucket = "'${rule.linked}'"
          link_field    = "'google_token_key'"
          cutoff        = "expiry_run.cutoff"
          target_dead   = rule.reused ? "(${local.is_past} or ${local.is_used_up})" : "(${local.is_past})"
          target_known  = "(${local.expires_at} is not null or target.ttl_timestamp is not null)"
      })
    }
  }

  index_statements = {
    for name, pages in local.index_values : name => {
      for page, values in pages : page => trimspace(templatefile(
        format("%s/%s.sql", local.sql_folder, page == "count" ? "count_index" : "delete_index_batch"),
        merge(values, { index_page = trimspace(templatefile("${local.sql_folder}/index_page.sql", values)) }),
      ))
    }
  }

  # As the rules of `tables`, but with their own proof, in the order of the key.
  preset_rules = [
    for rule in local.expired_rules : {
      name   = rule.name
      table  = local.attributes_table
      order  = ["\"id\"", "\"bucket_name\""]
      due    = "id = ${local.system_partition} and bucket = '${rule.bucket}' and (coalesce(ttl_timestamp < expiry_run.cutoff, false) or coalesce(${local.json_number[rule.ends]} + ${rule.plus_s} < expiry_run.cutoff, false))"
      expire = "cast(null as bigint)"
      size   = 500
      about  = "${rule.name}: what says itself that it has died"
    }
  ]

  rendered_index_rules = [
    for rule in local.index_rules : {
      name        = "'${rule.name}'"
      count       = local.index_statements[rule.name].count
      first_batch = local.index_statements[rule.name].first
      next_batch  = local.index_statements[rule.name].next
      batch_size  = floor(500 / 3) # an index row, its token, the provider's row of that
    }
  ]
}
