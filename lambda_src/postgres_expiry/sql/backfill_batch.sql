-- One batch of rows without a TTL: each gets the one that its own times say.
with page as materialized (
    select ctid as expiry_place, ${order}
    from only ${table}
    where ttl_timestamp is null
        and ${scope}
        and ${ttl} is not null
        ${after}
    order by ${order}
    limit ${batch_size}
),
locked as materialized (
    select ctid as expiry_place
    from only ${table}
    where ctid = any (array(select expiry_place from page))
        and ttl_timestamp is null
        and ${scope}
    for update skip locked
),
updated as (
    update only ${table}
    set ttl_timestamp = ${ttl}
    where ctid = any (array(select expiry_place from locked))
        and ttl_timestamp is null
        and ${scope}
        and ${ttl} is not null
    returning 1
)
select counts.listed, counts.updated, ${last}
from (
    select (select count(*) from page) as listed, (select count(*) from updated) as updated
) as counts
left join (
    select ${order} from page order by ${order_backwards} limit 1
) as last on true
