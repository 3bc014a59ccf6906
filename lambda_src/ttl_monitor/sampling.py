"""
Choose which segments of a table to read: all, or a random share of them read whole.

DynamoDB cuts the hash space into segments of equal width, so each has the same chance, and all
rows of one hash key lie in one. Segments are the clusters of a cluster sample.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

from ttl_monitor.settings import WHOLE_TABLE_PERCENT

MOST_SEGMENTS = 1_000_000  # of Scan
LEAST_SAMPLED = 30  # with fewer clusters the interval of an estimate is not true
# More clusters make an estimate steadier, but each costs a call, and half a block of 4 KB is lost
# to rounding: at 64 KB a segment that is 3 % of the cost.
MOST_SAMPLED = 400
SAMPLE_SEGMENT_BYTES = 64 * 1024
# A run that cannot finish starts anywhere; small segments give each part of a table its turn.
WHOLE_SEGMENT_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Segments:
    """The segments of one run, in the order of visiting."""

    total: int
    chosen: tuple[int, ...]
    sampled: bool


def choose(table_bytes: int, threads: int, sample_percent: float, run_id: str) -> Segments:
    """Choose segments at random, by the run's id: another run visits others, in another order."""
    order = random.Random(run_id)  # noqa: S311 - a fair choice, not a secret
    if sample_percent >= WHOLE_TABLE_PERCENT:
        total = min(MOST_SEGMENTS, max(threads, math.ceil(table_bytes / WHOLE_SEGMENT_BYTES)))
        return Segments(total, tuple(order.sample(range(total), total)), sampled=False)
    share = sample_percent / WHOLE_TABLE_PERCENT
    least, most = math.ceil(LEAST_SAMPLED / share), math.ceil(MOST_SAMPLED / share)
    total = max(least, min(most, table_bytes // SAMPLE_SEGMENT_BYTES))
    total = min(MOST_SEGMENTS, total)
    count = max(LEAST_SAMPLED, round(total * share))
    return Segments(total, tuple(order.sample(range(total), count)), sampled=True)
