"""
Scan a DynamoDB table in parallel segments, page by page, within a budget.

Calls: dynamodb:Scan, eventually consistent. Never writes, never holds more than a page a thread.
Pages come to the caller one at a time. When time is up the scan returns what it has read, even
while a call still hangs; what that call brings later is thrown away. What is left of each segment
is in the outcome, for a later scan to go on with.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from expiry.calls import explained
from expiry.cursors import ScanCursor

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from expiry.budget import Budget, ReadRate
    from expiry.statements import Key

Row = Mapping[str, Mapping[str, Any]]
"""A row as the low-level client brings it: attribute name → {type: value}."""

PAGE_S = 0.5  # a page of 1 MB rarely takes longer; where it does, the scan ends without it
STOPPED_FOR_TIME = "time"


@dataclass(frozen=True, slots=True)
class NumberRange:
    """Rows whose *attribute* is a Number from *at_least* to *below*, that one not included."""

    attribute: str
    at_least: int
    below: int


@dataclass(frozen=True, slots=True)
class ScanPlan:
    """What to read of a table."""

    table: str
    setting: str  # names the table in the caller's settings, for errors
    attributes: tuple[str, ...]
    total_segments: int
    segments: Sequence[int]  # in the order of visiting; all of them, or a sample
    threads: int
    page_rows: int  # at most; DynamoDB ends a page at 1 MB in any case
    leave_out: NumberRange | None = None  # counted by the service, and not sent
    after: Mapping[int, Key | None] = field(default_factory=dict)  # segment → where it goes on

    def request(self) -> dict[str, Any]:
        """Return what every call says alike; names go through placeholders: many are reserved."""
        names = {f"#a{n}": name for n, name in enumerate(dict.fromkeys(self.attributes))}
        request: dict[str, Any] = {
            "TableName": self.table,
            "TotalSegments": self.total_segments,
            "ProjectionExpression": ", ".join(names),
            "ExpressionAttributeNames": names,
            "ReturnConsumedCapacity": "TOTAL",
            "Limit": self.page_rows,
        }
        if self.leave_out:
            request |= self._filter(self.leave_out, names)
        return request

    @staticmethod
    def _filter(left_out: NumberRange, names: Mapping[str, str]) -> dict[str, Any]:
        """Keep what is not in the range; each reason is written out, none rests on a NULL rule."""
        place = next(place for place, name in names.items() if name == left_out.attribute)
        return {
            "FilterExpression": f"attribute_not_exists({place}) OR NOT attribute_type({place}, :n)"
            f" OR {place} < :at_least OR {place} >= :below",
            "ExpressionAttributeValues": {
                ":n": {"S": "N"},
                ":at_least": {"N": str(left_out.at_least)},
                ":below": {"N": str(left_out.below)},
            },
        }


@dataclass(frozen=True, slots=True)
class Page:
    """One page of one segment; it may be empty and yet not be the last."""

    segment: int
    rows: Sequence[Row]
    scanned: int  # what the service looked at, and charged for; it may have sent less
    read_units: float
    last: bool


@dataclass(frozen=True, slots=True)
class Stop:
    """What a taker answers to end the scan: why, and how far it came on this page."""

    reason: str
    after: Key | None = None  # of the last row that it took; None: the page comes again


@dataclass(slots=True)
class ScanOutcome:
    """What a scan has read, also where it ended early."""

    pages: int = 0
    rows: int = 0
    read_units: float = 0.0
    finished: set[int] = field(default_factory=set)
    partial_rows: dict[int, int] = field(default_factory=dict)  # segment → rows, not finished
    stopped: str | None = None  # None: everything planned was read
    left: dict[int, Key | None] = field(default_factory=dict)  # as in ScanCursor

    def cursor(self, plan: ScanPlan) -> ScanCursor | None:
        """Return where a later scan goes on; None where nothing is left."""
        return ScanCursor(plan.total_segments, dict(self.left)) if self.left else None


def scan(
    client: DynamoDBClient,
    plan: ScanPlan,
    budget: Budget,
    rate: ReadRate,
    take: Callable[[Page], Stop | None],
) -> ScanOutcome:
    """
    Give every page of the planned segments to *take*, one at a time, from several threads.

    Where *take* answers a Stop, no other page comes.

    Raises:
        StoreError: A call failed; pages already taken stay taken.
    """
    return _Scan(client, plan, budget, rate, take).run()


class _Scan:
    """One scan's threads and what they share."""

    def __init__(
        self,
        client: DynamoDBClient,
        plan: ScanPlan,
        budget: Budget,
        rate: ReadRate,
        take: Callable[[Page], Stop | None],
    ) -> None:
        self._client, self._plan, self._budget = client, plan, budget
        self._rate, self._take = rate, take
        self._request = plan.request()
        self._waiting = deque(plan.segments)
        left = {segment: plan.after.get(segment) for segment in plan.segments}
        self._outcome = ScanOutcome(left=left)
        self._error: BaseException | None = None
        self._stopping = False  # begin no page; those on their way still count
        self._closed = False  # nothing counts any more
        self._changed = threading.Condition()
        self._working = 0

    def run(self) -> ScanOutcome:
        self._working = min(self._plan.threads, len(self._plan.segments))
        for number in range(self._working):
            # Not an executor: it would wait at exit for a call that hangs.
            threading.Thread(target=self._work, name=f"scan-{number}", daemon=True).start()
        with self._changed:
            while self._working and self._error is None and not self._closed:
                in_time = self._changed.wait(timeout=max(0.0, self._budget.left_s()))
                if not in_time and self._working:
                    self._stop_for_time()
                    break
            self._closed = True
            if self._error is not None:
                raise self._error
            return self._outcome

    def _work(self) -> None:
        try:
            while (segment := self._next()) is not None:
                self._read_segment(segment)
        except BaseException as error:  # noqa: BLE001 - carried to the thread that called scan()
            with self._changed:
                self._error = self._error or error
        finally:
            with self._changed:
                self._working -= 1
                self._changed.notify_all()

    def _next(self) -> int | None:
        with self._changed:
            if self._stopping or self._closed or not self._waiting:
                return None
            return self._waiting.popleft()

    def _read_segment(self, segment: int) -> None:
        start: Mapping[str, Any] = self._plan.after.get(segment) or {}
        while True:
            delay_s, booked = self._rate.book()
            if not self._budget.allows(delay_s + PAGE_S):
                with self._changed:
                    self._stop_for_time()
                return
            self._rate.wait(delay_s)
            if self._closed:  # meanwhile; a call would be paid for and thrown away
                return
            answer = self._call(segment, start)
            used = float(answer.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0))
            self._rate.settle(booked, used)
            start = answer.get("LastEvaluatedKey", {})
            rows = answer["Items"]
            scanned = int(answer.get("ScannedCount", len(rows)))
            page = Page(segment, rows, scanned, used, last=not start)
            if not self._deliver(page, start) or page.last:
                return

    def _call(self, segment: int, start: Mapping[str, Any]) -> Any:
        request = {**self._request, "Segment": segment}
        if start:
            request["ExclusiveStartKey"] = start
        table = f"table {self._plan.table}"
        with explained("dynamodb:Scan", table, setting=self._plan.setting):
            return self._client.scan(**request)

    def _deliver(self, page: Page, after: Key) -> bool:
        """Hand over and count *page*, *after* which its segment goes on; False once closed."""
        with self._changed:
            if self._closed:
                return False
            stop = self._take(page)
            self._count(page, ended=page.last and stop is None)
            if stop is not None:
                self._closed = True
                self._outcome.stopped = stop.reason
                if stop.after:
                    self._outcome.left[page.segment] = stop.after
            elif not page.last:
                self._outcome.left[page.segment] = after
            return stop is None

    def _count(self, page: Page, *, ended: bool) -> None:
        outcome = self._outcome
        outcome.pages += 1
        outcome.rows += page.scanned
        outcome.read_units += page.read_units
        if ended:
            outcome.finished.add(page.segment)
            outcome.partial_rows.pop(page.segment, None)
            outcome.left.pop(page.segment)
        else:
            seen = outcome.partial_rows.get(page.segment, 0)
            outcome.partial_rows[page.segment] = seen + page.scanned

    def _stop_for_time(self) -> None:
        self._stopping = True
        if not self._closed:
            self._outcome.stopped = STOPPED_FOR_TIME
