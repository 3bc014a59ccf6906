select max(coalesce(target.ttl_timestamp, ${ttl}) + ${buffer_s})
from only ${table} as target
where target.id = ${entry}.id
    and target.bucket = ${target_bucket}
    and target.data ->> ${link_field} = ${entry}.name
