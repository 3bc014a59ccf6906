extract(epoch from ${column} at time zone 'UTC') + ${hold_s}
