"""
Gate: a plan passes as a whole, or not at all.
"""

from __future__ import annotations

import pytest

from expiry.errors import CapExceededError
from expiry.gate import Gate

GATE = Gate(max_deletes=1_000, max_percent=20)


@pytest.mark.parametrize(
    ("planned", "listed", "known"),
    [
        (0, 0, 0),  # an empty bucket
        (0, 5_000, 0),  # nothing to delete, so nothing to fear
        (1_000, 100_000, 5_000),  # exactly the cap
        (200, 1_000, 800),  # exactly the share
        (99, 100, 1),  # of a hundred, a few are a large share
        (1, 2, 1),
    ],
)
def test_gate_plan_within_its_caps_passes(planned: int, listed: int, known: int) -> None:
    """Caps are what is still allowed."""
    GATE.judge(planned, listed, known)


@pytest.mark.parametrize(
    ("planned", "listed", "known", "cap", "reason"),
    [
        (1_001, 100_000, 5_000, 1_000, "raise the cap"),
        (201, 1_000, 799, 200, "over 20 % of the 1000 listed"),
        (21, 101, 80, 20, "over 20 % of the 101 listed"),
        (1, 1, 0, 0, "nothing that was listed has a living owner"),
        (1, 1_000_000, 0, 0, "correct the table or the pattern"),
    ],
)
def test_gate_plan_over_a_cap_is_refused(
    planned: int, listed: int, known: int, cap: int, reason: str
) -> None:
    """The error has the numbers, and says what to do."""
    with pytest.raises(CapExceededError, match=reason) as caught:
        GATE.judge(planned, listed, known)

    assert (caught.value.planned, caught.value.cap) == (planned, cap)
    assert caught.value.reason in str(caught.value)


def test_gate_no_hit_at_all_is_refused_before_any_other_cap() -> None:
    """A wrong table makes everything look orphaned: raising a cap would be the wrong advice."""
    with pytest.raises(CapExceededError, match="correct the table or the pattern"):
        GATE.judge(50_000, 50_000, 0)


def test_gate_of_zero_deletes_lets_nothing_through() -> None:
    """A cap of 0 is a cap."""
    with pytest.raises(CapExceededError):
        Gate(max_deletes=0, max_percent=100).judge(1, 10, 9)


def test_gate_of_a_hundred_percent_has_the_other_caps_still() -> None:
    """Everything but one object may go, never without a single owner."""
    gate = Gate(max_deletes=1_000, max_percent=100)
    gate.judge(999, 1_000, 1)

    with pytest.raises(CapExceededError):
        gate.judge(1_000, 1_000, 0)
