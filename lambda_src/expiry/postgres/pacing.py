"""
Size batches by the time that they take, and hold the run to so many rows a second.

Makes no call, and never sleeps: it says how long to wait. Clocks are arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

GROWTH = 4  # how far above the configured size a batch may grow while it is quick


class BatchSize:
    """
    Rows a batch: halved when one took longer than the target, grown again while they are quick.

    Time is what the application's own statements wait for, rows are not: a row may drag a thousand
    others with it through ON DELETE CASCADE.
    """

    def __init__(self, rows: int, target_s: float, growth: int = GROWTH, *, least: int = 1) -> None:
        """Begin with *rows*; grow to *growth* times as many, at most, and shrink to *least*."""
        self._rows = rows
        self._least = min(rows, least)
        self._most = rows * growth
        self._target_s = target_s

    @property
    def rows(self) -> int:
        """Return how many rows the next batch may take."""
        return self._rows

    def took(self, rows: int, duration_s: float) -> None:
        """Learn from a batch of *rows*; one that was not full says nothing good."""
        if duration_s > self._target_s:
            self._rows = max(self._least, min(self._rows, rows) // 2)
        elif duration_s < self._target_s / 2 and rows >= self._rows:
            self._rows = min(self._most, self._rows + max(1, self._rows // 2))

    def failed(self, rows: int) -> bool:
        """Halve after a batch of *rows* that did not end; say whether that makes a difference."""
        smaller = rows > 1
        self._rows = max(1, min(self._rows, rows) // 2)
        return smaller


class RowPace:
    """Rows a second, spread evenly: a pause is not saved up for a burst."""

    def __init__(self, rows_per_s: float, clock: Callable[[], float]) -> None:
        """Allow *rows_per_s*; 0 is no limit."""
        self._rows_per_s = rows_per_s
        self._clock = clock
        self._free_at_s = clock()

    def cap(self, rows: int) -> int:
        """Return how many of *rows* one batch may take: a second's worth, at most."""
        return min(rows, max(1, int(self._rows_per_s))) if self._rows_per_s else rows

    def wait_s(self) -> float:
        """Return the seconds until the next batch may go."""
        return max(0.0, self._free_at_s - self._clock())

    def took(self, rows: int) -> None:
        """Book what a batch has deleted."""
        if self._rows_per_s:
            now_s = self._clock()
            self._free_at_s = max(now_s, self._free_at_s) + rows / self._rows_per_s
