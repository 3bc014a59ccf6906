"""
What the index cleanup's deletes and cursors rest on, asked of real stores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from expiry.budget import Budget, Pace, ReadRate
from expiry.groups import Group, Groups
from expiry.outcomes import Outcome
from expiry.queries import BeginsWith, Query, QueryPlan
from expiry.rows import RowCandidate, Rows
from expiry.statements import Condition
from index_cleanup.places import between_keys

if TYPE_CHECKING:
    from tests.conformance.conftest import Table

pytestmark = pytest.mark.conformance

PLENTY = Budget(lambda: 3_600_000, reserve_s=10)
KEYS = ("pk", "sk")
VALUES: tuple[tuple[dict[str, Any], dict[str, Any]], ...] = (
    ({"S": '{"expires_at": 1}'}, {"S": '{"expires_at": 2}'}),
    ({"N": "1.50"}, {"N": "1.51"}),
    ({"N": "7"}, {"S": "7"}),
    ({"B": b"\x00\xff"}, {"B": b"\x00"}),
    ({"BOOL": False}, {"BOOL": True}),
    ({"NULL": True}, {"S": "null"}),
    ({"SS": ["b", "a"]}, {"SS": ["a"]}),
    ({"L": [{"N": "1"}]}, {"L": [{"N": "2"}]}),
    ({"M": {"at": {"N": "1"}}}, {"M": {"at": {"N": "2"}}}),
    ({"S": "x" * 40_000}, {"S": "x" * 40_001}),
)


def means() -> dict[str, Any]:
    """Return what no test here is about."""
    return {"budget": PLENTY, "pace": Pace(0, lambda: 0.0, lambda _: None), "threads": 1}


def candidate(name: str, condition: Condition) -> RowCandidate:
    """Return a row that is to go."""
    return RowCandidate({"pk": {"S": name}, "sk": {"S": "row"}}, condition, "test")


@pytest.mark.parametrize("together", [False, True], ids=["alone", "in a transaction"])
@pytest.mark.parametrize(("read", "written"), VALUES, ids=lambda value: str(value)[:20])
def test_row_goes_only_while_every_attribute_is_as_it_was_read(
    table: Table, read: dict[str, Any], written: dict[str, Any], *, together: bool
) -> None:
    """
    Of whatever type: the same value lets it go; another, or none where there was one, or one where
    there was none, keeps it.
    """
    table.put("same", data=read)
    table.put("written", data=written)
    table.put("taken away")
    table.put("given", data=read)
    same, none = Condition.same("data", read), Condition.same("data", None)
    candidates = [
        candidate("same", same),
        candidate("written", same),
        candidate("taken away", same),
        candidate("given", none),
        candidate("nowhere", none),
    ]
    if together:
        groups = [Group((each,)) for each in candidates]
        ended = Groups(table.client, table.name, KEYS, **means()).delete(groups)
        outcomes = [results[0].outcome for results in ended]
    else:
        results = Rows(table.client, table.name, KEYS, **means()).delete(
            [each for each in candidates if each.key["pk"]["S"] != "nowhere"]
        )
        outcomes = [result.outcome for result in results]

    assert outcomes[:4] == [Outcome.DELETED, *[Outcome.CHANGED] * 3]
    assert table.keys() == {"written", "taken away", "given"}


def test_query_begins_behind_a_key_that_no_row_has(table: Table) -> None:
    """A cursor that tells no key still stands between the right two."""
    names = [f"p:{name}" for name in ("aSECRET", "bSECRET", "bTOKEN_", "cSECRET", "üSECRET")]
    for name in names:
        item = {"pk": {"S": "partition"}, "sk": {"S": name}}
        table.client.put_item(TableName=table.name, Item=item)
    plan = QueryPlan(
        table.name,
        "TABLE_NAME",
        KEYS,
        ("pk", {"S": "partition"}),
        100,
        BeginsWith("sk", {"S": "p:"}),
    )
    rate = ReadRate(0, lambda: 0.0, lambda _: None)

    for place in range(1, len(names)):
        between = between_keys(names[place - 1], names[place])
        assert between is not None
        start = {"pk": {"S": "partition"}, "sk": {"S": between}}
        pages = Query(table.client, plan, PLENTY, rate, start).pages()
        assert [row["sk"]["S"] for page in pages for row in page.rows] == names[place:]
