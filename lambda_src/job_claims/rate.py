"""
Count a key's claims by window, in the very write that claims.

Makes no call. A window has a slot, an attribute that counts its claims; a claim removes all other
slots. So one slot at most is left, and where it is of another window the row says so in
``rateWindow``: only then, once in 32 pauses, a second write begins the count anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from job_claims.update import number

if TYPE_CHECKING:
    from job_claims.settings import RateLimit
    from job_claims.update import Expression, Row

SLOTS = 32
WINDOW = "rateWindow"


@dataclass(frozen=True, slots=True)
class Window:
    """The window that a claim falls into."""

    limit: int  # claims a window; 0: no limit, and nothing is counted
    number: int
    ends_s: int

    @classmethod
    def at(cls, now_s: int, rate: RateLimit) -> Window:
        """Return the window of *now_s*."""
        number = now_s // rate.window_s
        return cls(rate.claims, number, (number + 1) * rate.window_s)

    @property
    def slot(self) -> str:
        """Return the attribute that counts this window's claims."""
        return f"rate{self.number % SLOTS:02}"

    @property
    def others(self) -> tuple[str, ...]:
        """Return every other slot."""
        return tuple(f"rate{n:02}" for n in range(SLOTS) if n != self.number % SLOTS)

    def stale(self, row: Row) -> bool:
        """Say whether *row* counts an earlier window in this one's slot."""
        return bool(self.limit) and self.slot in row and row.get(WINDOW) != self._as_value

    def used_up(self, row: Row) -> bool:
        """Say whether *row* has had all the claims of this window."""
        if not self.limit or row.get(WINDOW) != self._as_value:
            return False
        count = row.get(self.slot, {}).get("N")
        return count is None or int(count) >= self.limit  # unreadable: keep to the limit

    @property
    def _as_value(self) -> dict[str, str]:
        return number(self.number)


def within(with_: Expression, window: Window, *, anew: bool) -> str:
    """Hold while *window* has claims left; *anew*: while the slot counts another window."""
    same = with_.equal(WINDOW, number(window.number))
    if anew:
        return f"NOT {same}"
    return f"{with_.missing(window.slot)} OR ({same} AND {with_.below(window.slot, window.limit)})"


def counted(with_: Expression, window: Window, *, anew: bool) -> dict[str, str]:
    """Assign one claim more; *anew*: the first of the window."""
    if not window.limit:
        return {}
    first = with_.value(number(1))
    slot = with_.name(window.slot)
    count = first if anew else f"if_not_exists({slot}, {with_.value(number(0))}) + {first}"
    return {window.slot: count, WINDOW: with_.value(number(window.number))}
