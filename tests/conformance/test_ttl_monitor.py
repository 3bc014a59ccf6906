"""
The monitor's real handler on real stores: which rows the service sends, and what they count as.

Live rows are left out by a filter that the service applies, so the counts rest on its semantics.
"""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.monitor_runs import Ran, run

if TYPE_CHECKING:
    from tests.cloud import Account

pytestmark = pytest.mark.conformance

HOUR_S = 3_600
YEAR_S = 365 * 24 * HOUR_S
LARGEST = "9" * 38  # DynamoDB keeps 38 digits


def stored(client: Any, key_type: str, rows: list[dict[str, Any]]) -> str:
    """Create a table with the hash key ``id`` of *key_type*, holding *rows*; return its name."""
    name = f"t-{uuid.uuid4()}"
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": key_type}],
        BillingMode="PAY_PER_REQUEST",
    )
    client.update_time_to_live(
        TableName=name,
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"},
    )
    for row in rows:
        client.put_item(TableName=name, Item=row)
    return name


def monitored(client: Any, name: str, **variables: str) -> Ran:
    """Run the handler on the table of that name."""
    return run(client, {"CHECKPOINT_TABLE_NAME": name, **variables})


def text_rows(values: list[dict[str, Any] | None]) -> list[dict[str, Any]]:
    """Return a row for each value of the TTL attribute, None for a row without one."""
    return [
        {"id": {"S": f"user#{number}"}} | ({} if value is None else {"expires_at": value})
        for number, value in enumerate(values)
    ]


def test_monitor_puts_each_row_into_its_one_class(store: tuple[Any, Account | None]) -> None:
    """Late, living, and each way of never expiring are told apart by what the store sends."""
    client, _ = store
    now_s = int(time.time())
    late = [{"N": str(now_s - HOUR_S)}, {"N": f"{now_s - 2 * HOUR_S}.75"}]
    living = [{"N": str(now_s + HOUR_S)}, {"N": "99999999999"}]
    milliseconds = [{"N": str(now_s * 1_000)}, {"N": "100000000000"}, {"N": LARGEST}]
    too_old = [{"N": "0"}, {"N": "-1"}, {"N": str(now_s - 6 * YEAR_S)}]
    wrong_type: list[dict[str, Any]] = [
        {"S": str(now_s)},
        {"NULL": True},
        {"BOOL": True},
        {"M": {}},
        {"NS": ["1"]},
    ]
    values: list[dict[str, Any] | None] = [
        *late,
        *living,
        *milliseconds,
        *too_old,
        *wrong_type,
        None,
    ]

    ran = monitored(client, stored(client, "S", text_rows(values)))

    assert ran.error is None
    assert ran.body["summary"]["expired_count"] == len(late)
    assert ran.body["expired_stats"]["oldest_expired_ago_hours"] == 2.0
    never = ran.body["never_expire"]
    assert never["milliseconds"] == len(milliseconds)
    assert never["too_old"] == len(too_old)
    assert never["wrong_type"] == len(wrong_type)
    assert never["missing"] == 1
    assert ran.body["scan"]["rows"] == len(values)
    assert LARGEST in {sample["expires_at"] for sample in never["samples"]["milliseconds"]}


@pytest.mark.parametrize(
    ("key_type", "key", "shown"),
    [("N", {"N": LARGEST}, LARGEST), ("N", {"N": "7"}, 7), ("B", {"B": b"\x00\xff"}, "AP8=")],
)
def test_monitor_keys_of_any_type_are_shown_exactly(
    store: tuple[Any, Account | None], key_type: str, key: dict[str, Any], shown: object
) -> None:
    """A hash key that is a Number or Binary is its own user, and no digit of it is lost."""
    client, _ = store
    row = {"id": key, "expires_at": {"N": str(int(time.time()) - HOUR_S)}}

    ran = monitored(client, stored(client, key_type, [row]))

    (sample,) = ran.body["expired_stats"]["sample_expired_items"]
    assert sample["id"] == shown
    assert ran.body["top_users"]["users"] == [{"user": str(shown), "expired_count": 1}]
    assert ran.body["top_users"]["without_separator"] == 1


def test_monitor_empty_table_is_no_error(store: tuple[Any, Account | None]) -> None:
    """Nothing to see is a report too."""
    client, _ = store

    ran = monitored(client, stored(client, "S", []))

    assert ran.error is None
    assert ran.body["summary"]["expired_count"] == 0
    assert ran.body["expired_stats"]["oldest_expired_ago_hours"] is None
    assert ran.metrics["RunsCompleted"] == 1


def test_monitor_ttl_on_another_attribute_is_reported(store: tuple[Any, Account | None]) -> None:
    """What the store says of its TTL is held against what was configured."""
    client, _ = store

    ran = monitored(client, stored(client, "S", []), TTL_ATTRIBUTE="gone_at")

    assert ran.metrics["TTLMisconfigured"] == 1
    assert ran.body["ttl"]["attribute"] == "expires_at"
    assert ran.body["ttl"]["configured_attribute"] == "gone_at"


def test_monitor_missing_table_names_the_variable(store: tuple[Any, Account | None]) -> None:
    """One error, which says what to change."""
    client, _ = store

    ran = monitored(client, "no-such-table")

    assert type(ran.error).__name__ == "NotFoundError"
    assert "CHECKPOINT_TABLE_NAME" in str(ran.error)
