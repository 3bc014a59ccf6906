"""
The monitor's handler on what it does not expect: it works, or one error says what to change.
"""

from __future__ import annotations

from typing import Any

import pytest

from expiry.errors import (
    DeniedError,
    EventError,
    MismatchError,
    NotFoundError,
    SettingsError,
    ThrottledError,
)
from tests.unit.monitor_runs import Ran, ago, mixed_rows, run
from tests.unit.stored_table import Row, StoredTable, refusal, session


def assert_one_error(ran: Ran, kind: type[Exception], *texts: str) -> None:
    """Check that the run ended with one clear error, logged, and did not count as complete."""
    assert type(ran.error) is kind
    for text in texts:
        assert text in str(ran.error)
    assert [line["message"] for line in ran.lines if "message" in line] == ["failed"]
    assert "RunsCompleted" not in ran.metrics


def test_bad_table_name_names_the_variable() -> None:
    """A table that is not there is a wrong setting."""
    ran = run(StoredTable([], name="other"))
    assert_one_error(ran, NotFoundError, "table sessions-dev", "CHECKPOINT_TABLE_NAME")


@pytest.mark.parametrize(
    ("call", "action"),
    [
        ("describe_table", "dynamodb:DescribeTable"),
        ("describe_time_to_live", "dynamodb:DescribeTimeToLive"),
        ("scan", "dynamodb:Scan"),
    ],
)
def test_bad_role_names_the_action(call: str, action: str) -> None:
    """Each call that the role lacks is named as IAM writes it."""
    table = StoredTable(mixed_rows())
    table.refusals[call] = refusal("AccessDeniedException")
    assert_one_error(run(table), DeniedError, f"allow {action}")


def test_bad_load_is_an_error_that_says_read_slower() -> None:
    """A table that refuses for load is not reported as empty."""
    table = StoredTable(mixed_rows())
    table.refusals["scan"] = refusal("ProvisionedThroughputExceededException")
    assert_one_error(run(table), ThrottledError, "read slower")


def test_bad_id_attribute_names_the_keys_there_are() -> None:
    """Only keys are read, so the user must be in one of them."""
    ran = run(StoredTable([]), {"ITEM_ID_ATTRIBUTE": "user_id"})
    assert_one_error(ran, MismatchError, "ITEM_ID_ATTRIBUTE", "thread_id, checkpoint_id")


def test_bad_settings_are_all_named_before_any_call() -> None:
    """One deployment mends everything."""
    table = StoredTable([])
    wrong = {
        "CHECKPOINT_TABLE_NAME": "",
        "SCAN_SEGMENTS": "0",
        "SAMPLE_PERCENT": "all",
        "EXPORT_BUCKET": "Not A Bucket",
    }
    assert_one_error(run(table, wrong), SettingsError, *wrong)
    assert table.calls == []


def test_bad_event_is_refused_before_any_call() -> None:
    """The monitor takes no keys; a schedule's event is none."""
    table = StoredTable([])
    assert_one_error(run(table, event={"dryRun": True}), EventError, "dryRun")
    assert table.calls == []
    assert run(table, event={"source": "aws.events", "id": "1"}).error is None


@pytest.mark.parametrize(
    ("key", "user"),
    [({"B": b"\x01\x02"}, "AQI="), ({"N": "12345678901234567890"}, "12345678901234567890")],
)
def test_table_with_a_hash_key_of_another_type_works(key: dict[str, Any], user: str) -> None:
    """Binary and Number keys have no separator: the whole key stands for the user."""
    table = StoredTable([{"id": key, "expires_at": ago(1)}], keys=("id",))
    body = run(table).body

    assert body["top_users"]["users"] == [{"user": user, "expired_count": 1}]
    assert body["top_users"]["without_separator"] == 1
    assert body["expired_stats"]["sample_expired_items"][0]["id"] == user


def test_key_without_separator_counts_as_its_own_user() -> None:
    """A key that cannot be split is counted and said, not dropped."""
    rows: list[Row] = [
        {"thread_id": {"S": "alone"}, "checkpoint_id": {"S": "c"}, "expires_at": ago(1)},
        session("a#b", 1, ago(1)),
    ]
    top = run(StoredTable(rows)).body["top_users"]

    assert [entry["user"] for entry in top["users"]] == ["a", "alone"]
    assert top["without_separator"] == 1


def test_ttl_attribute_that_is_a_key_works() -> None:
    """A range key may be the TTL attribute: it is projected once."""
    rows: list[Row] = [{"id": {"S": "u#1"}, "expires_at": ago(1)}]
    sample = run(StoredTable(rows, keys=("id", "expires_at"))).body["expired_stats"]

    assert sample["sample_expired_items"][0]["id"] == "u#1"
    assert sample["expired_count"] == 1
