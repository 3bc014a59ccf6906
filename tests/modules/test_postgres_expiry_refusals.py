"""What the module `postgres-expiry` refuses at plan, and what it says then."""

from __future__ import annotations

from typing import Any

import pytest

from tests.modules.messages import refusal_messages
from tests.modules.plan import Arguments, refusals
from tests.modules.postgres_expiry_calls import (
    BY_TOKEN,
    DATABASE,
    DECRYPTING,
    EVERY_KIND,
    INSIDE,
    PLAIN,
    SESSIONS,
    VPC,
)

# What says nothing of the function is asked without one: such a plan is quicker.
LIGHT: Arguments = {**PLAIN, "run_by": ["systemd"]}


def database(**changes: object) -> Arguments:
    """Return a call with another database; None leaves an attribute out."""
    changed = {**DATABASE, **changes}
    return {**PLAIN, "database": {k: v for k, v in changed.items() if v is not None}}


def token(**changes: object) -> Arguments:
    """Return a call with IAM authentication."""
    changed: dict[str, Any] = {**BY_TOKEN, **changes}
    return {**PLAIN, "database": {k: v for k, v in changed.items() if v is not None}}


def table(**changes: object) -> Arguments:
    """Return a call with another table."""
    return {**LIGHT, "tables": {"sessions": {**SESSIONS, **changes}}}


def expiry(**changes: object) -> Arguments:
    """Return a call with another expiry."""
    return table(expiry={"column": "expires_at", "kind": "timestamptz", **changes})


def where(**condition: object) -> Arguments:
    """Return a call with a condition."""
    return table(where=[condition])


def pg_cron(**changes: object) -> Arguments:
    """Return a call with another job."""
    return {**INSIDE, "tables": EVERY_KIND, "pg_cron": changes}


def systemd(**changes: object) -> Arguments:
    """Return a call with another unit."""
    return {**LIGHT, "systemd": changes}


def limits(**changes: float) -> Arguments:
    """Return a call with these limits."""
    return {**LIGHT, "limits": changes}


