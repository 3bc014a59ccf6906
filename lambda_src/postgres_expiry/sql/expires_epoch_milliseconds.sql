${column} / 1000 + ${hold_s}
