"""
Say how much a run may still use: time before Lambda ends it, read units and requests a second.

All are only asked; the one who asks decides what to do. Clocks are arguments.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_RESERVE_S = 10.0
RESERVE_SHARE = 0.2  # of a short timeout: three seconds must still leave time to read


@dataclass(frozen=True, slots=True)
class Budget:
    """The time that is left before the run must begin to end."""

    remaining_ms: Callable[[], int]
    reserve_s: float

    @classmethod
    def until(cls, remaining_ms: Callable[[], int]) -> Self:
        """Keep a reserve for reporting: ten seconds, or a fifth of what a short run has."""
        reserve_s = min(LONGEST_RESERVE_S, remaining_ms() / 1000 * RESERVE_SHARE)
        return cls(remaining_ms, reserve_s)

    def left_s(self) -> float:
        """Return the seconds left before the reserve; negative once it is being used."""
        return self.remaining_ms() / 1000 - self.reserve_s

    def allows(self, cost_s: float) -> bool:
        """Say whether something that takes *cost_s* would end before the reserve begins."""
        return self.left_s() > cost_s


class ReadRate:
    """
    Hold all threads of a scan together to so many read units a second.

    A page's cost is known only once it is read. So each page books what the last one cost, waits
    until that much is free, and corrects the booking by what the service says it consumed.
    """

    def __init__(
        self,
        units_per_s: float,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        """Allow *units_per_s*; 0 is no limit."""
        self._units_per_s = units_per_s
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._free_at_s = 0.0
        self._expected = units_per_s

    def book(self) -> tuple[float, float]:
        """Return the seconds to wait before the next page, and the units booked for it."""
        if not self._units_per_s:
            return 0.0, 0.0
        with self._lock:
            now_s = self._clock()
            start_s = max(now_s, self._free_at_s)
            self._free_at_s = start_s + self._expected / self._units_per_s
            return start_s - now_s, self._expected

    def wait(self, delay_s: float) -> None:
        """Sleep for the *delay_s* that a booking gave."""
        if delay_s > 0:
            self._sleep(delay_s)

    def settle(self, booked: float, used: float) -> None:
        """Correct a booking by the units really *used*."""
        if not self._units_per_s:
            return
        with self._lock:
            self._free_at_s += (used - booked) / self._units_per_s
            self._expected = used


class Pace:
    """
    Hold all threads of a run together to so many requests a second.

    Requests are spread evenly: a pause is not saved up for a burst.
    """

    def __init__(
        self,
        requests_per_s: float,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        """Allow *requests_per_s*; 0 is no limit."""
        self._interval_s = 1 / requests_per_s if requests_per_s else 0.0
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._free_at_s = 0.0

    def book(self, writes: int = 0) -> float:  # noqa: ARG002 - for those who count them
        """
        Return the seconds to wait before the next request; ask the budget before waiting.

        Args:
            writes: Write units that it uses where each row is small; a read uses none.
        """
        return self._booked(1)

    def _booked(self, count: int) -> float:
        if not self._interval_s:
            return 0.0
        with self._lock:
            now_s = self._clock()
            start_s = max(now_s, self._free_at_s)
            self._free_at_s = start_s + count * self._interval_s
            return start_s - now_s

    def wait(self, delay_s: float) -> None:
        """Sleep for the *delay_s* that a booking gave, or that a retry has to wait."""
        if delay_s > 0:
            self._sleep(delay_s)

    def take(self) -> None:
        """Wait until the next request may go."""
        self.wait(self.book())


class WritePace(Pace):
    """
    Hold all threads of a run together to so many write units a second; reads wait for nothing.

    For rows that share one partition: it takes a thousand a second from everybody together.
    """

    def book(self, writes: int = 0) -> float:
        """Return the seconds to wait before a request that uses so many *writes*."""
        return self._booked(writes) if writes else 0.0
