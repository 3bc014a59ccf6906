"""
Count a key's claims by window, in the very write that claims.

Makes no call. A window has a slot, an attribute that counts its claims; a claim removes all other
slots, and says in ``rateWindow`` which window the one that is left belongs to. So the first claim
of a window finds no slot and begins at 1, in one write. Only where the slot that is left happens to
be this window's, once in 32 pauses, or where another clock is ahead, a second write is needed: that
one knows the row.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from job_claims.update import number

if TYPE_CHECKING:
    from job_claims.settings import RateLimit
    from job_claims.update import Expression, Row, Value

SLOTS = 32
WINDOW = "rateWindow"


def slots() -> tuple[str, ...]:
    """Return every attribute that may count claims."""
    return tuple(f"rate{n:02}" for n in range(SLOTS))


@dataclass(frozen=True, slots=True)
class Window:
    """The window that a claim falls into."""

    limit: int  # claims a window; 0: no limit, and nothing is counted
    number: int
    ends_s: int
    instead_of: Value | None = None  # what the row says its slot counts: it is begun anew

    @classmethod
    def at(cls, now_s: int, rate: RateLimit, skew_s: int = 0, met: Row | None = None) -> Self:
        """
        Return the window of *now_s*, for a row as it was *met* by an earlier try.

        Where another claimer's clock is ahead of ours the row is in a later window already, and a
        claim counts there: going back would begin the count anew at every turn. A window too far
        ahead for a clock is a fault, and is replaced.
        """
        own = now_s // rate.window_s
        value = (met or {}).get(WINDOW)
        theirs = _whole(value)
        if theirs is not None and own < theirs <= (now_s + 2 * skew_s) // rate.window_s:
            own = theirs
        window = cls(rate.claims, own, (own + 1) * rate.window_s)
        earlier = theirs is not None and theirs < own
        if value is None or theirs == own or (earlier and window.slot not in (met or {})):
            return window
        return replace(window, instead_of=value)

    @property
    def slot(self) -> str:
        """Return the attribute that counts this window's claims."""
        return slots()[self.number % SLOTS]

    @property
    def others(self) -> tuple[str, ...]:
        """Return every other slot; none where nothing is counted."""
        return tuple(slot for slot in slots() if slot != self.slot) if self.limit else ()

    def used_up(self, row: Row) -> bool:
        """Say whether *row* has had all the claims of this window."""
        if not self.limit or row.get(WINDOW) != number(self.number):
            return False
        count = _whole(row.get(self.slot))
        return count is None or count >= self.limit  # unreadable: keep to the limit

    def left(self, with_: Expression) -> str:
        """Hold while this window has claims left."""
        if self.instead_of is not None:
            return with_.equal(WINDOW, self.instead_of)
        counted = f"{with_.equal(WINDOW, number(self.number))}"
        return (
            f"({counted} AND {with_.below(self.slot, self.limit)}) OR ({with_.missing(self.slot)}"
            f" AND ({with_.missing(WINDOW)} OR {with_.below(WINDOW, self.number)}))"
        )

    def counted(self, with_: Expression) -> dict[str, str]:
        """Assign one claim more."""
        if not self.limit:
            return {}
        count = with_.value(number(1))
        if self.instead_of is None:
            slot, nothing = with_.name(self.slot), with_.value(number(0))
            count = f"if_not_exists({slot}, {nothing}) + {count}"
        return {self.slot: count, WINDOW: with_.value(number(self.number))}


def _whole(value: Value | None) -> int | None:
    text = (value or {}).get("N", "")
    return int(text) if text.isdecimal() else None
