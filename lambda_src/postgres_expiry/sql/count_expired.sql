-- The backlog: how many rows are due, and when the oldest of them came due (seconds since 1970).
select count(*) as expired_rows, cast(min(${expires}) as double precision) as oldest_s
from only ${table}
where ${due}
