extract(epoch from ${column}) + ${hold_s}
