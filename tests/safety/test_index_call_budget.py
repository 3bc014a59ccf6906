"""How many calls the index cleanup needs, counted; and how many ActingWeb's own for the same."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from tests.actingweb.library import Library
from tests.actingweb.stores import point_to
from tests.safety.index_drive import run
from tests.safety.index_memory import many
from tests.safety.wire import Wire

if TYPE_CHECKING:
    from collections import Counter

    from tests.safety.index_memory import IndexMemory

NOW_S = 1_800_000_000.0
MANY = 10_000
EXPIRED = 2_000  # each with two rows more
FEW = 500  # ActingWeb's own calls grow with the entries: as many show the ratio
LEAST_RATIO = 20
PAGE_ROWS = 1_000
EMPTY_RULES = 5  # of the preset's six: one query each
LOOKS_AT_THE_TABLE = 2
ENVIRONMENT = {"PRESET": "actingweb", "MAX_DELETES_PER_RUN": "1000000"}


def calls_of(memory: IndexMemory) -> Counter[str]:
    """Run ours on a table in memory; return its calls."""
    wire = Wire(disturb=memory, keep_requests=False)
    run(memory, wire, environment=ENVIRONMENT)
    return wire.count()


def queries(rows: int) -> int:
    """Return how many pages there are of all rules, the last of each with nothing behind it."""
    return math.ceil(rows / PAGE_ROWS) + 1 + EMPTY_RULES


def test_ten_thousand_index_entries_need_few_calls() -> None:
    """
    Of 10,000 entries 9,000 are orphans: a query a page, a read of a hundred targets, a delete of
    25 entries, with one more of each for each page.
    """
    memory = many(MANY, NOW_S, kind="orphans")
    pages = math.ceil(MANY / PAGE_ROWS)

    calls = calls_of(memory)

    assert len(memory.rows) == 2 * MANY // 10
    assert calls.total() <= (
        LOOKS_AT_THE_TABLE
        + queries(MANY)
        + math.ceil(MANY / 100)
        + math.ceil(MANY * 9 / 10 / 25)
        + 2 * pages
    ), calls


def test_expired_tokens_with_linked_rows_need_few_calls() -> None:
    """
    Each token goes with its provider's row in a transaction of a hundred rows, then its entry.
    """
    memory = many(EXPIRED, NOW_S, kind="expired")
    pages = math.ceil(EXPIRED / PAGE_ROWS)

    calls = calls_of(memory)

    assert memory.rows == {}
    assert calls.total() <= (
        LOOKS_AT_THE_TABLE
        + queries(EXPIRED)
        + 2 * math.ceil(EXPIRED / 100)  # tokens, and what is linked
        + math.ceil(2 * EXPIRED / 100)
        + math.ceil(EXPIRED / 25)
        + 4 * pages
    ), calls


@pytest.mark.parametrize("kind", ["orphans", "expired"])
def test_actingwebs_own_cleanup_needs_twenty_times_the_calls(kind: str) -> None:
    """
    On the same entries both leave the same rows, and ActingWeb makes at least 20 times the calls.
    """
    ours, theirs = many(FEW, NOW_S, kind=kind), many(FEW, NOW_S, kind=kind)
    library, wire = Library("dynamodb"), Wire(disturb=theirs, keep_requests=False)
    point_to(theirs.name, wire.wrap(theirs.clients.dynamodb))

    with library.ago(library.now() - NOW_S):
        library.clean_up()
    calls = calls_of(ours)

    assert ours.rows.keys() == theirs.rows.keys()
    assert len(ours.rows) < FEW
    assert wire.count().total() >= LEAST_RATIO * calls.total(), (calls, wire.count())
