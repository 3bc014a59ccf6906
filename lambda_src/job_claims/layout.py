"""
How the table of active jobs holds a claim; makes no call.

A row outlives its claim: the fence must be greater than any before it, so the row stays for the
retention after a lease has ended, or was given back. ``messages`` are those that the owner still
works on: a claim that several messages of a thread share is free when the last is done.

A row that holds something else than a claim is nobody's to take: it is refused, never guessed at.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from expiry.errors import ClaimError
from job_claims.endings import Claim
from job_claims.rate import WINDOW, slots
from job_claims.update import number, text

if TYPE_CHECKING:
    from job_claims.fields import Holder, JobKey
    from job_claims.settings import ClaimSettings
    from job_claims.update import Expression, Row, Value

MESSAGES = "messages"
MESSAGE_AT = "messageTimestamp"
OWN = frozenset({MESSAGES, MESSAGE_AT, WINDOW, *slots()})  # names that the application cannot have


class Layout:
    """The names of a claim's attributes, and the expressions on them."""

    def __init__(self, settings: ClaimSettings) -> None:
        """Use the application's names."""
        self._settings, self.names = settings, settings.attributes

    def key(self, key: JobKey) -> Row:
        """Return a row's key."""
        return {self.names.key: text(str(key))}

    def fence(self, row: Row) -> int:
        """
        Return the greatest fence that was given for the key; 0 where none was.

        Raises:
            ClaimError: It is no whole number.
        """
        return self._whole(row, self.names.fence) if self.names.fence in row else 0

    def claim(self, row: Row | None) -> Claim | None:
        """
        Return what *row* holds; None where the key is free, or there is no row.

        Raises:
            ClaimError: Who holds it, until when or with what fence cannot be read.
        """
        names = self.names
        if row is None or names.container_id not in row:
            return None
        container = row[names.container_id].get("S")
        if container is None:
            raise self._unreadable(row, names.container_id, "a text")
        return Claim(
            container,
            row.get(names.thread_id, {}).get("S", ""),
            row.get(names.message_id, {}).get("S", ""),
            int(Decimal(row.get(names.claimed_at, {}).get("N", "0"))),
            self._whole(row, names.expires_at),
            self.fence(row),
            frozenset(row.get(MESSAGES, {}).get("SS", ())),
            _moment(row),
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
            MESSAGE_AT,
        )

    def _whole(self, row: Row, name: str) -> int:
        value = Decimal(row.get(name, {}).get("N", "NaN"))
        if not value.is_finite() or value != int(value):
            raise self._unreadable(row, name, "a whole Number")
        return int(value)

    def _unreadable(self, row: Row, name: str, expected: str) -> ClaimError:
        key = row.get(self.names.key, {}).get("S")
        return ClaimError(
            f"row {key!r} cannot be read: {name} must be {expected}; until it is corrected or the"
            " row is removed nobody gets the key"
        )


def one(message_id: str) -> Value:
    """Return a set of one message."""
    return {"SS": [message_id]}


def _moment(row: Row) -> float | None:
    value = row.get(MESSAGE_AT, {}).get("N")
    return None if value is None else float(value)
