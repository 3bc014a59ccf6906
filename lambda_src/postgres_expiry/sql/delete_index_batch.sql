-- One batch of index rows: dead targets go first, with the rows that they own, then the index rows
-- whose target went or was not there. All in one statement, so that nothing is done by halves.
with ${index_page},
locked as materialized (
    select target.ctid as target_place, target.id as actor,
        ${linked_bucket} || ':' || (target.data ->> ${link_field}) as link
    from only ${table} as target
    where target.ctid = any (array(select target_place from paired where stale or dead))
        and target.bucket = ${target_bucket}
        and (coalesce(target.ttl_timestamp < ${cutoff}, false) or coalesce(${target_dead}, false))
    for update skip locked
),
locked_links as materialized (
    select linked.ctid as link_place, linked.id as actor, linked.bucket_name as link
    from only ${table} as linked
    where (linked.id, linked.bucket_name) in (select actor, link from locked)
        and linked.bucket = ${linked_bucket}
    for update skip locked
),
-- A target whose own row somebody holds stays with it, until the next run.
free as materialized (
    select locked.target_place, held.link_place
    from locked
    left join locked_links as held on held.actor = locked.actor and held.link = locked.link
    where held.link_place is not null or not exists (
        select from only ${table} as linked
        where linked.id = locked.actor
            and linked.bucket_name = locked.link
            and linked.bucket = ${linked_bucket}
    )
),
deleted_targets as (
    delete from only ${table} as target
    where target.ctid = any (array(select target_place from free))
        and target.bucket = ${target_bucket}
        and (coalesce(target.ttl_timestamp < ${cutoff}, false) or coalesce(${target_dead}, false))
    returning target.id, target.bucket_name
),
deleted_links as (
    delete from only ${table} as linked
    where linked.ctid = any (array(select link_place from free))
        and linked.bucket = ${linked_bucket}
    returning 1
),
going as materialized (
    select paired.entry_place, paired.entry_key, paired.absent or paired.stale as orphaned
    from paired
    where paired.absent or exists (
        select from deleted_targets as gone
        where gone.id = paired.actor
            and gone.bucket_name = ${target_bucket} || ':' || paired.token
    )
),
locked_entries as materialized (
    select entry.ctid as entry_place
    from only ${table} as entry
    where entry.ctid = any (array(select entry_place from going))
        and entry.id = ${partition}
        and entry.bucket = ${index_bucket}
    for update skip locked
),
deleted_entries as (
    delete from only ${table} as entry
    where entry.ctid = any (array(select entry_place from locked_entries))
        and entry.id = ${partition}
        and entry.bucket = ${index_bucket}
    returning entry.bucket_name
)
select
    (select count(*) from page) as listed,
    (select count(*) from paired where absent or stale or dead) as candidates,
    (select count(*) from deleted_targets) as deleted_targets,
    (select count(*) from deleted_links) as deleted_links,
    (select count(*) from deleted_entries) as deleted_entries,
    (
        select count(*)
        from deleted_entries
        join going on going.entry_key = deleted_entries.bucket_name
        where going.orphaned
    ) as orphaned_entries,
    (
        select count(*)
        from deleted_targets as gone
        join paired
            on paired.actor = gone.id
            and gone.bucket_name = ${target_bucket} || ':' || paired.token
        where not paired.stale
    ) as expired_targets,
    (select max(entry_key) from page) as last_key
