"""
Find the users with the most expired rows, in memory that does not grow with the users.

The algorithm is Misra and Gries's (1982), the lower-bound form of Space-Saving, merged page by
page as Agarwal and others show ("Mergeable Summaries", 2012): at most k counters are kept, and
when there are more, the (k+1)th largest count is taken off all of them. After n rows no count is
too low by more than n/(k+1); the bound reported is the sum of what was really taken off, which
is smaller and is 0 while there are no more than k users.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


COUNTERS = 1_000


class HeavyHitters:
    """Counts of the most frequent names; each true count lies in [count, count + error]."""

    def __init__(self, counters: int = COUNTERS) -> None:
        """Keep at most so many *counters*."""
        self._counters = counters
        self._counts: Counter[str] = Counter()
        self.error = 0

    def add(self, counts: Mapping[str, int]) -> None:
        """Add the counts of one page."""
        self._counts.update(counts)
        if len(self._counts) <= self._counters:
            return
        cut = sorted(self._counts.values(), reverse=True)[self._counters]
        self.error += cut
        self._counts = Counter(
            {name: count - cut for name, count in self._counts.items() if count > cut}
        )

    def top(self, number: int) -> list[tuple[str, int]]:
        """Return the *number* names with the highest counts, equal counts by name."""
        ranked = sorted(self._counts.items(), key=lambda entry: (-entry[1], entry[0]))
        return ranked[:number]
