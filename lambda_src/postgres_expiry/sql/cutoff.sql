select cast(floor(extract(epoch from clock_timestamp())) as bigint) - ${clock_skew_s}
