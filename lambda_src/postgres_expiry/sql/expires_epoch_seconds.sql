${column} + ${hold_s}
