"""
Decide what TTL makes of a row: remove it, leave it until later, or never touch it.

Every row falls into exactly one class. The bounds come from "Using time to live (TTL) in
DynamoDB": the attribute must be a Number, in seconds since 1970, at most five years in the past.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from expiry.attributes import whole_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

FIVE_YEARS_S = 157_788_000  # of 365.25 days
LEAST_MILLISECONDS = 10**11  # as seconds this is the year 5138, as milliseconds 1973


class Standing(StrEnum):
    """How a row stands with TTL."""

    LIVE = "live"  # expires later
    EXPIRED = "expired"  # past its time, and still there: TTL is late
    MISSING = "missing"  # no TTL attribute: never expires, which may be meant
    WRONG_TYPE = "wrong_type"  # not a Number: TTL ignores it
    TOO_OLD = "too_old"  # more than five years past, zero and negative included: ignored
    MILLISECONDS = "milliseconds"  # a time in milliseconds: due in thousands of years


NEVER = (Standing.MISSING, Standing.WRONG_TYPE, Standing.TOO_OLD, Standing.MILLISECONDS)


@dataclass(frozen=True, slots=True)
class Moment:
    """
    The time of a run, fixed once.

    Ages are measured from *now*; a row counts as expired only before the *cutoff*, which lies the
    allowed clock skew earlier, so that a writer's fast clock is not taken for a late TTL.
    """

    now_s: int
    cutoff_s: int
    too_old_s: int

    @classmethod
    def at(cls, now_s: float, clock_skew_s: int) -> Self:
        """Fix the time of a run."""
        now = int(now_s)
        return cls(now, now - clock_skew_s, now - FIVE_YEARS_S)


def classify(value: Mapping[str, Any] | None, moment: Moment) -> tuple[Standing, int]:
    """
    Return a row's standing, and its expiry in seconds (0 where it has none).

    A fraction counts by its whole seconds: TTL compares seconds, and a row so near its time is
    reported by the next run in any case.
    """
    if value is None:
        return Standing.MISSING, 0
    text = value.get("N")
    if text is None:
        return Standing.WRONG_TYPE, 0
    expires_at_s = whole_seconds(text)
    if expires_at_s >= moment.cutoff_s:
        if expires_at_s >= LEAST_MILLISECONDS:
            return Standing.MILLISECONDS, expires_at_s
        return Standing.LIVE, expires_at_s
    if expires_at_s < moment.too_old_s:
        return Standing.TOO_OLD, expires_at_s
    return Standing.EXPIRED, expires_at_s
