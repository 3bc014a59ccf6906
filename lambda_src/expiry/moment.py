"""
Fix the time of a run once, so that all that it decides is decided as of one moment.

Reads no clock: the time is given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Moment:
    """
    The time of a run.

    Something has expired only where its end lies before the *cutoff*, which is earlier than *now*
    by the allowed clock skew: a writer's fast clock must not make it look dead.
    """

    now_s: int
    cutoff_s: int

    @classmethod
    def at(cls, now_s: float, clock_skew_s: int) -> Self:
        """Fix the time of a run."""
        now = int(now_s)
        return cls(now, now - clock_skew_s)
