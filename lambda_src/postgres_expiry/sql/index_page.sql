-- Index rows of one bucket, each beside its target: absent, stale (its storage TTL has passed),
-- dead (its own proof has come), or alive. Included by the statements that need it.
page as materialized (
    select entry.ctid as entry_place, entry.bucket_name as entry_key, entry.name as token,
        entry.data #>> '{}' as actor
    from only ${table} as entry
    where entry.id = ${partition}
        and entry.bucket = ${index_bucket}
        and jsonb_typeof(entry.data) = 'string'
        and entry.data #>> '{}' <> ''
        ${after}
    order by entry.bucket_name
    ${limit}
),
paired as materialized (
    select page.entry_place, page.entry_key, page.token, page.actor,
        target.ctid as target_place,
        target.id is null as absent,
        coalesce(target.ttl_timestamp < ${cutoff}, false) as stale,
        coalesce(${target_dead}, false) as dead,
        target.id is not null and not coalesce(${target_known}, false) as unknown
    from page
    left join only ${table} as target
        on target.id = page.actor
        and target.bucket_name = ${target_bucket} || ':' || page.token
        and target.bucket = ${target_bucket}
)
