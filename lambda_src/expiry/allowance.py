"""
Count how many deletions a run may still make, over all its phases.

For what is proven by a value: such a run is bounded. A plan by absence goes as a whole or not at
all.
"""

from __future__ import annotations

import threading


class Allowance:
    """How many deletions are left; for all threads."""

    def __init__(self, deletions: int) -> None:
        """Allow *deletions* in all."""
        self._lock = threading.Lock()
        self._left = deletions

    @property
    def left(self) -> int:
        """Return how many are left."""
        return self._left

    def take(self, wanted: int) -> bool:
        """Take *wanted*, or nothing where so many are not left; say which."""
        with self._lock:
            granted = wanted <= self._left
            self._left -= wanted if granted else 0
            return granted

    def take_some(self, wanted: int) -> int:
        """Take up to *wanted*; return how many were granted."""
        with self._lock:
            granted = min(wanted, self._left)
            self._left -= granted
            return granted

    def give_back(self, unused: int) -> None:
        """Return what was granted and turned out not to be a deletion."""
        with self._lock:
            self._left += unused
