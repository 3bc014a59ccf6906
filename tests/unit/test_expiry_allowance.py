"""
How many deletions a run may still make, and the moment as of which it decides.
"""

from __future__ import annotations

from expiry.allowance import Allowance
from expiry.moment import Moment


def test_allowance_is_taken_whole_or_not_at_all() -> None:
    """What belongs together is not cut."""
    allowance = Allowance(5)

    assert allowance.take(3)
    assert not allowance.take(3)
    assert allowance.left == 2
    assert allowance.take(2)
    assert allowance.take(0)
    assert not allowance.take(1)


def test_allowance_may_be_taken_in_part() -> None:
    """Rows that stand alone go as far as it goes."""
    allowance = Allowance(5)

    assert [allowance.take_some(3) for _ in range(3)] == [3, 2, 0]


def test_allowance_takes_back_what_was_no_deletion() -> None:
    """A row that somebody else has changed does not cost one that is dead."""
    allowance = Allowance(5)
    allowance.take(5)
    allowance.give_back(2)

    assert allowance.left == 2
    assert allowance.take_some(5) == 2


def test_moment_cutoff_is_earlier_by_the_skew() -> None:
    """A writer whose clock is fast writes an end that has not come yet."""
    assert Moment.at(1_000.9, 60) == Moment(now_s=1_000, cutoff_s=940)
