"""
Scanning: every row once, in parallel, within the budget.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from expiry.budget import Budget, ReadRate
from expiry.cursors import ScanCursor
from expiry.errors import DeniedError
from expiry.scanning import NumberRange, Page, ScanOutcome, ScanPlan, Stop, scan
from tests.unit.stored_table import StoredTable, refusal, session

ENDLESS = Budget(lambda: 3_600_000, reserve_s=10)
UNLIMITED = ReadRate(0, time.monotonic, time.sleep)


def a_plan(segments: int = 4, threads: int = 4, page_rows: int = 1_000) -> ScanPlan:
    """Plan to read all segments, in their order."""
    attributes = ("thread_id", "checkpoint_id", "expires_at", "thread_id")
    order = range(segments)
    return ScanPlan("sessions-dev", "TABLE", attributes, segments, order, threads, page_rows)


def scanned(
    table: Any, plan: ScanPlan, budget: Budget = ENDLESS, rate: ReadRate = UNLIMITED
) -> tuple[list[Page], ScanOutcome]:
    """Scan, and keep the pages."""
    pages: list[Page] = []
    outcome = scan(table, plan, budget, rate, pages.append)
    return pages, outcome


def a_table(rows: int = 500, **options: Any) -> StoredTable:
    """Make a table of 20 rows a page."""
    return StoredTable([session("u", n) for n in range(rows)], page_bytes=8_000, **options)


def join_threads() -> None:
    """Wait for threads that a scan has left behind."""
    for thread in threading.enumerate():
        if thread.name.startswith("scan-"):
            thread.join(timeout=10)


@pytest.mark.parametrize(("segments", "threads"), [(1, 1), (4, 4), (50, 4), (3, 16)])
def test_scan_sees_every_row_once(segments: int, threads: int) -> None:
    """However many segments and threads, no row is lost or read twice."""
    table = a_table()
    pages, outcome = scanned(table, a_plan(segments, threads))
    seen = Counter(row["thread_id"]["S"] for page in pages for row in page.rows)

    assert seen == Counter({f"u#{n}": 1 for n in range(500)})
    assert (outcome.rows, outcome.stopped) == (500, None)
    assert outcome.finished == set(range(segments))
    assert outcome.pages == len(pages) == len(table.scans())


def test_scan_rows_left_out_are_counted_and_not_sent() -> None:
    """What is of no interest stays at the service; nothing else does, whatever its type."""
    values: list[dict[str, Any] | None] = [
        None,
        {"S": "15"},
        {"NULL": True},
        *({"N": text} for text in ("9.9", "10", "15.5", "19.9", "20", "-1", "1E+30")),
    ]
    table = StoredTable([session("u", n, value) for n, value in enumerate(values)])
    plan = replace(a_plan(), leave_out=NumberRange("expires_at", 10, 20))
    pages, outcome = scanned(table, plan)
    sent = {row["thread_id"]["S"] for page in pages for row in page.rows}

    assert outcome.rows == len(values)
    assert sent == {f"u#{n}" for n in (0, 1, 2, 3, 7, 8, 9)}


def test_scan_asks_for_no_more_than_named_attributes() -> None:
    """Names go through placeholders, each once; contents are never read."""
    table = a_table(10)
    pages, _ = scanned(table, a_plan())
    request = table.scans()[0]

    assert set(request["ExpressionAttributeNames"].values()) == {
        "thread_id",
        "checkpoint_id",
        "expires_at",
    }
    assert request["ReturnConsumedCapacity"] == "TOTAL"
    assert all("state" not in row for page in pages for row in page.rows)


def test_scan_empty_page_with_a_key_is_not_the_end() -> None:
    """DynamoDB may return nothing and yet say that there is more."""
    table = a_table(100)
    table.empty_first_pages = True
    _, outcome = scanned(table, a_plan())

    assert outcome.rows == 100


def test_scan_adds_up_what_the_service_says_it_consumed() -> None:
    """Read units are the service's, not guessed from rows."""
    table = a_table(100)
    pages, outcome = scanned(table, a_plan())

    assert outcome.read_units == sum(page.read_units for page in pages)
    assert outcome.read_units >= 100 * 400 / 4_096 * 0.5


