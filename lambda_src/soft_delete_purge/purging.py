"""
Purge records one after the other, or many at a time; remember and send on what fails.

Calls: sqs:SendMessage for what failed. Owns the tally of a run.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from expiry.errors import ConnectionLostError, DatabaseError, ExpiryError, StoreError
from expiry.outcomes import Account, Outcome, Result
from soft_delete_purge import batch, dry, objects, record
from soft_delete_purge.queues import Message
from soft_delete_purge.settings import Transaction
from soft_delete_purge.sight import Ahead
from soft_delete_purge.terms import nothing_seen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from expiry.postgres.pacing import BatchSize
    from expiry.postgres.session import Session
    from soft_delete_purge.context import Context
    from soft_delete_purge.failures import Failure
    from soft_delete_purge.purged import Purged
    from soft_delete_purge.terms import Look, Terms

RECORD_S = 2.0  # a record rarely takes longer; it is not begun where it might not end
DRAIN_S = 15.0  # kept for the files of what was purged
LOOK_AHEAD = 500  # records whose files are looked at together
DRAIN_SHARE = 0.25  # of what a short run has


class Stop(StrEnum):
    """Why a run took up no more records."""

    LIMIT = "limit"
    TIME = "time"


@dataclass(slots=True)
class Tally:
    """What became of records, and of all that hung on them."""

    outcomes: Account = field(default_factory=Account)
    children: Counter[str] = field(default_factory=Counter)  # rows by table
    released: Counter[str] = field(default_factory=Counter)  # rows by the plan's names
    shared_deleted: Counter[str] = field(default_factory=Counter)
    shared_kept: Counter[str] = field(default_factory=Counter)
    objects: int = 0
    object_bytes: int = 0
    kept: Counter[str] = field(default_factory=Counter)
    records: list[Purged] = field(default_factory=list)  # of a dry run
    errors: list[tuple[str, str]] = field(default_factory=list)  # key, reason
    warnings: list[str] = field(default_factory=list)
    stopped: Stop | None = None

    def add(self, purged: Purged) -> None:
        """Count one record."""
        self.outcomes.add([Result(purged.key, purged.outcome, purged.reason)])
        self.children.update(purged.children)
        self.released.update(purged.released)
        self.shared_deleted.update(purged.shared_deleted)
        self.shared_kept.update(purged.shared_kept)
        self.objects += len(purged.objects)
        self.object_bytes += sum(each.size or 0 for each in purged.objects)
        self.kept.update(purged.kept)
        if purged.outcome is Outcome.WOULD_DELETE:
            self.records.append(purged)
        if purged.outcome is Outcome.FAILED:
            self.errors.append((purged.key, purged.reason))


@dataclass(slots=True)
class Purging:
    """Purges within the budget, and tells of each record."""

    context: Context
    tally: Tally = field(default_factory=Tally)
    failed: list[Failure] = field(default_factory=list)

    def run(self, keys: Sequence[str]) -> None:
        """
        Purge *keys*; a dry run takes them all at once, because of what they share.

        Raises:
            DatabaseError: The session was lost for good: what was not tried is still due.
        """
        try:
            self._go_through(keys)
        except ExpiryError:
            self.send_on(self.failed)
            raise
        self.send_on(self.failed)

    def one(self, key: str, terms: Terms, look: Look | None = None) -> Purged:
        """Purge the record with this *key*, on a new session where this one is lost."""
        context = self.context
        look = look or context.look

        def work(session: Session) -> Purged:
            purged = record.purge(session, context.bound, key, terms, look, sleep=context.sleep)
            if isinstance(purged.error, ConnectionLostError):
                raise purged.error
            return purged

        return context.link.attempt(work)

    def account(self, purged: Purged, terms: Terms) -> Failure | None:
        """Count a record, and tell of it; return what is known of it where it failed."""
        self.tally.add(purged)
        self._tell(purged, terms)
        if purged.outcome is not Outcome.FAILED:
            return None
        return self.context.link.attempt(
            lambda session: self.context.failures.note(
                session, purged.key, purged.reason, terms.correlation_id
            )
        )

    # Ways to go through them

    def _go_through(self, keys: Sequence[str]) -> None:
        if self.context.dry_run:
            self._dry(keys)
            return
        size = batch.sized()
        for start in range(0, len(keys), LOOK_AHEAD):
            if not self._may_go_on(0):
                return
            block = keys[start : start + LOOK_AHEAD]
            look = self._looked_ahead(block)
            if self.context.settings.transaction is Transaction.BATCH:
                self._batches(block, look, size)
            else:
                self._one_by_one(block, look)

    def _looked_ahead(self, keys: Sequence[str]) -> Look:
        """Look at the files of many records at once; no lock is held, and S3 may be slow."""
        context = self.context
        if context.look is nothing_seen:
            return nothing_seen
        try:
            seen = context.link.attempt(
                lambda session: objects.surveyed(session, context.bound, keys, context.look)
            )
        except ConnectionLostError:
            raise
        except DatabaseError:
            return context.look  # what is wrong with one of them is found with that one
        return Ahead(seen, context.look)

    def _one_by_one(self, keys: Sequence[str], look: Look) -> None:
        for key in keys:
            if not self._may_go_on(1):
                return
            self._account(self.one(key, self.context.terms, look))

    def _batches(self, keys: Sequence[str], look: Look, size: BatchSize) -> None:
        left = list(keys)
        while left:
            chunk, left = left[: size.rows], left[size.rows :]
            if not self._may_go_on(len(chunk)):
                return
            for purged in self._many(chunk, look, size):
                self._account(purged)

    def _many(self, keys: Sequence[str], look: Look, size: BatchSize) -> list[Purged]:
        context, done = self.context, dict[str, "Purged"]()

        def work(session: Session) -> None:
            left = [key for key in keys if key not in done]
            lost = None
            for purged in batch.purge(
                session,
                context.bound,
                left,
                context.terms,
                look,
                size=size,
                clock=context.clock,
                sleep=context.sleep,
            ):
                if isinstance(purged.error, ConnectionLostError):
                    lost = purged.error
                else:
                    done[purged.key] = purged
            if lost is not None:
                raise lost

        context.link.attempt(work)
        return [done[key] for key in keys]

    def _dry(self, keys: Sequence[str]) -> None:
        context = self.context
        for purged in context.link.attempt(
            lambda session: dry.purge(session, context.bound, keys, context.terms, context.look)
        ):
            self._account(purged)

    def _may_go_on(self, records: int) -> bool:
        """Ask the budget, and wait for the pace."""
        budget = self.context.budget
        wait_s = self.context.pace.book(records)
        reserve_s = min(DRAIN_S, budget.left_s() * DRAIN_SHARE)
        if not budget.allows(wait_s + RECORD_S + reserve_s):
            self.tally.stopped = Stop.TIME
            return False
        self.context.pace.wait(wait_s)
        return True

    # What is said of them

    def _account(self, purged: Purged) -> None:
        failure = self.account(purged, self.context.terms)
        if failure is not None:
            self.failed.append(failure)

    def _tell(self, purged: Purged, terms: Terms) -> None:
        """Log one event: whose, what became of it, and counts; never what a row held."""
        event = self.context.settings.event_name
        extra = {
            "event": event,
            "record": purged.key,
            "outcome": purged.outcome,
            "children": dict(purged.children),
            "released": dict(purged.released),
            "sharedDeleted": dict(purged.shared_deleted),
            "sharedKept": dict(purged.shared_kept),
            "objects": len(purged.objects),
            "kept": dict(purged.kept),
            self.context.settings.correlation_key: terms.correlation_id,
        }
        if purged.reason:
            extra["reason"] = purged.reason
        log = self.context.logger
        (log.warning if purged.outcome is Outcome.FAILED else log.info)(event, extra=extra)

    def send_on(self, failed: Sequence[Failure]) -> None:
        """Send what failed to its queue; a queue that does not take it ends nothing."""
        context = self.context
        try:
            taken = context.queues.bury(self._messages(each for each in failed if each.resting))
            waiting = (each for each in failed if not each.resting and each.queued_at is None)
            taken |= context.queues.retry(self._messages(waiting))
        except StoreError as error:
            self._warn(f"not sent to a queue, so the next run tries again: {error}")
            return
        if taken:
            context.link.attempt(lambda session: context.failures.queued(session, taken))

    def _messages(self, failures: Iterable[Failure]) -> list[Message]:
        root = str(self.context.bound.plan.root.relation)
        return [Message.of(root, failure) for failure in failures]

    def _warn(self, text: str) -> None:
        self.tally.warnings.append(text)
        self.context.logger.warning("queue", extra={"reason": text})
