locals {
  # The handler's PLAN: what is left out here keeps the handler's default there, and the environment small. Where a thing is a
  # text or an object it is picked by its index: the two sides of a condition must be of one type.
  plan_json = jsonencode({
    for key, value in {
      root = { for key, value in {
        schema     = var.root.schema
        table      = var.root.table
        key        = var.root.key
        deleted_at = var.root.deleted_at
        hold       = var.root.hold
        where      = length(var.root.where) == 0 ? null : [for w in var.root.where : { for k, v in w : k => v if v != null }]
      } : key => value if value != null }

      release = length(var.release) == 0 ? null : {
        for name, r in var.release : name => { for key, value in {
          schema         = r.schema
          table          = r.table
          path           = [for step in r.path : { column = step.column, references = [step.to, step.references][step.references == null ? 0 : 1] }]
          set            = r.set
          allow_unlocked = r.allow_unlocked ? true : null
        } : key => value if value != null }
      }

      shared = length(var.shared) == 0 ? null : {
        for name, s in var.shared : name => { for key, value in {
          schema = s.schema
          table  = s.table
          key    = s.key
          link   = s.link
          also_referenced_by = length(s.also_referenced_by) == 0 ? null : [
            for r in s.also_referenced_by : { for k, v in r : k => v if v != null && (k != "schema" || r.own_column_not_null == null) }
          ]
          allow_unlocked = s.allow_unlocked ? true : null
        } : key => value if value != null }
      }

      objects = length(var.objects) == 0 ? null : {
        for name, o in var.objects : name => { for key, value in {
          of = [
            {
              schema = coalesce(o.schema, "public")
              table  = o.table
              path   = [for step in o.path : { column = step.column, references = [step.to, step.references][step.references == null ? 0 : 1] }]
            },
            o.of,
          ][o.of == null ? 0 : 1]
          column         = o.column
          url_prefix     = o.url_prefix
          key_prefix     = o.key_prefix
          allow_unlocked = o.allow_unlocked ? true : null
        } : key => value if value != null }
      }
    } : key => value if value != null
  })
}