def test_scan_out_of_time_stops_and_says_what_was_read() -> None:
    """No page is begun that may not end in time; what was read counts."""
    table = a_table(500)
    left_ms = iter(range(3_000, -100_000, -100))
    pages, outcome = scanned(table, a_plan(threads=1), Budget(lambda: next(left_ms), reserve_s=1))

    assert outcome.stopped == "time"
    assert 0 < outcome.pages == len(pages) < 25
    assert outcome.rows == sum(len(list(page.rows)) for page in pages)
    begun = sum(outcome.partial_rows.values())
    done = sum(len(list(p.rows)) for p in pages if p.segment in outcome.finished)
    assert begun + done == outcome.rows


def test_scan_with_no_time_at_all_makes_no_call() -> None:
    """A run that begins too late reports that it has seen nothing."""
    table = a_table()
    _, outcome = scanned(table, a_plan(), Budget(lambda: 1_000, reserve_s=1))

    assert (table.scans(), outcome.rows, outcome.stopped) == ([], 0, "time")


def test_scan_call_that_hangs_does_not_hold_the_report() -> None:
    """A page that comes after the budget ended is thrown away."""
    table, hangs = a_table(40), threading.Event()
    end_s = time.monotonic() + 0.8
    budget = Budget(lambda: int((end_s - time.monotonic()) * 1_000), reserve_s=0)

    def hang(request: dict[str, Any]) -> None:
        if request["Segment"] == 0:
            hangs.wait(timeout=30)

    table.before_scan = hang
    pages, outcome = scanned(table, a_plan(threads=2), budget)
    rows_then = outcome.rows
    hangs.set()
    join_threads()

    assert outcome.stopped == "time"
    assert outcome.finished == {1, 2, 3}
    assert outcome.rows == rows_then == sum(page.scanned for page in pages)


def test_scan_thread_that_slept_past_the_end_makes_no_call() -> None:
    """Nothing is read, and paid for, after the report is out."""
    table, sleeps = a_table(), threading.Event()
    end_s = time.monotonic() + 0.8
    budget = Budget(lambda: int((end_s - time.monotonic()) * 1_000), reserve_s=0)

    def sleep(_: float) -> None:
        sleeps.wait(timeout=30)

    rate = ReadRate(50, lambda: 0.0, sleep)
    scanned(table, a_plan(threads=1, page_rows=1), budget, rate)
    calls_then = len(table.scans())
    sleeps.set()
    join_threads()

    assert len(table.scans()) == calls_then == 1


def test_scan_wait_for_read_units_does_not_outlast_the_budget() -> None:
    """A rate that would make the run sleep past its end stops it instead."""
    slept: list[float] = []
    rate = ReadRate(1, lambda: 0.0, slept.append)
    budget = Budget(lambda: 30_000, reserve_s=10)
    _, outcome = scanned(a_table(), a_plan(threads=1, page_rows=100), budget, rate)

    assert outcome.stopped == "time"
    assert all(seconds < 20 for seconds in slept)


def test_scan_page_rows_bound_each_page() -> None:
    """A slow rate reads small pages, so that one page is no burst."""
    table = a_table(100)
    pages, outcome = scanned(table, a_plan(page_rows=3))

    assert outcome.rows == 100
    assert max(page.scanned for page in pages) == 3


def test_scan_error_in_a_thread_is_raised_where_scan_was_called() -> None:
    """No error dies with its thread."""
    table = a_table()
    table.refusals["scan"] = refusal("AccessDeniedException")

    with pytest.raises(DeniedError, match="allow dynamodb:Scan"):
        scanned(table, a_plan())


def test_scan_gives_pages_one_at_a_time() -> None:
    """Whoever counts needs no lock of his own."""
    inside: list[int] = []
    most: list[int] = []

    def take(_: Page) -> None:
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.0005)
        inside.pop()

    scan(a_table(400), a_plan(threads=8), ENDLESS, UNLIMITED, take)  # type: ignore[arg-type]

    assert max(most) == 1


def going_on(plan: ScanPlan, outcome: ScanOutcome) -> ScanPlan:
    """Plan what *outcome* has left, as a later invocation does: from JSON."""
    cursor = outcome.cursor(plan)
    assert cursor is not None
    back = ScanCursor.parse(json.loads(json.dumps(cursor.as_json())))
    return replace(plan, segments=tuple(back.left), after=back.left)


