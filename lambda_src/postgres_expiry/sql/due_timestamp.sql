${column} < (to_timestamp(${cutoff} - ${hold_s}) at time zone 'UTC')
