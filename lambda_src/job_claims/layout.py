"""
How the table of active jobs holds a claim; makes no call.

A row outlives its claim: the fence must be greater than any before it, so the row stays for the
retention after a lease has ended, or was given back. ``messages`` are those that the owner still
works on: a claim that several messages of a thread share is free when the last is done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from job_claims.endings import Claim
from job_claims.update import number, text

if TYPE_CHECKING:
    from job_claims.fields import Holder, JobKey
    from job_claims.settings import ClaimSettings
    from job_claims.update import Expression, Row, Value

MESSAGES = "messages"


class Layout:
    """The names of a claim's attributes, and the expressions on them."""

    def __init__(self, settings: ClaimSettings) -> None:
        """Use the application's names."""
        self._settings, self.names = settings, settings.attributes

    def key(self, key: JobKey) -> Row:
        """Return a row's key."""
        return {self.names.key: text(str(key))}

    def fence(self, row: Row) -> int:
        """Return the greatest fence that was given for the key."""
        return int(row.get(self.names.fence, {}).get("N", 0))

    def claim(self, row: Row | None) -> Claim | None:
        """Return what *row* holds; None where the key is free, or there is no row."""
        names = self.names
        container = (row or {}).get(names.container_id, {}).get("S")
        if row is None or container is None:
            return None
        return Claim(
            container,
            row.get(names.thread_id, {}).get("S", ""),
            row.get(names.message_id, {}).get("S", ""),
            int(row.get(names.claimed_at, {}).get("N", 0)),
            int(row.get(names.expires_at, {}).get("N", 0)),
            self.fence(row),
            frozenset(row.get(MESSAGES, {}).get("SS", ())),
        )

    def held_by(self, with_: Expression, holder: Holder) -> str:
        """Hold while the key is *holder*'s, with exactly that fence."""
        container = with_.equal(self.names.container_id, text(holder.container_id))
        return f"{container} AND {with_.equal(self.names.fence, number(holder.fence))}"

    def lease(self, with_: Expression, expires_s: int) -> dict[str, str]:
        """Assign the end of a lease, and when the row may go."""
        return {
            self.names.expires_at: with_.value(number(expires_s)),
            self.names.ttl: with_.value(number(expires_s + self._settings.fence_retention_s)),
        }

    @property
    def of_claim(self) -> tuple[str, ...]:
        """Return the attributes that go when the key is freed; the fence stays."""
        names = self.names
        return (
            names.container_id,
            names.thread_id,
            names.message_id,
            names.claimed_at,
            names.expires_at,
            MESSAGES,
        )


def one(message_id: str) -> Value:
    """Return a set of one message."""
    return {"SS": [message_id]}