def names(pages: list[Page]) -> list[str]:
    """Return every row's name."""
    return [row["thread_id"]["S"] for page in pages for row in page.rows]


def test_scan_out_of_time_goes_on_from_its_cursor() -> None:
    """However often a scan is cut short, all rows come once, and at the end nothing is left."""
    table, plan, seen, rounds = a_table(500), a_plan(threads=2), list[str](), 0
    outcome = ScanOutcome()
    while rounds == 0 or outcome.left:
        rounds += 1
        left_ms = iter([3_000] * 6 + [0] * 1_000)
        plan = going_on(plan, outcome) if rounds > 1 else plan
        pages, outcome = scanned(table, plan, Budget(left_ms.__next__, reserve_s=1))
        seen += names(pages)
        assert rounds < 100

    assert rounds > 3
    assert sorted(seen) == sorted(f"u#{n}" for n in range(500))
    assert outcome.cursor(plan) is None


def test_scan_complete_leaves_nothing() -> None:
    """No cursor is the sign that all was read."""
    plan = a_plan()
    _, outcome = scanned(a_table(), plan)

    assert (outcome.left, outcome.cursor(plan)) == ({}, None)


def test_scan_that_never_began_leaves_all_in_its_order() -> None:
    """The cursor is as explicit as the plan."""
    plan = replace(a_plan(), segments=(2, 0, 3, 1))
    _, outcome = scanned(a_table(), plan, Budget(lambda: 1_000, reserve_s=1))

    assert list(outcome.left.items()) == [(2, None), (0, None), (3, None), (1, None)]


def stopping(table: StoredTable, plan: ScanPlan, stop: Stop, pages: int) -> tuple[Any, ScanOutcome]:
    """Scan until the taker stops at its page of that number."""
    taken: list[Page] = []

    def take(page: Page) -> Stop | None:
        taken.append(page)
        return stop if len(taken) == pages else None

    client: Any = table
    return taken, scan(client, plan, ENDLESS, UNLIMITED, take)


@pytest.mark.parametrize("threads", [1, 4])
def test_scan_stopped_by_its_taker_gives_no_other_page(threads: int) -> None:
    """Enough is enough: the reason is told, and the page comes again."""
    table, plan = a_table(), a_plan(threads=threads)
    taken, outcome = stopping(table, plan, Stop("limit"), pages=3)
    join_threads()
    pages, _ = scanned(table, going_on(plan, outcome))

    assert (len(taken), outcome.stopped) == (3, "limit")
    assert sorted(names(taken[:2]) + names(pages)) == sorted(f"u#{n}" for n in range(500))


def test_scan_page_on_its_way_when_the_taker_stops_does_not_come() -> None:
    """It is as if it had not been read: the next scan brings it."""
    table, begun, stopped = a_table(100), threading.Event(), threading.Event()
    plan, taken = a_plan(2, 2), list[Page]()

    def wait(request: dict[str, Any]) -> None:
        if request["Segment"] == 1:
            begun.set()
            stopped.wait(timeout=30)
        begun.wait(timeout=30)

    def take(page: Page) -> Stop | None:
        taken.append(page)
        stopped.set()
        return Stop("limit")

    table.before_scan = wait
    client: Any = table
    outcome = scan(client, plan, ENDLESS, UNLIMITED, take)
    join_threads()

    assert [page.segment for page in taken] == [0]
    assert outcome.left == {0: None, 1: None}


def test_scan_stopped_after_a_row_goes_on_behind_it() -> None:
    """A taker may stop in the middle of a page, and say where."""
    plan = a_plan(threads=1)
    behind = {"place": {"N": "7"}}
    _, outcome = stopping(a_table(), plan, Stop("limit", behind), pages=1)

    assert outcome.left[0] == behind
    assert outcome.finished == set()


def test_scan_stopped_on_a_last_page_has_not_finished_it() -> None:
    """The segment is left, also where the service has no more pages of it."""
    table = StoredTable([session("u", n) for n in range(20)])
    _, outcome = stopping(table, a_plan(1, 1), Stop("limit"), pages=1)

    assert (outcome.left, outcome.finished) == ({0: None}, set())
