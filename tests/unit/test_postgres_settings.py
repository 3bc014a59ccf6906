"""
The expiry's settings, tables and request: every fault is named before the database is asked.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from expiry.errors import EventError, SettingsError
from expiry.postgres.conditions import Condition
from expiry.postgres.settings import PasswordSource
from expiry.postgres.tls import Tls
from postgres_expiry.lifetimes import Lifetimes
from postgres_expiry.request import Operation, Request
from postgres_expiry.settings import Settings
from postgres_expiry.tables import Expiry, Kind, TableRule

SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-AbCdEf"  # noqa: S105 - a name
ENVIRONMENT = {
    "PG_DB_HOST": "db.example.com",
    "PG_DB_NAME": "app",
    "PG_DB_USER": "expiry",
    "PG_SECRET_ARN": SECRET,
    "PRESET": "actingweb",
}
TABLE: dict[str, Any] = {"table": "t", "expiry": {"column": "c", "kind": "timestamptz"}}


def refusal(**variables: str) -> str:
    """Return the message of the error in which settings have to end."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(ENVIRONMENT | variables)
    return str(caught.value)


def tables(entry: object) -> dict[str, str]:
    """Return the variables for one table."""
    return {"PRESET": "", "TABLES": json.dumps({"rule": entry})}


def test_settings_of_the_preset_need_no_more_than_the_server() -> None:
    """Everything else has the documented default."""
    settings = Settings.from_env(ENVIRONMENT)

    assert (settings.server.port, settings.server.tls) == (5432, Tls.VERIFY_FULL)
    assert settings.password == PasswordSource(secret_arn=SECRET)
    assert settings.preset is not None
    assert settings.preset.lifetimes == Lifetimes()
    assert settings.tables["attributes"] == TableRule(
        "attributes",
        "attributes",
        Expiry("ttl_timestamp", Kind.EPOCH_SECONDS),
        key=("id", "bucket_name"),
    )
    assert (settings.dry_run, settings.max_deletes, settings.clock_skew_s) == (False, 1_000_000, 60)
    assert (settings.latency_target_ms, settings.max_rows_per_s) == (200, 0.0)
    assert settings.max_replica_lag_s == 0.0


def test_settings_name_every_fault_at_once() -> None:
    """One error, not one a deployment."""
    message = refusal(
        PG_DB_HOST="", PG_DB_PORT="0", PG_TLS="prefer", PG_IAM_AUTH="true", DRY_RUN="no"
    )

    for fault in (
        "PG_DB_HOST is not set",
        "PG_DB_PORT must be from 1",
        "PG_TLS must be verify-full or disable",
        "exactly one of PG_SECRET_ARN, PG_IAM_AUTH=true, PG_PASSWORD_FILE",
        "DRY_RUN must be true or false",
    ):
        assert fault in message


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"PG_TLS": "disable"}, "PG_TLS: "),
        ({"PG_SECRET_ARN": ""}, "exactly one of PG_SECRET_ARN"),
        ({"PG_SECRET_ARN": "password"}, "PG_SECRET_ARN must match"),
        ({"PRESET": ""}, "exactly one of PRESET and TABLES"),
        ({"TABLES": json.dumps({"t": TABLE})}, "exactly one of PRESET and TABLES"),
        ({"PRESET": "django"}, "PRESET must be actingweb"),
        ({"LIFETIMES": "{"}, "LIFETIMES is no JSON"),
        ({"LIFETIMES": '{"oauth_session": 1}'}, "LIFETIMES has unknown 'oauth_session'"),
        ({"LIFETIMES": '{"oauth_session_s": 0}'}, "LIFETIMES.oauth_session_s must be from 1"),
        ({"PRESET": "", "TABLES": "[]"}, "TABLES must be a JSON object"),
        ({"PRESET": "", "TABLES": "{}"}, "TABLES must be a JSON object"),
        ({"PRESET": "", "TABLES": "no"}, "TABLES is no JSON"),
        (tables([]), "table must be an object"),
        (tables(TABLE | {"wher": []}), "table has unknown 'wher'"),
        (tables(TABLE | {"table": ""}), "table.table must be a name of PostgreSQL"),
        (tables(TABLE | {"table": "x" * 64}), "table.table must be a name of PostgreSQL"),
        (tables(TABLE | {"expiry": {"column": "c", "kind": "date"}}), "expiry.kind must be one of"),
        (tables(TABLE | {"grace_s": -1}), "table.grace_s must be a whole number from 0"),
        (tables(TABLE | {"batch_size": True}), "table.batch_size must be a whole number"),
        (tables(TABLE | {"batch_size": 1.5}), "table.batch_size must be a whole number"),
        (tables(TABLE | {"key": "id"}), "table.key must be a list of columns"),
        (tables(TABLE | {"allow_sequential_scan": "yes"}), "must be true or false"),
        (tables(TABLE | {"where": {"column": "c"}}), "table.where must be a list"),
        (
            tables(TABLE | {"where": [{"column": "c", "operator": "; drop"}]}),
            "where.operator must be one of",
        ),
        (tables(TABLE | {"where": [{"column": "c", "operator": "="}]}), "needs a value"),
        (
            tables(TABLE | {"where": [{"column": "c", "operator": "is null", "value": 1}]}),
            "takes no value",
        ),
    ],
)
def test_settings_refuse(variables: dict[str, str], message: str) -> None:
    """A misspelt key, an operator of one's own, a whole table by omission: none of it runs."""
    assert message in refusal(**variables)


def test_tables_take_what_terraform_writes() -> None:
    """Nulls are what was left out, and a number may have come as one with a fraction."""
    entry = TABLE | {"key": None, "grace_s": 5.0, "where": None, "batch_size": None}
    condition = {"column": "n", "operator": "is not null", "value": None}

    (rule,) = Settings.from_env(ENVIRONMENT | tables(entry)).tables.values()
    (other,) = Settings.from_env(
        ENVIRONMENT | tables(TABLE | {"where": [condition]})
    ).tables.values()

    assert (rule.grace_s, rule.batch_size, rule.where, rule.schema) == (5, 500, (), "public")
    assert other.where == (Condition("n", "is not null"),)


def test_lifetimes_are_those_of_the_other_preset() -> None:
    """One table of lifetimes, for both stores."""
    path = Path(__file__).parents[2] / "lambda_src" / "index_cleanup" / "actingweb.json"
    preset = json.loads(path.read_text(encoding="utf-8"))

    assert Lifetimes(**preset["lifetimes"]) == Lifetimes()


def test_request_takes_its_keys_and_a_schedules_event() -> None:
    """And a schedule's own event is a run with defaults."""
    event = {"dryRun": True, "limit": 5, "tables": ["a", "b"], "operation": "backfill"}

    assert Request.parse(event) == Request(
        dry_run=True, limit=5, operation=Operation.BACKFILL, tables=frozenset({"a", "b"})
    )
    assert Request.parse({"source": "aws.scheduler", "detail": {}}) == Request()
    assert Request.parse({}) == Request()


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"dryrun": True}, "unknown key 'dryrun'"),
        ({"dryRun": "true"}, "dryRun must be true or false"),
        ({"tables": []}, "tables must be a list"),
        ({"tables": "rows", "limit": -1}, "tables must be a list .*; limit must be"),
        ({"operation": "restore"}, "operation must be clean or backfill"),
        ([], "must be a JSON object"),
    ],
)
def test_request_refuses_what_it_does_not_know(event: Any, message: str) -> None:
    """A misspelt dryRun must not become a real run."""
    with pytest.raises(EventError, match=message):
        Request.parse(event)
