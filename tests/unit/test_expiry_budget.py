"""
Budget: time with a reserve, read units and requests a second over all threads.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from expiry.budget import Budget, Pace, ReadRate, WritePace


@dataclass
class Clock:
    """A clock that only sleeping moves."""

    now_s: float = 100.0
    slept_s: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.now_s += seconds


@pytest.mark.parametrize(("timeout_ms", "left_s"), [(900_000, 890), (60_000, 50), (3_000, 2.4)])
def test_budget_keeps_a_reserve_for_reporting(timeout_ms: int, left_s: float) -> None:
    """Ten seconds are kept back, or a fifth of a timeout that is short."""
    assert Budget.until(lambda: timeout_ms).left_s() == pytest.approx(left_s)


def test_budget_allows_only_what_ends_before_the_reserve() -> None:
    """Something that would end inside the reserve is not begun."""
    budget = Budget(lambda: 12_000, reserve_s=10)

    assert budget.allows(1.9)
    assert not budget.allows(2.0)


def test_read_rate_without_limit_never_waits() -> None:
    """0 is no limit."""
    rate = ReadRate(0, Clock(), lambda _: None)
    rate.settle(0, 1_000_000)

    assert rate.book() == (0.0, 0.0)


def test_read_rate_holds_pages_to_the_units_a_second() -> None:
    """Over many pages the units used do not outrun the rate, whatever a page costs."""
    clock = Clock()
    rate = ReadRate(10, clock, clock.sleep)
    used = 0.0
    for units in [5.0, 40.0, 0.5, 20.0, 128.0, 3.0] * 5:
        delay_s, booked = rate.book()
        rate.wait(delay_s)
        rate.settle(booked, units)
        used += units
    delay_s, _ = rate.book()

    assert used / 10 == pytest.approx(clock.now_s + delay_s - 100.0)


def test_read_rate_threads_that_ask_at_once_take_turns() -> None:
    """Four threads that begin together do not begin with four pages at once."""
    rate = ReadRate(10, Clock(), lambda _: None)

    assert [rate.book()[0] for _ in range(4)] == [0.0, 1.0, 2.0, 3.0]


def test_read_rate_idle_time_is_not_saved_up() -> None:
    """A pause does not buy a burst."""
    clock = Clock()
    rate = ReadRate(10, clock, clock.sleep)
    rate.book()
    clock.now_s += 3_600

    assert [rate.book()[0] for _ in range(3)] == [0.0, 1.0, 2.0]


def test_pace_without_limit_never_waits() -> None:
    """0 is no limit."""
    clock = Clock()
    pace = Pace(0, clock, clock.sleep)
    for _ in range(1_000):
        pace.take()

    assert clock.slept_s == []


def test_pace_spreads_requests_evenly() -> None:
    """The first goes at once, each other one an interval later."""
    clock = Clock()
    pace = Pace(4, clock, clock.sleep)
    for _ in range(5):
        pace.take()

    assert clock.slept_s == [0.25] * 4


def test_pace_threads_that_ask_at_once_take_turns() -> None:
    """Each booking is another's slot."""
    pace = Pace(10, Clock(), lambda _: None)

    assert [pace.book() for _ in range(4)] == pytest.approx([0.0, 0.1, 0.2, 0.3])


def test_pace_idle_time_is_not_saved_up() -> None:
    """A pause does not buy a burst."""
    clock = Clock()
    pace = Pace(10, clock, clock.sleep)
    pace.take()
    clock.now_s += 3_600

    assert [pace.book() for _ in range(3)] == pytest.approx([0.0, 0.1, 0.2])


def test_pace_slower_than_one_a_second_is_a_pace() -> None:
    """A fraction is a rate, too."""
    clock = Clock()
    pace = Pace(0.1, clock, clock.sleep)
    pace.take()
    pace.take()

    assert clock.slept_s == [10.0]


def test_write_pace_counts_units_and_lets_reads_pass() -> None:
    """A request of 25 writes waits for as many units; one that writes nothing waits for none."""
    pace = WritePace(10, lambda: 0.0, lambda _: None)

    assert [pace.book(writes) for writes in (25, 0, 5, 0, 1)] == pytest.approx([0, 0, 2.5, 0, 3.0])


def test_pace_counts_requests_whatever_they_write() -> None:
    """S3 and PartiQL alike: a request is a request."""
    pace = Pace(10, lambda: 0.0, lambda _: None)

    assert [pace.book(writes) for writes in (25, 0, 5)] == pytest.approx([0.0, 0.1, 0.2])
