"""Scans that miss nothing, TTL, numbers, and one winner among many."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.conformance.test_deletes import refusal

if TYPE_CHECKING:
    from tests.conformance.conftest import Table

pytestmark = pytest.mark.conformance

CLAIMERS = 16
ROUNDS = 10


def test_scan_filter_can_leave_a_page_empty_with_more_to_come(table: Table) -> None:
    """An empty page with LastEvaluatedKey is not the end."""
    table.put(*(f"k{number}" for number in range(5)), kind={"S": "other"})
    request: dict[str, Any] = {
        "TableName": table.name,
        "Limit": 2,
        "FilterExpression": "kind = :wanted",
        "ExpressionAttributeValues": {":wanted": {"S": "wanted"}},
    }

    page = table.client.scan(**request)

    assert page["Items"] == []
    assert page["ScannedCount"] == 2
    assert "LastEvaluatedKey" in page


def test_scan_segments_together_are_all_rows_once(table: Table) -> None:
    """Every row is in exactly one segment."""
    keys = {f"k{number}" for number in range(60)}
    table.put(*keys)

    found = []
    for segment in range(7):
        pages = table.client.get_paginator("scan").paginate(
            TableName=table.name, Segment=segment, TotalSegments=7, PaginationConfig={"PageSize": 4}
        )
        found += [item["pk"]["S"] for page in pages for item in page["Items"]]

    assert sorted(found) == sorted(keys)


def test_scan_projection_returns_only_what_was_named(table: Table) -> None:
    """A projection with names that are reserved words brings keys and evidence, nothing else."""
    table.put("k", ttl={"N": "1"}, secret={"S": "x"})

    page = table.client.scan(
        TableName=table.name,
        ProjectionExpression="#k, #t",
        ExpressionAttributeNames={"#k": "pk", "#t": "ttl"},
    )

    assert page["Items"] == [{"pk": {"S": "k"}, "ttl": {"N": "1"}}]


def test_scan_reports_consumed_capacity(table: Table) -> None:
    """Capacity comes with the page, when asked for."""
    table.put("k")

    page = table.client.scan(TableName=table.name, ReturnConsumedCapacity="TOTAL")

    assert page["ConsumedCapacity"]["CapacityUnits"] > 0


@pytest.mark.parametrize("number", ["12345678901234567890123456789012345678", "0.5", "-7", "1000"])
def test_number_comes_back_with_all_its_digits(table: Table, number: str) -> None:
    """38 digits survive."""
    table.put("k", n={"N": number})

    found = table.get("k")

    assert found is not None
    assert found["n"] == {"N": number}


def test_number_of_39_digits_is_refused(table: Table) -> None:
    """A number that cannot be kept exactly is an error, not a rounding."""
    item = {"pk": {"S": "k"}, "sk": {"S": "row"}, "n": {"N": "1" * 39}}

    call = table.client.put_item
    assert refusal(call, TableName=table.name, Item=item) == "ValidationException"


def test_describe_time_to_live_tells_disabled_from_enabled(table: Table) -> None:
    """The status and the attribute are told."""
    describe = table.client.describe_time_to_live
    before = describe(TableName=table.name)["TimeToLiveDescription"]
    table.client.update_time_to_live(
        TableName=table.name,
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"},
    )
    after = describe(TableName=table.name)["TimeToLiveDescription"]

    assert before["TimeToLiveStatus"] == "DISABLED"
    assert after == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}


def test_time_to_live_other_attribute_while_enabled_is_refused(table: Table) -> None:
    """The attribute cannot be changed under an enabled TTL."""
    call = table.client.update_time_to_live
    names = ("expires_at", "other")
    first, second = ({"Enabled": True, "AttributeName": name} for name in names)
    call(TableName=table.name, TimeToLiveSpecification=first)

    code = refusal(call, TableName=table.name, TimeToLiveSpecification=second)

    assert code == "ValidationException"


def test_time_to_live_removes_expired_rows_only(table: Table) -> None:
    """An expired row goes at last; a living one, and one without a number, stay."""
    table.client.update_time_to_live(
        TableName=table.name,
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"},
    )
    now_s = int(time.time())
    table.put("late", expires_at={"N": str(now_s - 60)})
    table.put("alive", expires_at={"N": str(now_s + 3600)})
    table.put("text", expires_at={"S": str(now_s - 60)})

    if table.sweep:
        table.sweep()
    deadline_s = time.monotonic() + 60
    while "late" in table.keys() and time.monotonic() < deadline_s:  # noqa: SIM118 - a method
        time.sleep(0.5)

    assert table.keys() == {"alive", "text"}


def test_conditional_updates_at_once_have_one_winner(table: Table) -> None:
    """Of many claims on one row exactly one succeeds, round after round."""

    def claim(row: str, claimer: int) -> bool:
        try:
            table.client.update_item(
                TableName=table.name,
                Key={"pk": {"S": row}, "sk": {"S": "row"}},
                UpdateExpression="SET #o = :me",
                ConditionExpression="attribute_not_exists(#o)",
                ExpressionAttributeNames={"#o": "owner"},
                ExpressionAttributeValues={":me": {"N": str(claimer)}},
            )
        except table.client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    with ThreadPoolExecutor(CLAIMERS) as pool:
        for number in range(ROUNDS):
            row = f"row {number}"
            table.put(row)
            won = list(pool.map(claim, [row] * CLAIMERS, range(CLAIMERS)))
            found = table.get(row)

            assert won.count(True) == 1
            assert found is not None
            assert found["owner"] == {"N": str(won.index(True))}
