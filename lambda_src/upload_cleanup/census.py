"""
Read every session once, count it in its class, and keep those that something is to be done with.

Calls: dynamodb:Scan, of the attributes that decide. Memory is bounded by what the run may delete:
of everything else only numbers are kept, and the keys that do not name their own session.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from expiry.budget import Budget, Pace, ReadRate
from expiry.cursors import ScanCursor
from expiry.scanning import Page, Row, ScanOutcome, ScanPlan, scan
from upload_cleanup.context import Living
from upload_cleanup.sessions import (
    CLAIMED_AT,
    PREVIOUS_STATUS,
    RUN,
    Session,
    Standing,
    classify,
)
from upload_cleanup.settings import TABLE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from mypy_boto3_dynamodb import DynamoDBClient

    from upload_cleanup.context import Context
    from upload_cleanup.settings import Attributes

SEGMENT_BYTES = 64 * 1024 * 1024
MOST_SEGMENTS = 10_000
ROWS_IN_MEMORY = 12_000  # over all threads: boto3 takes 2.5 kB a row while it parses them
LEAST_PAGE_ROWS = 1_000
MOST_REFERENCES = 100_000
TIME_SHARE = 0.5  # of what is left: the rest is for acting on what was found
SAMPLES = 100


class PageRate(ReadRate):
    """Counts a scan's pages as requests like any other."""

    def __init__(self, pace: Pace) -> None:
        """Let pages go at *pace*."""
        self._pace = pace

    def book(self) -> tuple[float, float]:
        """Return the seconds to wait before the next page."""
        return self._pace.book(), 0.0

    def wait(self, delay_s: float) -> None:
        """Sleep for the *delay_s* that a booking gave."""
        self._pace.wait(delay_s)

    def settle(self, booked: float, used: float) -> None:
        """Correct nothing: a request costs one request."""


@dataclass(slots=True)
class References:
    """Keys that rows have and that do not name their own session: who else may need an object."""

    by_key: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    crowded: bool = False  # too many to keep: then nobody knows

    def add(self, key: str, session_id: str) -> None:
        """Note that a session has a key of another name."""
        if len(self.by_key) >= MOST_REFERENCES:
            self.crowded = True
        else:
            self.by_key[key].add(session_id)

    def others(self, session: Session, owner_id: str | None) -> set[str]:
        """Return the sessions that may need *session*'s object beside itself."""
        named = self.by_key.get(session.key, set()) | ({owner_id} if owner_id else set())
        return named - {session.id}


@dataclass(slots=True)
class Census:
    """What the scan has found."""

    standings: Counter[Standing] = field(default_factory=Counter)
    uploaded_with_ttl: int = 0
    uploaded_with_claim: int = 0
    living: Living = field(default_factory=Living)
    expired: list[Session] = field(default_factory=list)
    stuck: list[Session] = field(default_factory=list)  # with an upload to look at
    renewed: list[Session] = field(default_factory=list)
    references: References = field(default_factory=References)
    left_out: int = 0  # expired, and over what this run may delete
    outside: list[str] = field(default_factory=list)  # samples of ids
    outcome: ScanOutcome = field(default_factory=ScanOutcome)
    total_segments: int = 1


@dataclass(frozen=True, slots=True)
class Scanner:
    """Takes the census of one table."""

    context: Context
    client: DynamoDBClient
    table_bytes: int  # as DescribeTable says: about six hours old

    def run(self, place: Mapping[str, Any]) -> Census:
        """
        Read all segments, or those that the cursor at *place* has left.

        Raises:
            StoreError: A page could not be read.
        """
        cursor = self.start(place)
        census = Census(total_segments=cursor.total_segments)
        budget = self.context.budget
        share = Budget(
            budget.remaining_ms, budget.reserve_s + max(0.0, budget.left_s()) * TIME_SHARE
        )
        census.outcome = scan(
            self.client,
            self._plan(cursor),
            share,
            PageRate(self.context.pace),
            lambda page: self._take(page, census),
        )
        census.living.complete = census.outcome.stopped is None and not place
        census.living.elsewhere = census.references.by_key.keys()
        return census

    def start(self, place: Mapping[str, Any]) -> ScanCursor:
        """Return where to begin: a large table has so many segments that each is soon read."""
        if place:
            return ScanCursor.parse(place)
        wanted = max(self.context.settings.scan_segments, self.table_bytes // SEGMENT_BYTES)
        return ScanCursor.whole(min(wanted, MOST_SEGMENTS), self.context.run_id)

    def _plan(self, cursor: ScanCursor) -> ScanPlan:
        settings = self.context.settings
        threads = min(settings.scan_segments, settings.threads)
        return ScanPlan(
            table=settings.table,
            setting=TABLE_VARIABLE,
            attributes=_attributes(settings.attributes),
            total_segments=cursor.total_segments,
            segments=list(cursor.left),
            threads=threads,
            page_rows=max(LEAST_PAGE_ROWS, ROWS_IN_MEMORY // threads),
            after=cursor.left,
        )

    def _take(self, page: Page, census: Census) -> None:
        for row in page.rows:
            self._count(row, census)

    def _count(self, row: Row, census: Census) -> None:
        context, names = self.context, self.context.settings.attributes
        standing, session = classify(row, context.settings, context.moment, context.run_id)
        census.standings[standing] += 1
        key, session_id = row.get(names.key, {}).get("S"), row.get(names.session_id, {}).get("S")
        named = context.settings.key_pattern.session_id(key) if key else None
        if key and named != session_id:
            census.references.add(key, session_id or "")
        match standing:
            case Standing.UPLOADED:
                census.uploaded_with_ttl += "N" in row.get(names.ttl, {})
                census.uploaded_with_claim += RUN in row
                # Others have an object that the listing finds under another session, or not at all.
                census.living.uploaded += bool(
                    key and named == session_id and key.startswith(context.settings.prefix)
                )
            case Standing.OUTSIDE if session and len(census.outside) < SAMPLES:
                census.outside.append(session.id)
            case _ if session:
                self._keep(session, standing, census)

    def _keep(self, session: Session, standing: Standing, census: Census) -> None:
        most = self.context.settings.max_deletes
        if standing is Standing.EXPIRED:
            if len(census.expired) < self.context.allowance.left:
                census.expired.append(session)
            else:
                census.left_out += 1
        elif standing is Standing.STUCK and session.upload_id and len(census.stuck) < most:
            census.stuck.append(session)
        elif standing is Standing.RENEWED and len(census.renewed) < most:
            census.renewed.append(session)


def _attributes(names: Attributes) -> tuple[str, ...]:
    own = (RUN, CLAIMED_AT, PREVIOUS_STATUS)
    return (
        names.session_id,
        names.upload_type,
        names.key,
        names.upload_id,
        names.status,
        names.ttl,
        names.created_at,
        *own,
    )
