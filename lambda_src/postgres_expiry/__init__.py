"""Delete expired rows from PostgreSQL, by Lambda, cron or systemd, as pg_cron would: one SQL."""
