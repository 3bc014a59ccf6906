"""
Delete the files in the outbox, each only if no row names its key now and it is what it was.

Calls: those of ``Objects``. Page by page: claim entries, look what lies at keys of which nothing is
known, ask the tables which keys they name, delete by ETag, settle in bulk. Trouble with S3 ends no
run: what it did not confirm stays in the outbox.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from expiry.errors import StoreError
from expiry.objects import ObjectCandidate
from expiry.outcomes import Outcome, Result
from soft_delete_purge import objects, outbox
from soft_delete_purge.looking import looked_up
from soft_delete_purge.sight import prefixes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from aws_lambda_powertools.logging import Logger

    from expiry.budget import Budget
    from expiry.objects import Listed, Objects
    from expiry.postgres.link import Link
    from expiry.postgres.session import Session
    from soft_delete_purge.outbox import Entry
    from soft_delete_purge.paths import Bound
    from soft_delete_purge.terms import Seen

PAGE = 1_000  # keys: one call of DeleteObjects
PAGE_S = 5.0  # a page rarely takes longer; it is not begun where it might not end
# An object that was uploaded in parts is as old as the beginning of its upload: one that the purge
# had not seen may be somebody's newer one, until it has been there for so long.
SETTLE_S = 24 * 3_600
REASON = "purged"

ELSEWHERE = "it lies under no key_prefix of the plan"
YOUNGER = "uploaded after the purge"
NAMED = "a row names it"
STAYING = {Outcome.CHANGED, Outcome.PROTECTED}


@dataclass(slots=True)
class Drained:
    """What became of the entries that a drain took up."""

    outcomes: Counter[Outcome] = field(default_factory=Counter)
    freed_bytes: int = 0
    marked_bytes: int = 0  # behind delete markers: free once the bucket's rules say so
    settling: int = 0  # left for a later run, which will know whose they are
    errors: list[tuple[str, str]] = field(default_factory=list)  # key, reason
    trouble: str = ""  # with S3 itself: the pages that follow were not tried
    complete: bool = True  # all was tried that nobody else tries


@dataclass(slots=True)
class _Page:
    """Entries on their way, by id; each ends, or is kept, once."""

    waiting: dict[int, Entry]
    ended: list[int] = field(default_factory=list)
    kept: dict[int, str | None] = field(default_factory=dict)  # with what failed, if anything did


@dataclass(slots=True)
class Drain:
    """Empties the outbox as far as S3, the tables and the time allow."""

    link: Link
    bound: Bound
    objects_in: Callable[[str], Objects]  # by the bucket's name
    budget: Budget
    logger: Logger
    claim: int  # a number that no other drain has
    found: Drained = field(default_factory=Drained)
    _locked_in: int = 0  # the server's process that holds the claim's lock

    def run(self) -> Drained:
        """
        Drain what nobody else drains; what fails is left for the next run.

        Raises:
            DatabaseError: The tables do not say what they name: nothing more was deleted.
        """
        last = 0
        while not self.found.trouble:
            if not self.budget.allows(PAGE_S):
                self.found.complete = False
                break
            entries = self.link.attempt(partial(self._claimed, after=last))
            if not entries:
                break
            last = entries[-1].id
            self._page(_Page({entry.id: entry for entry in entries}))
        return self.found

    def _claimed(self, session: Session, after: int) -> list[Entry]:
        if self._locked_in != session.process_id:
            outbox.lock(session, self.claim)
            self._locked_in = session.process_id
        return outbox.claim(session, self.claim, after, PAGE)

    def _page(self, page: _Page) -> None:
        self._look(page)
        for entry in [each for each in page.waiting.values() if _is_settling(each)]:
            self.found.settling += 1
            self._keep(page, entry, None)
        keys = {entry.key for entry in page.waiting.values()}
        if keys:  # right before the delete
            named = self.link.attempt(
                lambda session: objects.named(session, self.bound, sorted(keys))
            )
            for entry in [each for each in page.waiting.values() if each.key in named]:
                self._end(page, entry, Outcome.PROTECTED, NAMED)
        self._delete(page)
        self.link.attempt(lambda session: outbox.settle(session, page.ended))
        self.link.attempt(lambda session: outbox.give_back(session, page.kept))

    # What is not known yet

    def _look(self, page: _Page) -> None:
        """See what lies at the keys of which the purge could not know it."""
        together: defaultdict[str, list[Entry]] = defaultdict(list)
        for entry in page.waiting.values():
            if entry.etag is None:
                together[entry.bucket].append(entry)
        found: dict[int, Listed] = {}
        for bucket, entries in together.items():
            seen = self._seen(bucket, {entry.key for entry in entries})
            for entry in entries:
                if entry.key not in seen:
                    self._keep(page, entry, self.found.trouble or ELSEWHERE)
                elif (listed := self._judged(page, entry, seen[entry.key])) is not None:
                    found[entry.id] = listed
        if found:
            self.link.attempt(lambda session: outbox.saw(session, found))

    def _seen(self, bucket: str, keys: Collection[str]) -> Seen:
        try:
            return looked_up(self.objects_in(bucket), keys, prefixes_of(self.bound.plan))
        except StoreError as error:
            self.found.trouble = str(error)
            return {}

    def _judged(self, page: _Page, entry: Entry, listed: Listed | None) -> Listed | None:
        """Return what may be what the purged record named; end the entry where nothing is."""
        if listed is None:
            self._end(page, entry, Outcome.GONE)
            return None
        if listed.last_modified_s > entry.enqueued_s:
            self._end(page, entry, Outcome.CHANGED, YOUNGER)
            return None
        seen = entry._replace(etag=listed.etag, size=listed.size, seen_for_s=0.0)
        page.waiting[entry.id] = seen
        return listed

    # Acting

    def _delete(self, page: _Page) -> None:
        buckets: defaultdict[str, list[ObjectCandidate]] = defaultdict(list)
        for entry in page.waiting.values():
            buckets[entry.bucket].append(
                ObjectCandidate(
                    key=entry.key,
                    etag=entry.etag or "",
                    last_modified_s=0.0,
                    size=entry.size or 0,
                    reason=REASON,
                    evidence={"id": entry.id},
                )
            )
        for bucket, candidates in buckets.items():
            try:
                results = self.objects_in(bucket).delete(candidates)
            except StoreError as error:
                results = [Result(each, Outcome.FAILED, str(error)) for each in candidates]
            for result in results:
                self._take(page, result)
            if all(result.outcome is Outcome.FAILED for result in results):
                self.found.trouble = results[0].detail

    def _take(self, page: _Page, result: Result[ObjectCandidate]) -> None:
        entry = page.waiting[result.victim.evidence["id"]]
        if result.outcome is Outcome.FAILED:
            self._keep(page, entry, result.detail)
            return
        if result.outcome is Outcome.DELETED:
            self.found.freed_bytes += 0 if result.detail else result.victim.size
            self.found.marked_bytes += result.victim.size if result.detail else 0
        self._end(page, entry, result.outcome, result.detail)

    # Accounting

    def _end(self, page: _Page, entry: Entry, outcome: Outcome, reason: str = "") -> None:
        del page.waiting[entry.id]
        page.ended.append(entry.id)
        self.found.outcomes[outcome] += 1
        if outcome in STAYING:
            extra = {"key": entry.key, "outcome": outcome, "reason": reason}
            self.logger.info("file stays", extra=extra)

    def _keep(self, page: _Page, entry: Entry, error: str | None) -> None:
        del page.waiting[entry.id]
        page.kept[entry.id] = error
        if error is not None:
            self.found.outcomes[Outcome.FAILED] += 1
            self.found.errors.append((entry.key, error))
            extra = {"key": entry.key, "reason": error, "attempts": entry.attempts}
            self.logger.warning("file not deleted yet", extra=extra)


def _is_settling(entry: Entry) -> bool:
    late = entry.seen_for_s is not None and entry.seen_for_s < SETTLE_S
    return late and "-" in (entry.etag or "")
