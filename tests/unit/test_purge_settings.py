"""
The purge's settings and request: every fault is named before the database is asked.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from expiry.errors import EventError, SettingsError
from expiry.postgres.settings import PasswordSource
from expiry.postgres.tls import Tls
from soft_delete_purge.request import Operation, Request
from soft_delete_purge.settings import COUNTERS, Settings, Transaction

SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-AbCdEf"  # noqa: S105 - a name
ROOT = {"table": "mocs", "key": "id", "deleted_at": "deleted_at"}
FILES = {"files": {"of": "root", "column": "file"}}
ENVIRONMENT = {
    "PG_DB_HOST": "db.example.com",
    "PG_DB_NAME": "app",
    "PG_DB_USER": "purge",
    "PG_SECRET_ARN": SECRET,
    "RETENTION_DAYS": "30",
    "PLAN": json.dumps({"root": ROOT}),
}


def refusal(**variables: str) -> str:
    """Return the message of the error in which settings have to end."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(ENVIRONMENT | variables)
    return str(caught.value)


def test_settings_need_no_more_than_server_retention_and_plan() -> None:
    """Everything else has the documented default."""
    settings = Settings.from_env(ENVIRONMENT)

    assert settings.server.tls is Tls.VERIFY_FULL
    assert settings.password == PasswordSource(secret_arn=SECRET)
    assert settings.plan.root.deleted_at == "deleted_at"
    assert (settings.retention_days, settings.max_records) == (30, 100)
    assert (settings.max_purge_percent, settings.max_records_per_s) == (20.0, 0.0)
    assert settings.transaction is Transaction.RECORD
    assert (settings.max_attempts, settings.clock_skew_s) == (3, 60)
    assert (settings.event_name, settings.dry_run) == ("moc.cleanup", False)
    assert (settings.bucket, settings.retry_queue_url, settings.dead_letter_queue_url) == (
        None,
        None,
        None,
    )
    assert (settings.metric_names, settings.metrics_namespace) == ({}, None)


def test_settings_take_all_that_the_module_sets() -> None:
    """Each variable reaches its setting."""
    settings = Settings.from_env(
        ENVIRONMENT
        | {
            "PLAN": json.dumps({"root": ROOT, "objects": FILES}),
            "BUCKET": "files",
            "BUCKET_OWNER_ACCOUNT_ID": "111122223333",
            "RETENTION_DAYS": "60",
            "MINIMUM_RETENTION_DAYS": "60",
            "BATCH_SIZE": "10000",
            "MAX_PURGE_PERCENT": "2.5",
            "TRANSACTION": "batch",
            "MAX_RECORDS_PER_SECOND": "0.5",
            "EVENT_NAME": "doc.purge",
            "CORRELATION_KEY": "trace_id",
            "RETRY_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/1/retry",
            "DEAD_LETTER_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/1/resting",
            "MAX_ATTEMPTS": "5",
            "DRY_RUN": "true",
            "CLOCK_SKEW_S": "0",
            "METRIC_NAMES": '{"BricksReturned": "PartsReturned"}',
            "METRICS_NAMESPACE": "App/Purge",
        }
    )

    assert (settings.bucket, settings.bucket_owner_account_id) == ("files", "111122223333")
    assert (settings.retention_days, settings.max_records) == (60, 10_000)
    assert (settings.max_purge_percent, settings.max_records_per_s) == (2.5, 0.5)
    assert settings.transaction is Transaction.BATCH
    assert (settings.event_name, settings.max_attempts) == ("doc.purge", 5)
    assert settings.correlation_key == "trace_id"
    assert (settings.dry_run, settings.clock_skew_s) == (True, 0)
    assert str(settings.retry_queue_url).endswith("/retry")
    assert str(settings.dead_letter_queue_url).endswith("/resting")
    assert settings.metric_names == {"BricksReturned": "PartsReturned"}
    assert settings.metrics_namespace == "App/Purge"


