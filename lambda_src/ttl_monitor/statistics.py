"""
Estimate a table's counts from whole segments chosen at random, with a 95 % interval.

The estimate is the expansion estimator of a cluster sample: the sample's total times total
segments over sampled segments. DescribeTable's item count would make a ratio estimator, but it
is hours old. Plain mean ± t·s fails just where a monitor is needed: a few expired sessions of
many rows each leave most samples empty, and the interval around zero is [0, 0]. So the total is
taken as a number of *effective clusters*, each of as many rows as the spread between segments
shows, and the interval is Poisson's for that number (Byar's approximation), with t's quantile in
place of the normal one and the finite population correction. Two things keep it honest for
skewed data: the segment farthest from the mean counts once more per ``FAR_WEIGHT``, since a
larger one may have been missed; and few rows borrow the spread of *all* rows of the sample, as
if ``PRIOR_CLUSTERS`` of their clusters had been seen. Both widen the interval, never narrow it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

NORMAL_QUANTILE = 1.959964  # 97.5 %
FAR_WEIGHT = 2.0
PRIOR_CLUSTERS = 8.0
CONFIDENCE_PERCENT = 95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A count of the whole table, guessed from a sample; the truth lies in [low, high]."""

    value: int
    low: int
    high: int


def estimate(counts: Sequence[int], rows: Sequence[int], total_segments: int) -> Estimate:
    """
    Estimate the table's total of what *counts* counts.

    Args:
        counts: What was found in each sampled segment.
        rows: How many rows each of them held, in the same order.
        total_segments: Segments of the whole table.
    """
    share = len(counts) / total_segments
    found = sum(counts)
    cluster = _cluster_rows(counts, rows)
    low, high = _poisson_interval(found / cluster, t_quantile(len(counts) - 1))
    # What was sampled is known: only the rest is uncertain.
    shrink = math.sqrt(1 - share)
    low = found - (found - low * cluster) * shrink
    high = found + (high * cluster - found) * shrink
    return Estimate(
        value=round(found / share),
        low=max(found, math.floor(low / share)),
        high=math.ceil(high / share),
    )


def t_quantile(degrees: int) -> float:
    """Return Student's t at 97.5 % by Cornish and Fisher's expansion (±0.001 from 10 degrees)."""
    z, inverse = NORMAL_QUANTILE, 1 / degrees
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first * inverse + second * inverse**2 + third * inverse**3


def _cluster_rows(counts: Sequence[int], rows: Sequence[int]) -> float:
    """Return how many rows of the kind counted come and go together; at least one."""
    found = sum(counts)
    own, of_all = _dispersion(counts), _dispersion(rows)
    if of_all <= own:
        return own
    weight = PRIOR_CLUSTERS * of_all
    return (found * own + weight * of_all) / (found + weight)


def _dispersion(counts: Sequence[int]) -> float:
    """Return the variance of the sample's total over that total; 1 where rows come singly."""
    found = sum(counts)
    if not found:
        return 1.0
    mean = found / len(counts)
    squares = sum((count - mean) ** 2 for count in counts)
    variance = squares * len(counts) / (len(counts) - 1)
    farthest = (max(counts) - mean) ** 2
    return max(1.0, (variance + FAR_WEIGHT * farthest) / found)


def _poisson_interval(events: float, quantile: float) -> tuple[float, float]:
    """Return Byar's interval for the mean of a Poisson variable seen as *events*."""
    low = 0.0
    if events > 0:
        low = events * max(0.0, 1 - 1 / (9 * events) - quantile / (3 * math.sqrt(events))) ** 3
    more = events + 1
    return low, more * (1 - 1 / (9 * more) + quantile / (3 * math.sqrt(more))) ** 3
