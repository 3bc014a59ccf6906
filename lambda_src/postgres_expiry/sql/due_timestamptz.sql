${column} < to_timestamp(${cutoff} - ${hold_s})
