"""
Clean up expired sessions, a batch at a time: claim, abort, look, read again, delete, forget.

Calls: through the actors of the context only. Each step can be repeated, and the row goes last: a
run that is killed anywhere leaves a claim, and the next one goes on with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from expiry.batches import Effect
from expiry.errors import StoreError
from expiry.objects import Listed, ObjectCandidate
from expiry.outcomes import Outcome, Result
from expiry.parallel import in_parallel
from expiry.rows import RowCandidate
from upload_cleanup.audit import Action
from upload_cleanup.plans import plan_objects
from upload_cleanup.sessions import CLAIMED_AT, RUN, UPLOADED, Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from expiry.rows import Answer
    from expiry.scanning import Row
    from upload_cleanup.census import References
    from upload_cleanup.claims import Claims
    from upload_cleanup.context import Context

REASON = "session expired"
NO_TIME = "not tried: no time left"
SETTLING = "the object may be younger than it looks: it waits until the claim is old enough"
NEWER = "the object is newer than the claim"
RENEWED = "renewed or completed in between"
SHARED = "another session that is not expired has the same key"
CROWDED = "too many keys do not name their own session: nobody knows who shares one"
TAGGED = "the object carries the tag that protects"
UNKNOWN = "the session could not be read again"

REMOVED = frozenset({Outcome.DELETED, Outcome.WOULD_DELETE, Outcome.GONE})


class Verdict(StrEnum):
    """What is to become of the object of a session that is claimed."""

    NOTHING = "nothing"  # there is none
    DELETE = "delete"
    WAIT = "wait"  # for a later run
    NEWER = "newer"  # than the claim: whoever wrote it won


@dataclass(slots=True)
class Held:
    """A session that this run has claimed, and what it has found out since."""

    session: Session
    claimed_at_s: int
    aborted: Outcome | None = None  # None: it has no multipart upload
    found: Listed | None = None
    looked: bool = False
    removed: ObjectCandidate | None = None
    end: Result[Session] | None = None
    released: bool = False  # its claim is to be taken off again

    def ends(self, outcome: Outcome, detail: str = "", *, release: bool = False) -> None:
        """End it here; what comes first stays."""
        if self.end is None:
            self.end = Result(self.session, outcome, detail)
            self.released = release or outcome is Outcome.CHANGED


@dataclass(slots=True)
class Batch:
    """What became of a batch, each session exactly once."""

    held: list[Held] = field(default_factory=list)
    refused: list[Result[Session]] = field(default_factory=list)  # never claimed

    def results(self) -> list[Result[Session]]:
        """Return every session's end."""
        return [*self.refused, *(held.end for held in self.held if held.end)]


def verdict(held: Held, now_s: float, settle_s: int) -> Verdict:
    """
    Judge an object by its age against the claim.

    An upload that is not there any more while an object is was completed by somebody, and nobody
    can say when: a multipart object's time is when its upload began.
    """
    found = held.found
    if found is None:
        return Verdict.NOTHING
    if found.last_modified_s >= held.claimed_at_s:
        return Verdict.NEWER
    if now_s - held.claimed_at_s >= settle_s:
        return Verdict.DELETE
    completed = held.aborted is Outcome.GONE or found.multipart
    older = found.last_modified_s <= held.claimed_at_s - settle_s
    return Verdict.DELETE if older and not completed else Verdict.WAIT


