"""
Do pieces of work on a bounded number of threads, no longer than the budget.

Makes no call itself. Threads live as long as the work that they were started for.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from expiry.budget import Budget


def in_parallel(work: Iterable[Callable[[], None]], *, threads: int, budget: Budget) -> None:
    """
    Call every piece of *work*, at most *threads* at a time; what one raises, this raises.

    Returns when all are done, or when the budget is used up, even while a piece still hangs: so
    each keeps what it has found where the caller can read it at any time.
    """
    _Work(work, budget).run(threads)


class _Work:
    """The pieces and the threads that take them."""

    def __init__(self, work: Iterable[Callable[[], None]], budget: Budget) -> None:
        self._waiting = deque(work)
        self._budget = budget
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._working = 0

    def run(self, threads: int) -> None:
        self._working = min(threads, len(self._waiting))
        for number in range(self._working):
            # Not an executor: it would wait at exit for a call that hangs.
            threading.Thread(target=self._take, name=f"work-{number}", daemon=True).start()
        with self._changed:
            while self._working and self._error is None:
                in_time = self._changed.wait(timeout=max(0.0, self._budget.left_s()))
                if not in_time and self._working:
                    break
            self._waiting.clear()
            if self._error is not None:
                raise self._error

    def _take(self) -> None:
        try:
            while (piece := self._next()) is not None:
                piece()
        except BaseException as error:  # noqa: BLE001 - carried to the thread that waits
            with self._changed:
                self._error = self._error or error
        finally:
            with self._changed:
                self._working -= 1
                self._changed.notify_all()

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            if self._error is not None or not self._waiting:
                return None
            return self._waiting.popleft()
