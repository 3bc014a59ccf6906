-- Where a page ends that could not be deleted, so that the walk can go on behind it.
select ${last}
from (
    select ${order}
    from only ${table}
    where ${due}
        ${after}
    order by ${order}
    limit ${batch_size}
) as last
order by ${order_backwards}
limit 1
