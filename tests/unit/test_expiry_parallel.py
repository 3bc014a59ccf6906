"""
Work side by side: bounded, and no error lost.
"""

from __future__ import annotations

import threading
import time

import pytest

from expiry.budget import Budget
from expiry.parallel import in_parallel

PLENTY = Budget(lambda: 3_600_000, reserve_s=10)


@pytest.mark.parametrize("threads", [1, 3, 50])
def test_parallel_does_every_piece_once(threads: int) -> None:
    """None is lost, none is done twice."""
    done: list[int] = []

    in_parallel([lambda n=n: done.append(n) for n in range(20)], threads=threads, budget=PLENTY)  # type: ignore[misc]

    assert sorted(done) == list(range(20))


def test_parallel_of_nothing_returns() -> None:
    """No work, no thread, no wait."""
    in_parallel([], threads=4, budget=PLENTY)


def test_parallel_error_is_raised_and_ends_the_work() -> None:
    """What has not begun does not begin."""
    done: list[int] = []

    def fail() -> None:
        raise KeyError("here")

    with pytest.raises(KeyError, match="here"):
        in_parallel([fail, lambda: done.append(1)], threads=1, budget=PLENTY)

    assert done == []


def test_parallel_piece_that_hangs_does_not_hold_the_caller() -> None:
    """The budget ends the wait, and nothing begins afterwards."""
    hangs, done, ended = threading.Event(), list[int](), threading.Event()
    end_s = time.monotonic() + 0.3
    budget = Budget(lambda: int((end_s - time.monotonic()) * 1_000), reserve_s=0)

    def hang() -> None:
        hangs.wait(timeout=30)
        ended.set()

    in_parallel([hang, lambda: done.append(1)], threads=1, budget=budget)
    assert not ended.is_set()
    hangs.set()
    assert ended.wait(timeout=30)
    for thread in threading.enumerate():
        if thread.name.startswith("work-"):
            thread.join(timeout=10)

    assert done == []
