select coalesce(target.ttl_timestamp, ${ttl}) + ${buffer_s}
from only ${table} as target
where target.id = ${entry}.data #>> '{}'
    and target.bucket_name = ${target_bucket} || ':' || ${entry}.name
    and target.bucket = ${target_bucket}
