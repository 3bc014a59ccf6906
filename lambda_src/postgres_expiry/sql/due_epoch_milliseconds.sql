${column} < (${cutoff} - ${hold_s}) * 1000
