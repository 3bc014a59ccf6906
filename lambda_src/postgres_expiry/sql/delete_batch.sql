-- One batch: the next rows that are due, in the order of expiry and key, after the last one.
-- The page is read without locks, so that the cursor always moves on. What others hold is skipped,
-- and what has changed since then is no longer due, or is no longer in its place.
with page as materialized (
    select ctid as expiry_place, ${order}
    from only ${table}
    where ${due}
        ${after}
    order by ${order}
    limit ${batch_size}
),
locked as materialized (
    select ctid as expiry_place
    from only ${table}
    where ctid = any (array(select expiry_place from page))
        and ${due}
    for update skip locked
),
deleted as (
    delete from only ${table}
    where ctid = any (array(select expiry_place from locked))
        and ${due}
    returning 1
)
select counts.listed, counts.deleted, ${last}
from (
    select (select count(*) from page) as listed, (select count(*) from deleted) as deleted
) as counts
left join (
    select ${order} from page order by ${order_backwards} limit 1
) as last on true
