"""
Let many parties act at once, one call at a time, in an order that a seed decides.

Each party is a thread that stops before every call it makes; one of those that wait is let go, and
everybody else stands still until it waits again or has ended. So a history comes again with its
seed, and every order of calls is possible.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.safety.wire import KilledError

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

TIMEOUT_S = 60  # a turn is a call; longer is a fault of these turns


@dataclass
class Seat:
    """One party's place: it waits here for its turn."""

    work: Callable[[Seat], None]
    over: bool = False
    error: BaseException | None = None
    busy: bool = False  # with an invocation, which does not outlive its timeout
    killed: bool = False
    _go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _stopped: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def begin(self) -> None:
        """Start the thread, and let it come to its first stop."""
        threading.Thread(target=self._sit, daemon=True).start()
        assert self._stopped.acquire(timeout=TIMEOUT_S)

    def wait(self, *_: Any) -> None:
        """Stop until it is this party's turn."""
        self._stopped.release()
        assert self._go.acquire(timeout=TIMEOUT_S)
        if self.killed:
            raise KilledError("between two calls")

    def turn(self) -> None:
        """Let the party go until it waits again, or has ended."""
        self._go.release()
        assert self._stopped.acquire(timeout=TIMEOUT_S)

    def _sit(self) -> None:
        try:
            self.wait()
            self.work(self)
        except KilledError:
            pass
        except BaseException as error:  # noqa: BLE001 - the test's thread raises it again
            self.error = error
        self.over = True
        self._stopped.release()


def play(
    works: list[Callable[[Seat], None]],
    random: Random,
    between: Callable[[list[Seat]], None],
) -> list[Seat]:
    """
    Let all *works* run to their end, in turns; *between* two turns the world may change.

    Raises:
        Exception: What a party did not expect.
    """
    seats = [Seat(work) for work in works]
    for seat in seats:
        seat.begin()
    while waiting := [seat for seat in seats if not seat.over]:
        random.choice(waiting).turn()
        between(waiting)
    for seat in seats:
        if seat.error is not None:
            raise seat.error
    return seats
