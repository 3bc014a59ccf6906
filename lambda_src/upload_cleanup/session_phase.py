"""
The phase that is decided by value: count every session, clean up the expired, mark the stuck.

Calls: dynamodb:Scan, then what ``expired`` and ``stuck`` do. It is bounded, not gated: it stops
after so many deletions, or in time, and says where to go on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from expiry.cursors import ScanCursor
from expiry.outcomes import Account, Outcome
from upload_cleanup.audit import Action
from upload_cleanup.census import Census, Scanner
from upload_cleanup.claims import Claims
from upload_cleanup.context import Context, Problems
from upload_cleanup.expired import REASON, Batch, Expired
from upload_cleanup.stuck import Stuck

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mypy_boto3_dynamodb import DynamoDBClient

    from expiry.outcomes import Result
    from upload_cleanup.sessions import Session

LEAST_BATCH_S = 2.0
REMOVED = frozenset({Outcome.DELETED, Outcome.WOULD_DELETE})


@dataclass(slots=True)
class SessionReport:
    """What the phase answers; a dry run counts what it would have done."""

    census: Census = field(default_factory=Census)
    outcomes: Account = field(default_factory=Account)
    processed: int = 0  # sessions removed, but for the next
    failed_processed: int = 0  # that were ``created`` and long expired
    aborted: int = 0
    objects_deleted: int = 0
    freed_bytes: int = 0
    marked_partial: int = 0
    problems: Problems = field(default_factory=Problems)
    cursor: Mapping[str, Any] | None = None  # None: the phase is complete


class SessionPhase:
    """Classes 1 to 3 of a run; ``report`` holds what is known, also where ``run`` fails."""

    def __init__(
        self,
        context: Context,
        client: DynamoDBClient,
        table_bytes: int,
        place: Mapping[str, Any],
    ) -> None:
        """Begin where the cursor at *place* says, or with the whole table."""
        self.report = SessionReport()
        self._context = context
        self._place = place
        self._scanner = Scanner(context, client, table_bytes)
        settings = context.settings
        self._claims = Claims(
            settings.table, settings.attributes, context.run_id, context.moment.cutoff_s
        )

    def run(self) -> SessionReport:
        """
        Do the phase's work within the budget.

        Raises:
            StoreError: The sessions could not be read; what was begun can be gone on with.
        """
        report = self.report
        census = report.census = self._scanner.run(self._place)
        stuck = Stuck(self._context, self._claims, report.problems)
        done = self._clean(report, stuck)
        self._give_back(census.renewed)
        report.marked_partial += stuck.mark_old(census.stuck)
        self._tell_outside(census)
        report.cursor = self._next(census, done=done and self._context.budget.allows(0.0))
        return report

    def _clean(self, report: SessionReport, stuck: Stuck) -> bool:
        """Clean up all that the census has found; False where time or the allowance ended."""
        expired = Expired(self._context, self._claims, report.census.references)
        batch_s = LEAST_BATCH_S
        for sessions in self._batches(report.census.expired):
            if not self._context.budget.allows(batch_s):
                return False
            began_s = self._context.clock()
            free = sessions
            if self._context.settings.review_expired_with_parts:
                marked, free = stuck.mark_expired(sessions)
                report.marked_partial += marked
            granted = self._context.allowance.take_some(len(free))
            self._count(expired.clean(free[:granted]), report, granted)
            if granted < len(free):
                return False
            batch_s = max(batch_s, self._context.clock() - began_s)
        return not report.census.left_out

    def _batches(self, sessions: list[Session]) -> Iterator[list[Session]]:
        """Group sessions by key: those that share one go together."""
        sessions.sort(key=lambda session: session.key)
        size = self._context.settings.batch_size
        for start in range(0, len(sessions), size):
            yield sessions[start : start + size]

    def _count(self, batch: Batch, report: SessionReport, granted: int) -> None:
        results = batch.results()
        report.outcomes.add(results)
        self._context.allowance.give_back(granted - sum(r.outcome in REMOVED for r in results))
        for held in batch.held:
            report.aborted += held.aborted in REMOVED
            if held.removed:
                report.objects_deleted += 1
                report.freed_bytes += held.removed.size
        before_s = self._context.moment.now_s - self._context.settings.stuck_s
        for result in results:
            self._tell(result)
            if result.outcome is Outcome.FAILED:
                report.problems.add(result.victim.id, result.detail)
            elif result.outcome in REMOVED and result.victim.failed_before(before_s):
                report.failed_processed += 1
            elif result.outcome in REMOVED:
                report.processed += 1

    def _tell(self, result: Result[Session]) -> None:
        session = result.victim
        evidence = {"key": session.key, "ttl": session.ttl, "status": session.previous_status}
        action = Action(
            "delete_session", session.id, REASON, evidence, result.outcome, result.detail
        )
        self._context.trail.note([action])

    def _give_back(self, renewed: list[Session]) -> None:
        """Take the claims of runs that died off sessions that live again."""
        statements = [
            self._claims.give_back(session, run_id=session.claim.run_id)
            for session in renewed
            if session.claim
        ]
        answers = self._context.rows.execute(statements)
        for session, answer in zip(renewed, answers, strict=True):
            evidence = {"ttl": session.ttl, "status": session.previous_status}
            action = Action(
                "give_back", session.id, "renewed after a claim", evidence, answer.effect
            )
            self._context.trail.note([action])

    def _tell_outside(self, census: Census) -> None:
        if census.outside:
            self._context.logger.warning(
                "kept: key outside the prefix",
                extra={"sessions": census.outside, "prefix": self._context.settings.prefix},
            )

    def _next(self, census: Census, *, done: bool) -> Mapping[str, Any] | None:
        """Return where to go on: behind what was read, once all that was found is dealt with."""
        if not done:
            return self._scanner.start(self._place).as_json()
        left = census.outcome.left
        return ScanCursor(census.total_segments, left).as_json() if left else None