REFUSED: dict[str, tuple[Arguments, str]] = {
    "name": ({**PLAIN, "name": "a b"}, "name starts with a letter or digit"),
    "run-by": ({**PLAIN, "run_by": ["cron"]}, "run_by names at least one of"),
    "run-by-nobody": ({**PLAIN, "run_by": []}, "run_by names at least one of"),
    "no-database": (
        {"name": "expiry", "tables": PLAIN["tables"]},
        'argument "database" is required',
    ),
    "host": (database(host="db.example.com:5432"), "without a port"),
    "empty-host": (database(host=""), "without a port"),
    "port": (database(port=0), "database.port is a whole number"),
    "user": (database(user=""), "are 1 to 63 characters each"),
    "long-name": (database(name="n" * 64), "are 1 to 63 characters each"),
    "secret": (database(secret_arn="mysecret"), "is the whole ARN of a secret"),  # noqa: S106 - where one is
    "no-password": (database(secret_arn=None), "exactly one of secret_arn and iam_auth"),
    "two-passwords": (
        database(iam_auth=True, db_resource_id="db-ABC"),
        "exactly one of secret_arn and iam_auth",
    ),
    "no-resource": (token(db_resource_id=None), "iam_auth needs db_resource_id"),
    "resource-name": (token(db_resource_id="mydb"), "begins with db-, cluster- or prx-"),
    "every-user": (token(user="*"), "'*' would mean every user"),
    "token-in-the-open": (
        token(tls="disable", host="127.0.0.1"),
        "must be verify-full with iam_auth",
    ),
    "key-without-secret": (token(secret_kms_key_arn=DECRYPTING), "and goes with it"),
    "secret-key": (database(secret_kms_key_arn="alias/mine"), "and goes with it"),  # noqa: S106 - where one is
    "tls": (database(tls="require"), "Nothing between the two"),
    "tls-off": (database(tls="disable"), "is for a loopback host only"),
    "tls-off-alike": (
        database(tls="disable", host="127.0.0.1.example.com"),
        "is for a loopback host only",
    ),
    "ca": (database(ca_bundle="ca.pem"), "is the absolute path of a file"),
    "preset": (
        {"name": "expiry", "database": DATABASE, "preset": "other"},
        "preset is actingweb",
    ),
    "preset-and-tables": ({**LIGHT, "preset": "actingweb"}, "exactly one of tables and preset"),
    "nothing": ({"name": "expiry", "database": DATABASE}, "exactly one of tables and preset"),
    "preset-schema": (
        {"name": "expiry", "database": DATABASE, "preset": "actingweb", "preset_schema": ""},
        "preset_schema is the name of a schema",
    ),
    "lifetimes": (
        {"name": "e", "database": DATABASE, "preset": "actingweb"}
        | {"lifetimes": {"oauth_session_s": 0}},
        "lifetimes are whole numbers of seconds",
    ),
    "rule-name": ({**LIGHT, "tables": {"my sessions": SESSIONS}}, "A name in tables starts"),
    "column": (table(table=""), "Schemas, tables and columns in tables"),
    "quoted-by": (table(table="a$expiry$b"), "by which the rendered SQL is quoted"),
    "same-twice": (
        {**LIGHT, "tables": {"one": SESSIONS, "two": SESSIONS}},
        "Two of tables say the same",
    ),
    "kind": (expiry(kind="date"), "expiry.kind is epoch_seconds"),
    "lifetime": (expiry(lifetime_s=0), "expiry.lifetime_s is a whole number"),
    "operator": (
        where(column="a", operator="like", value="%"),
        "where.operator is one of",
    ),
    "no-value": (where(column="a", operator="="), "where.value goes with every operator but"),
    "value-of-null": (
        where(column="a", operator="is null", value="x"),
        "where.value goes with every operator but",
    ),
    "grace": (table(grace_s=-1), "grace_s is a whole number"),
    "batch": (table(batch_size=0), "batch_size is a whole number"),
    "no-key": ({**INSIDE, "tables": {"sessions": SESSIONS}}, "tables need key with pg_cron"),
    "key-twice": (
        {**INSIDE, "tables": {"sessions": {**SESSIONS, "key": ["id", "id"]}}},
        "tables need key with pg_cron",
    ),
    "deletes": (limits(max_deletes_per_run=0), "limits.max_deletes_per_run is a whole number"),
    "rows": (limits(max_rows_per_second=-1), "limits.max_rows_per_second is 0"),
    "latency": (limits(latency_target_ms=0), "limits.latency_target_ms is a whole number"),
    "lag": (limits(max_replica_lag_s=-1), "limits.max_replica_lag_s is 0"),
    "skew": (limits(clock_skew_s=-1), "limits.clock_skew_s is a whole number"),
    "cron": (
        {**PLAIN, "schedule": {"expression": "cron(0 * * * ? *)"}},
        "schedule.interval_minutes is missing",
    ),
    "rate-interval": (
        {**PLAIN, "schedule": {"expression": "rate(1 hour)", "interval_minutes": 60}},
        "goes with a cron expression only",
    ),
    "timeout": ({**PLAIN, "function": {"timeout_s": 30}}, "function.timeout_s is 60 to 900"),
    "log-level": ({**PLAIN, "function": {"log_level": "WARN"}}, "is DEBUG or INFO"),
    "way-to-the-secret": (
        {**PLAIN, "function": {"vpc": {**VPC, "secrets_manager_by": "luck"}}},
        "is endpoint or nat",
    ),
    "job-schedule": (pg_cron(schedule="daily"), "has five fields"),
    "job-schema": (pg_cron(schema="public"), "a schema of its own"),
    "job-database": (pg_cron(cron_database=""), "is the name of a database"),
    "job-history": (pg_cron(history_days=0), "pg_cron.history_days is a whole number"),
    "job-minutes": (pg_cron(max_minutes=0), "pg_cron.max_minutes is a whole number"),
    "calendar": (systemd(on_calendar="daily\nx"), "a calendar event on one line"),
    "crontab": (systemd(crontab="@daily"), "has crontab's five fields"),
    "path": (systemd(password_path="pass word"), "are absolute paths of letters"),  # noqa: S106 - where one is
    "root": (systemd(user="root"), "other than root"),
    "unit-minutes": (systemd(max_minutes=0), "systemd.max_minutes is a whole number"),
    "silence": ({**PLAIN, "alarms": {"silence_hours": 169}}, "1 to 168"),
    "silence-too-short": (
        {**PLAIN, "alarms": {"silence_hours": 24}},
        "must be longer than alarms.interval_minutes",
    ),
    "errors": ({**PLAIN, "alarms": {"cleanup_errors": -1}}, "alarms.cleanup_errors is 0 (off)"),
    "backlog": ({**PLAIN, "alarms": {"backlog_rows": -1}}, "alarms.backlog_rows is 0 (off)"),
    "backlog-days": ({**PLAIN, "alarms": {"backlog_days": 7}}, "alarms.backlog_days is a whole"),
    "namespace": ({**PLAIN, "metrics_namespace": "AWS/Mine"}, "does not begin with AWS/"),
    "artifact": ({**PLAIN, "artifact": {}}, "exactly one of path and s3"),
    "altered-zip": (
        {
            **PLAIN,
            "artifact": {"path": "calls/altered-zip/artifacts/SHA256SUMS", "sha256": "0" * 64},
        },
        "Run `python build.py`",
    ),
}


@pytest.fixture(scope="module")
def refused() -> dict[str, str]:
    """Collect the reasons of every refused call, once."""
    return refusals("postgres-expiry", {name: call for name, (call, _) in REFUSED.items()})


@pytest.mark.parametrize("case", REFUSED)
def test_postgres_expiry_wrong_argument_is_refused_with_a_remedy(
    case: str, refused: dict[str, str]
) -> None:
    """Each mistake fails the plan, and the message names what to change."""
    assert REFUSED[case][1] in " ".join(refused[case].split())


def test_postgres_expiry_every_refusal_is_tried(refused: dict[str, str]) -> None:
    """No validation is there that no call of this file has met."""
    met = "\n".join(refused.values())

    assert [text for text in refusal_messages("postgres-expiry") if text not in met] == []
