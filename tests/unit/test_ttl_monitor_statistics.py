"""
Estimates: true where counts are few and clustered, exact where everything was read.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ttl_monitor.statistics import Estimate, estimate, t_quantile

SEGMENTS, SAMPLED, TRIALS = 3_000, 30, 400


def population(seed: int, rows: int, expired_share: float) -> tuple[list[int], list[int]]:
    """Return expired rows and all rows of each segment; sessions whole, some of them very long."""
    source = random.Random(seed)
    found, held = [0] * SEGMENTS, [0] * SEGMENTS
    while rows > 0:
        size = int(source.lognormvariate(1.5, 1.2)) + 1
        segment = source.randrange(SEGMENTS)
        held[segment] += size
        found[segment] += size if source.random() < expired_share else 0
        rows -= size
    return found, held


@pytest.mark.parametrize("expired_share", [0.0002, 0.01, 0.1, 0.5])
@pytest.mark.parametrize("rows", [50_000, 300_000])
def test_interval_holds_the_truth_at_every_frequency(rows: int, expired_share: float) -> None:
    """The truth is inside at least as often as promised, however rare expired rows are."""
    found, held = population(rows, rows, expired_share)
    source, inside = random.Random(5), 0
    for _ in range(TRIALS):
        sample = source.sample(range(SEGMENTS), SAMPLED)
        guess = estimate([found[s] for s in sample], [held[s] for s in sample], SEGMENTS)
        inside += guess.low <= sum(found) <= guess.high

    assert inside >= 0.97 * TRIALS


def test_interval_of_a_sample_with_none_is_not_zero() -> None:
    """Not having seen an expired row does not mean that there is none."""
    guess = estimate([0] * 30, [17] * 30, 3_000)

    assert (guess.value, guess.low) == (0, 0)
    assert guess.high > 100


def test_estimate_of_everything_is_exact() -> None:
    """Where all segments were read nothing is uncertain."""
    counts = list(range(40))

    assert estimate(counts, [100] * 40, 40) == Estimate(780, 780, 780)


@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=30, max_size=60),
    st.integers(60, 100_000),
)
def test_interval_contains_its_estimate_and_what_was_seen(
    segments: list[tuple[int, int]], total: int
) -> None:
    """The bounds are in order, and never below what was really counted."""
    counts = [found for found, _ in segments]
    guess = estimate(counts, [found + rest for found, rest in segments], total)

    assert sum(counts) <= guess.low <= guess.value <= guess.high


@pytest.mark.parametrize(
    ("degrees", "quantile"), [(10, 2.228), (29, 2.045), (99, 1.984), (399, 1.966)]
)
def test_t_quantile_is_the_tables(degrees: int, quantile: float) -> None:
    """Student's t, as printed."""
    assert t_quantile(degrees) == pytest.approx(quantile, abs=0.001)
