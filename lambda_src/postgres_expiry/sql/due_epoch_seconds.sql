${column} < ${cutoff} - ${hold_s}
