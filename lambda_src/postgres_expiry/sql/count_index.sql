-- What a rule over index rows would find, and whether any target is there at all.
with ${index_page}
select count(*) as listed,
    count(*) filter (where not absent) as with_target,
    count(*) filter (where absent) as absent,
    count(*) filter (where stale) as stale,
    count(*) filter (where dead and not stale) as dead,
    count(*) filter (where unknown) as unknown,
    (
        select count(*)
        from only ${table} as entry
        where entry.id = ${partition}
            and entry.bucket = ${index_bucket}
            and (jsonb_typeof(entry.data) is distinct from 'string' or entry.data #>> '{}' = '')
    ) as unreadable
from paired
