"""The calls of the module `postgres-expiry` that its tests are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.modules.plan import Arguments

PASSWORD_ARN = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:rds!db-0f6a-AbCdEf"  # noqa: S105 - where one is
DECRYPTING = "arn:aws:kms:eu-west-1:111122223333:key/5a1f4a0e-7d7e-4bb1-8a53-6d0a1d9bb0f4"
KEY = "arn:aws:kms:eu-west-1:111122223333:key/0d0c6d2c-6ae5-4c2a-9f0e-0f6a3f6c9e11"
TOPIC = "arn:aws:sns:eu-west-1:111122223333:on-call"
BOUNDARY = "arn:aws:iam::111122223333:policy/boundary"
HOST = "app.cluster-abc.eu-west-1.rds.amazonaws.com"
DATABASE: dict[str, Any] = {
    "host": HOST,
    "name": "app",
    "user": "expiry",
    "secret_arn": PASSWORD_ARN,
}
BY_TOKEN = {
    "host": HOST,
    "name": "app",
    "user": "expiry",
    "iam_auth": True,
    "db_resource_id": "cluster-ABCDEFGHIJKL0123",
}
VPC = {"subnet_ids": ["subnet-0a", "subnet-0b"], "security_group_ids": ["sg-0a"]}
SESSIONS = {"table": "sessions", "expiry": {"column": "expires_at", "kind": "timestamptz"}}
TABLES = {"sessions": SESSIONS}
EVERY_KIND = {
    "seconds": {
        "table": "seconds",
        "expiry": {"column": "expires", "kind": "epoch_seconds"},
        "key": ["id"],
        "batch_size": 10,
    },
    "millis": {
        "schema": 'of "quotes" and $',
        "table": "it's",
        "expiry": {"column": "Made At", "kind": "epoch_milliseconds", "lifetime_s": 3600},
        "where": [
            {"column": "state", "operator": "=", "value": "it's done"},
            {"column": "weight", "operator": ">=", "value": "1.5"},
            {"column": "held", "operator": "is null"},
        ],
        "key": ["Made At", "id"],
        "grace_s": 60,
        "batch_size": 3,
    },
    "zoned": {
        "table": "zoned",
        "expiry": {"column": "expires", "kind": "timestamptz"},
        "where": [{"column": "kept", "operator": "<>", "value": "true"}],
        "key": ["id", "part"],
        "allow_sequential_scan": True,
    },
    "unzoned": {
        "table": "unzoned",
        "expiry": {"column": "expires", "kind": "timestamp"},
        "key": ["id"],
    },
}
PLAIN: Arguments = {"name": "expiry", "database": DATABASE, "tables": TABLES}
INSIDE: Arguments = {"name": "expiry", "database": DATABASE, "run_by": ["pg_cron"]}

ACCEPTED: dict[str, Arguments] = {
    "plain": PLAIN,
    "actingweb": {"name": "expiry", "database": DATABASE, "preset": "actingweb"},
    "everything": {
        "name": "expiry",
        "tags": {"Team": "platform"},
        "run_by": ["lambda", "pg_cron", "systemd"],
        "database": {
            **DATABASE,
            "port": 6432,
            "secret_kms_key_arn": DECRYPTING,
            "ca_bundle": "/etc/ssl/own/ca.pem",
        },
        "tables": EVERY_KIND,
        "limits": {
            "max_deletes_per_run": 5_000_000,
            "max_rows_per_second": 1_000,
            "latency_target_ms": 50,
            "max_replica_lag_s": 30,
            "clock_skew_s": 5,
        },
        "dry_run": True,
        "schedule": {"expression": "rate(1 hour)"},
        "function": {
            "memory_mb": 512,
            "architecture": "x86_64",
            "log_retention_days": 7,
            "layers": ["arn:aws:lambda:eu-west-1:111122223333:layer:ca:1"],
            "vpc": {**VPC, "secrets_manager_by": "endpoint"},
        },
        "pg_cron": {
            "schedule": "*/5 * * * *",
            "cron_database": "postgres",
            "schema": "upkeep",
            "history_days": 3,
            "max_minutes": 4,
        },
        "systemd": {
            "on_calendar": "hourly",
            "crontab": "7 * * * *",
            "python": "/usr/local/python/bin/python3",
            "zip_path": "/srv/expiry.zip",
            "config_path": "/srv/config.json",
            "password_path": "/srv/password",
            "user": "upkeep",
            "max_minutes": 30,
        },
        "alarms": {
            "topic_arns": [TOPIC],
            "silence_hours": 3,
            "cleanup_errors": 9,
            "backlog_rows": 500,
            "backlog_days": 2,
        },
        "metrics_namespace": "Mine/Expiry",
        "kms_key_arn": KEY,
        "permissions_boundary_arn": BOUNDARY,
    },
    "by-token": {**PLAIN, "database": BY_TOKEN, "function": {"vpc": VPC}},
    "schema-and-lifetimes": {
        "name": "expiry",
        "database": DATABASE,
        "preset": "actingweb",
        "preset_schema": "acting",
        "lifetimes": {"oauth_session_s": 60},
        "run_by": ["lambda", "systemd"],
    },
    "in-vpc": {**PLAIN, "function": {"vpc": VPC}},
    "loopback": {**PLAIN, "database": {**DATABASE, "host": "127.0.0.1", "tls": "disable"}},
    "inside": {**INSIDE, "tables": EVERY_KIND},
    "inside-actingweb": {**INSIDE, "preset": "actingweb"},
    "timer": {
        "name": "expiry",
        "run_by": ["systemd"],
        "database": {"host": HOST, "name": "app", "user": "expiry"},
        "tables": TABLES,
    },
    "silent": {**PLAIN, "alarms": {"enabled": False}},
    "thresholds-off": {
        **PLAIN,
        "alarms": {
            "cleanup_errors": 0,
            "backlog_rows": 0,
            "error_rate_percent": 0,
            "duration_percent": 0,
        },
    },
    "paused": {**PLAIN, "schedule": {"enabled": False}},
    "two-days": {
        **PLAIN,
        "schedule": {"expression": "rate(2 days)"},
        "alarms": {"silence_hours": 60},
    },
    "own-zip": {**PLAIN, "artifact": {"s3": {"bucket": "zips", "key": "postgres_expiry.zip"}}},
    "path": {**PLAIN, "function": {"role_path": "/expiry/"}},
    "long": {**PLAIN, "name": "n" * 100, "run_by": ["lambda", "pg_cron"], "tables": EVERY_KIND},
    "longer": {**PLAIN, "name": "n" * 101, "run_by": ["lambda", "pg_cron"], "tables": EVERY_KIND},
}
