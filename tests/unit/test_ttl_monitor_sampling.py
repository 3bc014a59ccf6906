"""
Segments: chosen fairly by the run's id, enough of them, and what their estimates are worth.
"""

from __future__ import annotations

import math
import random
import time
from bisect import bisect_left
from itertools import accumulate
from typing import Any

import pytest

from tests.unit.monitor_runs import Context, run
from tests.unit.stored_table import BLOCK_BYTES, StoredTable
from ttl_monitor.sampling import choose

TRIALS = 100
LEAST_TRUE = 93
NOW_S = int(time.time())


class Sessions(StoredTable):
    """
    A table of a million rows, made up while it is scanned.

    A session is a hash key with many rows; most are short, some very long (log-normal). Its rows
    expire together, as one session's do.
    """

    def __init__(self, seed: int, rows: int, expired_share: float, row_bytes: int) -> None:
        super().__init__([], row_bytes=row_bytes)
        source = random.Random(seed)
        sizes: list[int] = []
        while (missing := rows - sum(sizes)) > 0:
            drawn = (int(source.lognormvariate(1.8, 1.0)) + 1 for _ in range(missing // 10 + 1))
            sizes += drawn
        self.hashes = sorted(source.getrandbits(64) for _ in sizes)
        self.ends = [0, *accumulate(sizes)]
        self.expired = [source.random() < expired_share for _ in sizes]
        self.truth = sum(size for size, gone in zip(sizes, self.expired, strict=True) if gone)
        self.total = self.ends[-1]
        self.described = {"ItemCount": self.total, "TableSizeBytes": self.total * row_bytes}

    @property
    def full_read_units(self) -> float:
        return self.total * self.row_bytes / BLOCK_BYTES * 0.5

    def scan(self, **request: Any) -> dict[str, Any]:
        self.calls.append(("scan", request))
        segment, total = request["Segment"], request["TotalSegments"]
        first = bisect_left(self.hashes, segment * 2**64 // total)
        end = bisect_left(self.hashes, (segment + 1) * 2**64 // total)
        items: list[Any] = []
        for n in range(first, end):
            at = NOW_S - 7_200 if self.expired[n] else NOW_S + 86_400
            row = {"thread_id": {"S": f"u{n % 500}#{n}"}, "checkpoint_id": {"S": "c"}}
            items += [row | {"expires_at": {"N": str(at)}}] * (self.ends[n + 1] - self.ends[n])
        units = max(0.5, math.ceil(len(items) * self.row_bytes / BLOCK_BYTES) * 0.5)
        return {
            "Items": items,
            "ScannedCount": len(items),
            "ConsumedCapacity": {"CapacityUnits": units},
        }


@pytest.mark.parametrize(
    ("expired_share", "row_bytes"), [(0.2, 200), (0.002, 200)], ids=["a fifth", "a few sessions"]
)
def test_sample_of_one_percent_holds_the_truth_and_stays_cheap(
    expired_share: float, row_bytes: int
) -> None:
    """
    At 1 % of a million rows the interval holds the truth in 93 of 100 runs at least, and the
    runs cost at most 1.2 % of a full scan's read units.
    """
    table = Sessions(7, 1_000_000, expired_share, row_bytes)
    held, units = 0, 0.0

    for trial in range(TRIALS):
        ran = run(table, {"SAMPLE_PERCENT": "1"}, context=Context(aws_request_id=f"run-{trial}"))
        found = ran.body["estimate"]["expired_count"]
        held += found["low"] <= table.truth <= found["high"]
        units += ran.body["scan"]["read_units"]

    assert held >= LEAST_TRUE
    assert units / TRIALS <= 0.012 * table.full_read_units


@pytest.mark.parametrize("percent", [0.003, 0.5, 1, 33.3, 50, 99.9])
@pytest.mark.parametrize("table_bytes", [0, 10**6, 10**9, 10**14])
def test_sample_is_large_enough_and_no_larger_than_asked(percent: float, table_bytes: int) -> None:
    """Never fewer than thirty segments, never a millionth segment more than the share asked."""
    segments = choose(table_bytes, threads=4, sample_percent=percent, run_id="run-1")
    chosen = segments.chosen

    assert segments.sampled
    assert 30 <= len(chosen) == len(set(chosen))
    assert segments.total <= 1_000_000
    assert all(0 <= segment < segments.total for segment in chosen)
    assert len(chosen) / segments.total == pytest.approx(percent / 100, rel=0.04)


def test_sample_is_another_in_each_run_and_the_same_for_a_run() -> None:
    """The choice is random, by the run's id, and can be made again to look into a report."""
    first, again, second = (choose(0, 4, 1, run_id) for run_id in ("a", "a", "b"))

    assert first == again
    assert first.chosen != second.chosen


def test_segments_of_equal_chance_cover_the_whole_space() -> None:
    """Over many runs each segment is chosen about as often as any other."""
    times = [0] * 60
    for n in range(2_000):
        for segment in choose(0, 4, 50, f"run-{n}").chosen:
            times[segment] += 1

    assert min(times) > 850
    assert max(times) < 1_150


@pytest.mark.parametrize(
    ("table_bytes", "total"), [(0, 4), (2**27, 4), (2**30, 32), (2**40, 2**15)]
)
def test_whole_table_is_cut_so_that_each_part_gets_its_turn(table_bytes: int, total: int) -> None:
    """A table larger than a run is visited from another end each time."""
    segments = choose(table_bytes, threads=4, sample_percent=100, run_id="run-1")

    assert (segments.total, segments.sampled) == (total, False)
    assert sorted(segments.chosen) == list(range(total))