def test_settings_name_every_fault_at_once() -> None:
    """One error, not one a deployment; the plan's faults are among them."""
    message = refusal(
        PG_DB_HOST="",
        RETENTION_DAYS="",
        PLAN=json.dumps({"root": ROOT, "release": {"x": {"table": "t"}}}),
        TRANSACTION="all",
        DRY_RUN="no",
    )

    for fault in (
        "PG_DB_HOST is not set",
        "RETENTION_DAYS is not set",
        "PLAN.release.x",
        "TRANSACTION must be record or batch, not 'all'",
        "DRY_RUN must be true or false",
    ):
        assert fault in message


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"RETENTION_DAYS": "0"}, "RETENTION_DAYS must be from 1"),
        ({"RETENTION_DAYS": "-5"}, "RETENTION_DAYS must be from 1"),
        ({"RETENTION_DAYS": "30.5"}, "RETENTION_DAYS must be a whole number"),
        (
            {"RETENTION_DAYS": "30", "MINIMUM_RETENTION_DAYS": "31"},
            "RETENTION_DAYS is 30, and MINIMUM_RETENTION_DAYS 31",
        ),
        ({"PLAN": ""}, "PLAN is not set"),
        ({"PLAN": "{"}, "PLAN is no JSON"),
        ({"PLAN": "[]"}, "PLAN"),
        (
            {"PLAN": json.dumps({"root": ROOT, "objects": FILES})},
            "BUCKET is not set, and PLAN.objects names files",
        ),
        ({"BUCKET": "No_Bucket"}, "BUCKET must match"),
        ({"BUCKET_OWNER_ACCOUNT_ID": "12"}, "BUCKET_OWNER_ACCOUNT_ID must match"),
        ({"BATCH_SIZE": "0"}, "BATCH_SIZE must be from 1"),
        ({"MAX_PURGE_PERCENT": "101"}, "MAX_PURGE_PERCENT must be from 0 to 100"),
        ({"MAX_PURGE_PERCENT": "nan"}, "MAX_PURGE_PERCENT must be a number"),
        ({"MAX_ATTEMPTS": "0"}, "MAX_ATTEMPTS must be from 1"),
        ({"RETRY_QUEUE_URL": "retry"}, "RETRY_QUEUE_URL must match"),
        ({"EVENT_NAME": "two words"}, "EVENT_NAME must match"),
        ({"CORRELATION_KEY": "trace id"}, "CORRELATION_KEY must match"),
        ({"METRIC_NAMES": "{"}, "METRIC_NAMES is no JSON"),
        ({"METRIC_NAMES": "[]"}, "METRIC_NAMES must map"),
        ({"METRIC_NAMES": '{"Deleted": "Gone"}'}, "METRIC_NAMES has 'Deleted'"),
        ({"METRIC_NAMES": '{"Duration": ""}'}, "METRIC_NAMES.Duration must match"),
        ({"METRIC_NAMES": '{"Duration": 1}'}, "METRIC_NAMES.Duration must match"),
    ],
)
def test_settings_refuse_what_is_no_value(variables: dict[str, str], message: str) -> None:
    """What cannot be meant is named, and never guessed."""
    assert message in refusal(**variables)


def test_settings_counters_are_those_of_the_story() -> None:
    """Six, and each has its place in the table of metrics."""
    from soft_delete_purge.run import METRICS  # noqa: PLC0415 - the table is the run's

    assert len(COUNTERS) == 6
    assert set(COUNTERS) <= METRICS.units.keys()


@pytest.mark.parametrize("event", [{}, {"source": "aws.scheduler"}, {"source": "aws.events"}])
def test_request_of_a_schedule_is_a_purge(event: dict[str, Any]) -> None:
    """What a schedule sends means the defaults."""
    assert Request.parse(event) == Request()


def test_request_takes_its_keys() -> None:
    """Each key reaches its place."""
    assert Request.parse({"dryRun": True, "limit": 5}) == Request(dry_run=True, limit=5)
    assert Request.parse({"operation": "setup", "role": "purger"}) == Request(
        operation=Operation.SETUP, role="purger"
    )
    assert Request.parse({"operation": "redrive"}).operation is Operation.REDRIVE


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"dry_run": True}, "unknown key 'dry_run'"),
        ({"dryRun": "true"}, "dryRun must be true or false"),
        ({"limit": -1}, "limit must be a whole number"),
        ({"operation": "drop"}, "operation must be purge or setup or redrive"),
        ({"role": "purger"}, "role belongs to the operation setup"),
        ({"operation": "setup", "limit": 1}, "limit belongs to the operation purge"),
        ({"Records": []}, "unknown key 'Records'"),
        ([], "must be a JSON object"),
    ],
)
def test_request_refuses_what_it_does_not_know(event: Any, message: str) -> None:
    """A misspelt key must not become a real run."""
    with pytest.raises(EventError, match=message):
        Request.parse(event)
