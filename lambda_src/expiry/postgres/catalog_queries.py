"""
What is asked of pg_catalog; it runs on PostgreSQL 13 to 18.

A partition or a child by inheritance counts with its parent: a DELETE on the parent reaches it.
"""

from __future__ import annotations

SERVER = """
SELECT current_setting('server_version_num')::int, clock_timestamp(), pg_is_in_recovery(),
       current_setting('default_transaction_read_only')::bool
"""

# reltuples tells of the last ANALYZE: the rows a page then, and the pages now.
RELATION = """
WITH RECURSIVE target AS (
  SELECT c.* FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = :schema AND c.relname = :name
), tree AS (
  SELECT oid FROM target
  UNION SELECT i.inhrelid FROM pg_inherits i JOIN tree ON tree.oid = i.inhparent
), leaf AS (
  SELECT c.*, pg_relation_size(c.oid) AS bytes FROM tree JOIN pg_class c USING (oid)
  WHERE c.relkind IN ('r', 'm')
)
SELECT c.oid::bigint AS oid,
       c.relkind::text AS kind,
       ARRAY(SELECT oid::bigint FROM tree) AS tree,
       (SELECT n.nspname::text FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent
        JOIN pg_namespace n ON n.oid = p.relnamespace
        WHERE c.relispartition AND i.inhrelid = c.oid) AS parent_schema,
       (SELECT p.relname::text FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent
        WHERE c.relispartition AND i.inhrelid = c.oid) AS parent_name,
       (SELECT ARRAY(SELECT a.attname::text FROM unnest(t.partattrs) WITH ORDINALITY k (number, at)
                     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number
                     ORDER BY k.at)
        FROM pg_partitioned_table t WHERE t.partrelid = c.oid) AS partition_key,
       row_security_active(c.oid) AS row_security,
       ARRAY(SELECT DISTINCT t.tgname::text FROM pg_trigger t JOIN tree ON tree.oid = t.tgrelid
             WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 8 <> 0
             ORDER BY 1) AS delete_triggers,
       (SELECT CASE
          WHEN bool_or(bytes > 0 AND (reltuples < 0 OR relpages = 0)) THEN NULL
          ELSE ceil(coalesce(sum(reltuples / nullif(relpages, 0)
            * (bytes / current_setting('block_size')::int)) FILTER (WHERE bytes > 0), 0))
        END::bigint FROM leaf) AS row_estimate,
       (SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM leaf) AS total_bytes,
       has_schema_privilege(c.relnamespace, 'USAGE') AS schema_usage,
       has_table_privilege(c.oid, 'SELECT') AS may_select,
       has_table_privilege(c.oid, 'INSERT') AS may_insert,
       has_any_column_privilege(c.oid, 'UPDATE') AS may_update,
       has_table_privilege(c.oid, 'DELETE') AS may_delete
FROM target c
"""

COLUMNS = """
SELECT a.attname::text,
       format_type(base.oid, NULL),
       NOT a.attnotnull AND NOT base.not_null,
       a.attgenerated <> '' OR a.attidentity = 'a'
FROM pg_attribute a
CROSS JOIN LATERAL (
  WITH RECURSIVE layer AS (
    SELECT t.oid, t.typtype, t.typbasetype, t.typnotnull AS not_null
    FROM pg_type t WHERE t.oid = a.atttypid
    UNION ALL
    SELECT t.oid, t.typtype, t.typbasetype, layer.not_null OR t.typnotnull
    FROM layer JOIN pg_type t ON t.oid = layer.typbasetype
    WHERE layer.typtype = 'd'
  )
  SELECT oid, not_null FROM layer WHERE typtype <> 'd'
) base
WHERE a.attrelid = :oid AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""

# A column's name is NULL where the key has an expression, or an operator class that does not
# order as < does.
INDEXES = """
SELECT i.indrelid::bigint,
       c.relname::text,
       m.amname::text,
       ARRAY(SELECT CASE WHEN o.opcdefault THEN a.attname::text END
             FROM generate_series(0, i.indnkeyatts - 1) at
             JOIN pg_opclass o ON o.oid = i.indclass[at]
             LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[at]
                                         AND a.attnum <> 0
             ORDER BY at),
       i.indnkeyatts::int,
       i.indisunique,
       i.indisprimary,
       i.indisvalid AND i.indisready AND i.indislive,
       pg_get_expr(i.indpred, i.indrelid)
FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_am m ON m.oid = c.relam
WHERE i.indrelid = ANY (:tables::oid[])
ORDER BY c.relname
"""

# Each partition has a copy of its parent's keys, and each partition of what they refer to another:
# the copies are left out where their original is found too. As JSON, for columns that older
# versions do not have: those of SET NULL (15), and NOT ENFORCED (18).
FOREIGN_KEYS = """
SELECT k.conname::text,
       k.conrelid::bigint,
       n.nspname::text,
       c.relname::text,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u (number, at)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.number
             ORDER BY u.at),
       fn.nspname::text,
       f.relname::text,
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u (number, at)
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.number
             ORDER BY u.at),
       k.confdeltype::text,
       (SELECT bool_and(NOT a.attnotnull) FROM pg_attribute a
        WHERE a.attrelid = k.conrelid
          AND a.attnum = ANY (coalesce(nullif(s.numbers, '{}'), k.conkey))),
       k.convalidated,
       k.condeferred
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class f ON f.oid = k.confrelid
JOIN pg_namespace fn ON fn.oid = f.relnamespace
CROSS JOIN LATERAL (
  SELECT ARRAY(SELECT e::int2 FROM jsonb_array_elements_text(
    coalesce(nullif(to_jsonb(k) -> 'confdelsetcols', 'null'), '[]')) e) AS numbers
) s
WHERE k.contype = 'f'
  AND coalesce(to_jsonb(k) ->> 'conenforced', 'true') = 'true'
  AND CASE WHEN :incoming THEN k.confrelid ELSE k.conrelid END = ANY (:tables::oid[])
  AND NOT EXISTS (
    SELECT FROM pg_constraint p WHERE p.oid = k.conparentid
    AND CASE WHEN :incoming THEN p.confrelid ELSE p.conrelid END = ANY (:tables::oid[])
  )
ORDER BY 3, 4, 1
"""

ALIKE = """
SELECT n.nspname::text, c.relname::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')
  AND lower(c.relname) = lower(:name)
  AND n.nspname !~ '^pg_(toast|temp)'
ORDER BY n.nspname <> :schema, 1, 2
LIMIT 5
"""

TREES = """
WITH RECURSIVE tree AS (
  SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN unnest(:schemas::text[], :names::text[]) wanted (schema, name)
    ON wanted.schema = n.nspname AND wanted.name = c.relname
  UNION SELECT i.inhrelid FROM pg_inherits i JOIN tree ON tree.oid = i.inhparent
)
SELECT oid::bigint FROM tree
"""

# Without pg_monitor a replica's row is there, and all that it says is hidden.
REPLICA_LAG = """
SELECT count(*), count(state), coalesce(max(extract(epoch FROM replay_lag)), 0)::float8
FROM pg_stat_replication
"""
