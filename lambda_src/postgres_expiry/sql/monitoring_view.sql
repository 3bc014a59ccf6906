create or replace view ${view} as
select
    count(*) filter (where ${column} is null) as permanent_rows,
    count(*) filter (where ${column} is not null and not (${due})) as active_ttl_rows,
    count(*) filter (where ${due}) as expired_rows,
    pg_size_pretty(pg_total_relation_size(cast(${relation} as regclass))) as table_size
from only ${table}
where ${scope}
