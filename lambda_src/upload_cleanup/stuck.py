"""
Mark uploads that got stuck for review by a person; abort nothing, delete nothing.

Calls: s3:ListMultipartUploadParts, and a conditional update through the actor of the context.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from expiry.batches import Effect
from expiry.errors import StoreError
from expiry.parallel import in_parallel
from upload_cleanup.audit import Action
from upload_cleanup.sessions import CREATED, Session

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from expiry.batches import Answer
    from expiry.multipart import Parts
    from upload_cleanup.claims import Claims
    from upload_cleanup.context import Context, Problems


@dataclass(frozen=True, slots=True)
class Stuck:
    """Looks at the parts of sessions, and marks those that have some."""

    context: Context
    claims: Claims
    problems: Problems

    def mark_old(self, sessions: Sequence[Session]) -> int:
        """Mark living sessions whose newest part is as old as they are stuck; return how many."""
        before_s = self.context.moment.now_s - self.context.settings.stuck_s
        parts = self._parts(sessions)
        old = [
            session
            for session in sessions
            if (found := parts.get(session.id)) and found.newest_s and found.newest_s < before_s
        ]
        return self._mark(old, parts, "stuck upload has parts")

    def mark_expired(self, sessions: Sequence[Session]) -> tuple[int, list[Session]]:
        """Mark expired sessions that have parts; return how many, and those without any."""
        reviewed = [each for each in sessions if each.upload_id and each.status == CREATED]
        parts = self._parts(reviewed)
        some = [each for each in reviewed if (found := parts.get(each.id)) and found.count]
        unread = {each.id for each in reviewed} - parts.keys()
        kept = unread | {each.id for each in some}
        marked = self._mark(some, parts, "expired upload has parts")
        return marked, [each for each in sessions if each.id not in kept]

    def _parts(self, sessions: Sequence[Session]) -> dict[str, Parts | None]:
        """Return the parts by session; one whose parts could not be read is left out."""
        found: dict[str, Parts | None] = {}
        context = self.context
        in_parallel(
            [partial(self._read, found, session) for session in sessions],
            threads=context.settings.threads,
            budget=context.budget,
        )
        return dict(found)

    def _read(self, found: dict[str, Parts | None], session: Session) -> None:
        try:
            found[session.id] = self.context.uploads.parts(session.key, session.upload_id or "")
        except StoreError as error:
            self.problems.add(session.id, str(error))

    def _mark(
        self, sessions: Sequence[Session], parts: Mapping[str, Parts | None], reason: str
    ) -> int:
        context = self.context
        until_s = context.moment.now_s + context.settings.partial_review_s
        answers = context.rows.execute(
            [self.claims.mark_partial(session, until_s) for session in sessions]
        )
        for session, answer in zip(sessions, answers, strict=True):
            if answer.effect is Effect.FAILED:
                self.problems.add(session.id, answer.detail)
            context.trail.note([self._action(session, parts[session.id], answer, reason)])
        return sum(answer.effect is Effect.DONE for answer in answers)

    def _action(self, session: Session, parts: Parts | None, answer: Answer, reason: str) -> Action:
        evidence = {
            "key": session.key,
            "upload_id": session.upload_id,
            "parts": parts.count if parts else 0,
            "newest_part_s": parts.newest_s if parts else None,
        }
        done = "would_mark_partial" if self.context.dry_run else "marked_partial"
        outcome = done if answer.effect is Effect.DONE else str(answer.effect)
        return Action("mark_partial", session.id, reason, evidence, outcome, answer.detail)
