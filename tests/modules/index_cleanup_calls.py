"""The calls of the module `index-cleanup` that its tests are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.modules.plan import Arguments

TABLE = {
    "name": "app_attributes",
    "arn": "arn:aws:dynamodb:eu-west-1:111122223333:table/app_attributes",
    "hash_key": "id",
    "range_key": "bucket_name",
    "ttl_attribute": "ttl_timestamp",
}
KEY = "arn:aws:kms:eu-west-1:111122223333:key/0d0c6d2c-6ae5-4c2a-9f0e-0f6a3f6c9e11"
TABLE_KEY = "arn:aws:kms:eu-west-1:111122223333:key/5a1f4a0e-7d7e-4bb1-8a53-6d0a1d9bb0f4"
TOPIC = "arn:aws:sns:eu-west-1:111122223333:on-call"
BOUNDARY = "arn:aws:iam::111122223333:policy/boundary"
PLAIN: Arguments = {"name": "cleanup", "table": TABLE, "preset": "actingweb"}

SESSIONS: dict[str, Any] = {
    "kind": "expired",
    "partition": "sessions",
    "sort_prefix": "s#",
    "expires": [{"at": "expires_at"}],
}
LINKED: dict[str, Any] = {
    **SESSIONS,
    "linked": [{"hash_key": "{hash_key}", "sort_key": "t#{data.ticket}"}],
    "json_attributes": ["data"],
}
# The target may come after its index row: only a transaction can tell that it is absent.
LATE: dict[str, Any] = {
    "kind": "orphan",
    "partition": "by-mail",
    "sort_prefix": "m#",
    "created_at": "created_at",
    "target": {"hash_key": "users", "sort_key": "u#{user}"},
}
EARLY: dict[str, Any] = {
    **LATE,
    "grace_s": 0,
    "target_written_first": True,
    "target": {"hash_key": "{user}", "sort_key": "profile"},
}
EVERYTHING: dict[str, Any] = {
    "kind": "orphan",
    "partition": "index",
    "entire_partition": True,
    "where": {"bucket": "index"},
    "json_attributes": ["data"],
    "separator": "#",
    "grace_s": 7200,
    "created_at": "data.created_at",
    "secret_key": True,
    "counts_as": "tokens",
    "target": {"hash_key": "{data.owner}", "sort_key": "t#{sort_key[1:]}", "where": {"kind": "t"}},
    "target_expired": [
        {"at": "data.expires_at"},
        {"at": "data.used_at", "plus_s": 60, "when": {"data.used": True}},
    ],
    "target_linked": [{"hash_key": "{hash_key}", "sort_key": "p#{data.p}", "where": {"k": "p"}}],
    "target_ttl_from": [{"at": "data.expires_at", "plus_s": 3600}],
    "ttl_after_target_s": 7200,
}


def with_rules(**rules: dict[str, Any]) -> Arguments:
    """Return a call with these rules."""
    return {"name": "cleanup", "table": TABLE, "rules": rules}


ACCEPTED: dict[str, Arguments] = {
    "plain": PLAIN,
    "everything": {
        **with_rules(index=EVERYTHING),
        "tags": {"Team": "identity"},
        "table": {**TABLE, "kms_key_arn": TABLE_KEY},
        "lifetimes": {"oauth_session_s": 300},
        "limits": {
            "max_deletes_per_run": 500,
            "max_orphan_percent": 5,
            "max_write_units_per_second": 50,
            "threads": 4,
        },
        "dry_run": True,
        "backfill": True,
        "single_writer_region": True,
        "application_log": {
            "log_group_name": "/aws/lambda/app",
            "token_messages": ["Made a token"],
        },
        "schedule": {"expression": "cron(0 */6 * * ? *)", "interval_minutes": 360},
        "function": {"memory_mb": 512, "architecture": "x86_64", "log_retention_days": 7},
        "alarms": {
            "topic_arns": [TOPIC],
            "silence_hours": 13,
            "item_count": 5000,
            "ttl_stopped_days": 2,
            "cleanup_errors": 9,
        },
        "metrics_namespace": "Mine/Cleanup",
        "kms_key_arn": KEY,
        "permissions_boundary_arn": BOUNDARY,
    },
    "preset-backfill": {**PLAIN, "backfill": True},
    "preset-lifetimes": {**PLAIN, "lifetimes": {"oauth_session_s": 300, "index_buffer_s": 60}},
    "expired-only": with_rules(sessions=SESSIONS),
    "linked": with_rules(sessions=LINKED),
    "late": with_rules(mail=LATE),
    "early": with_rules(mail=EARLY),
    "two": with_rules(sessions=SESSIONS, mail=LATE),
    "entire": with_rules(all={**SESSIONS, "sort_prefix": "", "entire_partition": True}),
    "logged": {**PLAIN, "application_log": {"log_group_name": "/aws/lambda/app"}},
    "silent": {**PLAIN, "alarms": {"enabled": False}},
    "thresholds-off": {
        **PLAIN,
        "alarms": {
            "item_count": 0,
            "ttl_stopped_days": 0,
            "cleanup_errors": 0,
            "error_rate_percent": 0,
            "duration_percent": 0,
        },
    },
    "weekly": {
        **PLAIN,
        "schedule": {"expression": "rate(3 days)"},
        "alarms": {"silence_hours": 80, "ttl_stopped_days": 0},
    },
    "hourly": {**PLAIN, "schedule": {"expression": "rate(1 hour)"}},
    "paused": {**PLAIN, "schedule": {"enabled": False}},
    "own-zip": {**PLAIN, "artifact": {"s3": {"bucket": "zips", "key": "index_cleanup.zip"}}},
    "path": {**PLAIN, "function": {"role_path": "/expiry/"}},
    "long": {**PLAIN, "name": "n" * 100},
    "longer": {**PLAIN, "name": "n" * 101},
}