@dataclass(frozen=True, slots=True)
class Expired:
    """Cleans up batches of one run."""

    context: Context
    claims: Claims
    references: References

    def clean(self, sessions: Sequence[Session]) -> Batch:
        """Clean up *sessions*; every one of them ends in the batch that is returned."""
        batch = Batch()
        free = self._not_shared(sessions, batch)
        self._claim(free, batch)
        self._each(batch.held, self._look)
        for held in batch.held:
            if not held.looked:
                held.ends(Outcome.FAILED, NO_TIME)
        self._delete_objects(self._judged(batch.held))
        self._delete_rows([held for held in batch.held if not held.end])
        self._give_back(batch.held)
        return batch

    # Before anything is written

    def _not_shared(self, sessions: Sequence[Session], batch: Batch) -> list[Session]:
        """Leave out sessions whose key another one has that is not dead."""
        blocked = self._blocked(sessions, self._dead)
        free = []
        for session in sessions:
            if session.id in blocked:
                batch.refused.append(Result(session, Outcome.PROTECTED, blocked[session.id]))
            else:
                free.append(session)
        return free

    def _dead(self, row: Row) -> bool:
        status = row.get(self.claims.names.status, {}).get("S")
        return status is not None and status != UPLOADED and self.claims.expired(row)

    def _blocked(
        self, sessions: Iterable[Session], let_go: Callable[[Row], bool]
    ) -> dict[str, str]:
        """Return the sessions, with the reason, whose key others have that do not *let_go*."""
        pattern = self.context.settings.key_pattern
        blocked: dict[str, str] = {}
        others: dict[str, set[str]] = {}
        for session in sessions:
            if self.references.crowded:
                blocked[session.id] = CROWDED
            elif found := self.references.others(session, session.owner_id(pattern)):
                others[session.id] = found
        if not others:
            return blocked
        keys = {other: self.claims.key(other) for each in others.values() for other in each}
        rows = self.context.rows.get(list(keys.values()), self._reread())
        for session_id, found in others.items():
            for other in found:
                row = rows.row(keys[other])
                if not (let_go(row) if row else rows.absent(keys[other])):
                    blocked[session_id] = SHARED
        return blocked

    def _claim(self, sessions: Sequence[Session], batch: Batch) -> None:
        now_s = int(self.context.wall_clock())
        answers = self.context.rows.execute([self.claims.take(each, now_s) for each in sessions])
        for session, answer in zip(sessions, answers, strict=True):
            if answer.effect is Effect.DONE:
                claim = session.claim
                batch.held.append(Held(session, claim.claimed_at_s if claim else now_s))
            else:
                batch.refused.append(_unclaimed(session, answer))

    # What there is

    def _each(self, held: Sequence[Held], look: Callable[[Held], None]) -> None:
        context = self.context
        work = [partial(look, each) for each in held]
        in_parallel(work, threads=context.settings.threads, budget=context.budget)

    def _look(self, held: Held) -> None:
        """Abort the upload, and only then look for the object: afterwards none is completed."""
        session = held.session
        if session.upload_id is not None:
            aborted = self.context.uploads.abort_until_empty(session.key, session.upload_id)
            self._note("abort_upload", session.key, held, aborted.outcome, aborted.detail)
            held.aborted = aborted.outcome
            if aborted.outcome is Outcome.FAILED:
                held.ends(Outcome.FAILED, aborted.detail)
        if not held.end:
            try:
                held.found = self.context.objects.find(session.key)
            except StoreError as error:
                held.ends(Outcome.FAILED, str(error))
        tag = self.context.settings.protect_tag
        if tag and held.found and self.context.objects.has_tag(session.key, tag):
            held.ends(Outcome.PROTECTED, TAGGED, release=True)
        held.looked = True

    def _judged(self, held: Sequence[Held]) -> list[Held]:
        """Return those whose object goes, their rows read again just now."""
        now_s, settle_s = self.context.wall_clock(), self.context.settings.settle_s
        going = []
        for each in held:
            match None if each.end else verdict(each, now_s, settle_s):
                case Verdict.WAIT:
                    each.ends(Outcome.PROTECTED, SETTLING)
                case Verdict.NEWER:
                    each.ends(Outcome.CHANGED, NEWER)
                case Verdict.DELETE:
                    going.append(each)
        self._read_again(held, going)
        return [each for each in going if not each.end]

    def _read_again(self, held: Sequence[Held], going: Sequence[Held]) -> None:
        open_ones = [each for each in held if not each.end]
        blocked = self._blocked([each.session for each in open_ones], self._ours)
        for each in open_ones:
            if each.session.id in blocked:
                each.ends(Outcome.PROTECTED, blocked[each.session.id], release=True)
        keys = [self.claims.key(each.session.id) for each in going]
        rows = self.context.rows.get(keys, self._reread()) if keys else None
        for each, key in zip(going, keys, strict=True):
            row = rows.row(key) if rows else None
            if rows and rows.absent(key):
                each.ends(Outcome.GONE)
            elif row is None:
                each.ends(Outcome.FAILED, UNKNOWN)
            elif not self._ours(row):
                each.ends(Outcome.CHANGED, RENEWED)

    def _ours(self, row: Row) -> bool:
        return self.claims.holds(row) and self.claims.expired(row)

    def _reread(self) -> tuple[str, ...]:
        return self.claims.names.status, self.claims.names.ttl, RUN, CLAIMED_AT

    # Acting

    def _delete_objects(self, going: Sequence[Held]) -> None:
        """Delete each object once, however many sessions have its key."""
        candidates = {
            each.found.key: ObjectCandidate.of(each.found, REASON, session=each.session.id)
            for each in going
            if each.found
        }
        if not candidates:
            return
        ends = {result.victim.key: result for result in self._delete(list(candidates.values()))}
        for each in going:
            end = ends[each.session.key]
            self._note("delete_object", each.session.key, each, end.outcome, end.detail)
            if end.outcome in REMOVED:
                each.removed = None if end.outcome is Outcome.GONE else end.victim
                ends[each.session.key] = Result(end.victim, Outcome.GONE)
            else:
                each.ends(end.outcome, end.detail)

    def _delete(self, candidates: Sequence[ObjectCandidate]) -> list[Result[ObjectCandidate]]:
        """Delete what the plan names; without a plan that is surely there, nothing."""
        context = self.context
        try:
            plan_objects(context, candidates)
            return context.objects.delete(candidates)
        except StoreError as error:
            return [Result(each, Outcome.FAILED, str(error)) for each in candidates]

    def _delete_rows(self, held: Sequence[Held]) -> None:
        removal = self.claims.removal()
        results = self.context.rows.delete(
            [RowCandidate(self.claims.key(each.session.id), removal, REASON) for each in held]
        )
        for each, result in zip(held, results, strict=True):
            each.ends(result.outcome, result.detail)

    def _give_back(self, held: Sequence[Held]) -> None:
        """Return the old status where somebody won; no condition but the claim is needed."""
        lost = [each.session for each in held if each.released]
        self.context.rows.execute([self.claims.give_back(session) for session in lost])

    def _note(self, action: str, key: str, held: Held, outcome: Outcome, detail: str) -> None:
        evidence: dict[str, object] = {
            "session": held.session.id,
            "ttl": held.session.ttl,
            "claimed_at_s": held.claimed_at_s,
        }
        if action == "abort_upload":
            evidence["upload_id"] = held.session.upload_id
        elif held.found:
            evidence |= {"etag": held.found.etag, "last_modified_s": held.found.last_modified_s}
        self.context.trail.note([Action(action, key, REASON, evidence, outcome, detail)])


def _unclaimed(session: Session, answer: Answer) -> Result[Session]:
    ends = {Effect.CHANGED: Outcome.CHANGED, Effect.GONE: Outcome.GONE}
    return Result(session, ends.get(answer.effect, Outcome.FAILED), answer.detail)
