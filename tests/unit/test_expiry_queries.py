"""
Queries: every row of a partition once, within the budget, and from where it was left.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from expiry.budget import Budget, ReadRate
from expiry.cursors import key_from_json
from expiry.errors import DeniedError
from expiry.queries import BeginsWith, Below, Query, QueryPlan
from tests.unit.scripted_rows import PLENTY, Sleeper, refusal

PLAN = QueryPlan(
    table="sessions",
    setting="TABLE_NAME",
    attributes=("pk", "sk", "ttl", "pk"),
    partition=("pk", {"S": "user"}),
    page_rows=10,
)


class Partition:
    """A partition of numbered rows; it plays pages alone, and no conditions."""

    def __init__(self, count: int) -> None:
        self.count, self.calls = count, list[dict[str, Any]]()
        self.empty: set[int] = set()  # calls that bring nothing, and more to come
        self.error: Exception | None = None

    def query(self, **request: Any) -> dict[str, Any]:
        self.calls.append(request)
        if self.error:
            raise self.error
        first = int(request.get("ExclusiveStartKey", {"sk": {"N": "-1"}})["sk"]["N"]) + 1
        size = 0 if len(self.calls) in self.empty else request["Limit"]
        until = min(self.count, first + size)
        rows = [{"pk": {"S": "user"}, "sk": {"N": str(n)}} for n in range(first, until)]
        more = {"pk": {"S": "user"}, "sk": {"N": str(until - 1)}} if until < self.count else None
        answer = {"Items": rows, "ScannedCount": size, "ConsumedCapacity": {"CapacityUnits": 2.0}}
        return answer | ({"LastEvaluatedKey": more} if more else {})


def a_query(partition: Partition, budget: Budget = PLENTY, after: Any = None) -> Query:
    """Query without a limit to the rate."""
    client: Any = partition
    sleeper = Sleeper()
    return Query(client, PLAN, budget, ReadRate(0, sleeper, sleeper.sleep), after)


def numbers(query: Query) -> list[int]:
    """Return every row's number."""
    return [int(row["sk"]["N"]) for page in query.pages() for row in page.rows]


@pytest.mark.parametrize("count", [0, 1, 10, 35])
def test_query_sees_every_row_once_and_is_complete(count: int) -> None:
    """Also where the last page is full, and where there is nothing."""
    query = a_query(Partition(count))

    assert numbers(query) == list(range(count))
    assert (query.complete, query.stopped, query.cursor()) == (True, None, None)


def test_query_empty_page_with_a_key_is_not_the_end() -> None:
    """A page may bring nothing and yet have more behind it."""
    partition = Partition(25)
    partition.empty = {1, 3}

    assert numbers(a_query(partition)) == list(range(25))


def test_query_asks_for_named_attributes_of_one_partition() -> None:
    """Names go through placeholders, each once; a range and an index where they are planned."""
    request = PLAN.request()
    ranged = QueryPlan(
        "t", "T", ("pk",), ("pk", {"S": "u"}), 5, range=Below("exp", {"N": "9"}), index="by-exp"
    ).request()
    begins = QueryPlan(
        "t", "T", ("pk",), ("pk", {"S": "u"}), 5, range=BeginsWith("sk", {"S": "token#"})
    ).request()

    assert request["ProjectionExpression"] == "#a0, #a1, #a2"
    assert request["ExpressionAttributeNames"] == {
        "#a0": "pk",
        "#a1": "sk",
        "#a2": "ttl",
        "#h": "pk",
    }
    assert (request["KeyConditionExpression"], "IndexName" in request) == ("#h = :h", False)
    assert ranged["KeyConditionExpression"] == "#h = :h AND #r < :r"
    assert (ranged["IndexName"], ranged["Limit"]) == ("by-exp", 5)
    assert ranged["ExpressionAttributeValues"] == {":h": {"S": "u"}, ":r": {"N": "9"}}
    assert ranged["ExpressionAttributeNames"]["#r"] == "exp"
    assert begins["KeyConditionExpression"] == "#h = :h AND begins_with(#r, :r)"


def test_query_out_of_time_goes_on_from_its_cursor() -> None:
    """Nothing is read twice, nothing is left out, and the cursor is JSON."""
    partition, left_ms = Partition(45), iter([9_000, 8_000, 100])
    first = a_query(partition, Budget(lambda: next(left_ms), reserve_s=1))
    seen = numbers(first)

    cursor = json.loads(json.dumps(first.cursor()))
    second = a_query(partition, after=key_from_json(cursor["after"]))

    assert (len(seen), first.stopped, first.complete) == (20, "time", False)
    assert seen + numbers(second) == list(range(45))
    assert second.complete


def test_query_page_that_was_not_worked_through_comes_again() -> None:
    """A caller who leaves in the middle of a page has not taken it."""
    query = a_query(Partition(45))
    pages = query.pages()
    next(pages)
    next(pages)
    pages.close()

    assert query.cursor() == {"after": {"pk": {"S": "user"}, "sk": {"N": "9"}}}
    assert not query.complete


def test_query_left_before_its_first_page_begins_anew() -> None:
    """No time at all: no call, and a cursor that says so."""
    partition = Partition(5)
    query = a_query(partition, Budget(lambda: 1_000, reserve_s=1))

    assert (numbers(query), partition.calls) == ([], [])
    assert query.cursor() == {"after": None}


def test_query_holds_to_the_rate() -> None:
    """What the service says it consumed is what the next page waits for."""
    sleeper = Sleeper()
    client: Any = Partition(50)
    query = Query(client, PLAN, PLENTY, ReadRate(1, sleeper, sleeper.sleep))

    assert len(numbers(query)) == 50
    assert sleeper.now_s == pytest.approx(8.0)


def test_query_denied_says_what_to_allow() -> None:
    """The error names the action and the setting."""
    partition = Partition(5)
    partition.error = refusal("AccessDeniedException")

    with pytest.raises(DeniedError, match="allow dynamodb:Query"):
        numbers(a_query(partition))
