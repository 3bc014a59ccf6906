select pg_total_relation_size(cast(${relation} as regclass)) as table_bytes
