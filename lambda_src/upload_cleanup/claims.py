"""
Write the statements that claim, release, mark and remove sessions, each with its condition.

Makes no call. Never writes the TTL of a session that is claimed: TTL itself goes on as it would.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from expiry.attributes import whole_seconds
from expiry.statements import Condition, Statement, update
from upload_cleanup.sessions import (
    CLAIMED_AT,
    CREATED,
    EXPIRING,
    PARTIAL,
    PREVIOUS_STATUS,
    RUN,
    Session,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from expiry.scanning import Row
    from expiry.statements import Key
    from upload_cleanup.settings import Attributes


@dataclass(frozen=True, slots=True)
class Claims:
    """One run's statements on one table."""

    table: str
    names: Attributes
    run_id: str
    cutoff_s: int

    def key(self, session_id: str) -> Key:
        """Return the key of a session's row."""
        return {self.names.session_id: {"S": session_id}}

    def take(self, session: Session, now_s: int) -> Statement:
        """Claim a session that is as it was read: expired, with the same status, key and upload."""
        condition = self._expired() & self._same(self.names.key, session.key)
        upload_id = "" if session.upload_id_is_empty else session.upload_id
        condition &= self._same(self.names.upload_id, upload_id)
        condition &= self._same(self.names.status, session.status)
        claim = session.claim
        if claim is not None:  # taken over: the time of the first claim stays
            condition &= self._same(RUN, claim.run_id)
            return self._update(session, condition, {RUN: {"S": self.run_id}})
        if session.status == EXPIRING:  # the application's own word: nobody has claimed it yet
            condition &= Condition.missing(RUN)
        put = {
            self.names.status: {"S": EXPIRING},
            RUN: {"S": self.run_id},
            CLAIMED_AT: {"N": str(now_s)},
            PREVIOUS_STATUS: {"S": session.status},
        }
        return self._update(session, condition, put)

    def give_back(self, session: Session, *, run_id: str = "") -> Statement:
        """Take a claim off, while it is still this run's, or that of *run_id*."""
        put = {self.names.status: {"S": session.previous_status}}
        remove = (RUN, CLAIMED_AT, PREVIOUS_STATUS)
        return update(
            self.table,
            self.key(session.id),
            self._claimed(run_id or self.run_id),
            put=put,
            remove=remove,
        )

    def removal(self) -> Condition:
        """Return what must hold of a row that is deleted: expired, and claimed by this run."""
        return self._expired() & self._claimed(self.run_id)

    def mark_partial(self, session: Session, review_until_s: int) -> Statement:
        """Mark a session for review; its TTL moves only to a later time, and is never added."""
        condition = self._same(self.names.status, CREATED)
        condition &= self._same(self.names.upload_id, session.upload_id)
        ttl = self.names.ttl
        put = {self.names.status: {"S": PARTIAL}}
        if session.ttl is None:
            return self._update(session, condition & Condition.missing(ttl), put)
        condition &= Condition.equal(ttl, {"N": session.ttl})
        if whole_seconds(session.ttl) < review_until_s:
            put[ttl] = {"N": str(review_until_s)}
        return self._update(session, condition, put)

    def holds(self, row: Row) -> bool:
        """Say whether *row*, read again, carries this run's claim."""
        claimed = row.get(self.names.status, {}).get("S") == EXPIRING
        return claimed and row.get(RUN, {}).get("S") == self.run_id

    def expired(self, row: Row) -> bool:
        """Say whether *row*, read again, is still expired."""
        ttl = row.get(self.names.ttl, {}).get("N")
        return ttl is not None and whole_seconds(ttl) < self.cutoff_s

    def _expired(self) -> Condition:
        return Condition.below(self.names.ttl, self.cutoff_s)

    def _claimed(self, run_id: str) -> Condition:
        return self._same(self.names.status, EXPIRING) & self._same(RUN, run_id)

    @staticmethod
    def _same(name: str, text: str | None) -> Condition:
        return Condition.missing(name) if text is None else Condition.equal(name, {"S": text})

    def _update(
        self, session: Session, condition: Condition, put: Mapping[str, Mapping[str, Any]]
    ) -> Statement:
        return update(self.table, self.key(session.id), condition, put=put)
