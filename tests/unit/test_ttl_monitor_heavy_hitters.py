"""
Heavy hitters: the busiest users in bounded memory, and how far off a count may be.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import example, given
from hypothesis import strategies as st

from ttl_monitor.heavy_hitters import HeavyHitters

PAGES = st.lists(
    st.dictionaries(st.integers(0, 40).map(str), st.integers(1, 30), max_size=20), max_size=25
)


@given(PAGES, st.integers(1, 12))
@example([{"a": 2, "b": 1}], 1)
def test_counts_are_low_by_no_more_than_the_error(
    pages: list[dict[str, int]], counters: int
) -> None:
    """A true count lies in [count, count + error], and the error is at most n / (k + 1)."""
    hitters, truth = HeavyHitters(counters), Counter[str]()
    for page in pages:
        hitters.add(page)
        truth.update(page)
    found = dict(hitters.top(1_000))

    assert len(found) <= counters
    assert hitters.error <= truth.total() / (counters + 1)
    for name, count in truth.items():
        assert found.get(name, 0) <= count <= found.get(name, 0) + hitters.error


def test_counts_are_exact_while_users_fit() -> None:
    """With no more users than counters nothing is approximate."""
    hitters = HeavyHitters(3)
    hitters.add({"a": 1, "b": 5})
    hitters.add({"a": 2, "c": 3})

    assert hitters.top(2) == [("b", 5), ("a", 3)]
    assert hitters.error == 0


def test_memory_stays_bounded_over_many_users() -> None:
    """A hundred thousand users need no more counters than ten do, and the busiest is found."""
    hitters = HeavyHitters(100)
    for page in range(1_000):
        hitters.add({f"user-{page}-{n}": 1 for n in range(100)} | {"busy": 3})

    assert len(hitters.top(10**6)) <= 100
    assert hitters.top(1)[0][0] == "busy"
