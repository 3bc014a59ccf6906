"""
Cursors: they come back as they went, and nothing else is taken for one.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from expiry.cursors import ScanCursor
from expiry.errors import EventError


def test_cursor_comes_back_through_json_as_it_went() -> None:
    """Order, keys and their types survive, binary and 38 digits included."""
    left: dict[int, Any] = {
        3: None,
        0: {"pk": {"S": "ä#1"}, "sk": {"N": "9" * 38}},
        2: {"pk": {"B": b"\x00\xff"}},
    }
    cursor = ScanCursor(8, left)

    back = ScanCursor.parse(json.loads(json.dumps(cursor.as_json())))

    assert back == cursor
    assert list(back.left) == [3, 0, 2]


def test_cursor_of_a_whole_table_is_shuffled_by_the_run() -> None:
    """Every segment once; the same run has the same order, another run another."""
    one, again, other = (ScanCursor.whole(100, run) for run in ("run 1", "run 1", "run 2"))

    assert sorted(one.left) == list(range(100))
    assert set(one.left.values()) == {None}
    assert list(one.left) == list(again.left) != list(other.left)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "text",
        {},
        {"totalSegments": 4},
        {"totalSegments": 4, "left": {}},
        {"totalSegments": 4, "left": [], "more": 1},
        {"totalSegments": "4", "left": []},
        {"totalSegments": 4, "left": [4]},
        {"totalSegments": 4, "left": [{"segment": 4, "after": None}]},
        {"totalSegments": 4, "left": [{"segment": -1, "after": None}]},
        {"totalSegments": 4, "left": [{"segment": 1, "after": None}] * 2},
        {"totalSegments": 4, "left": [{"segment": 1}]},
        {"totalSegments": 4, "left": [{"segment": 1, "after": {}}]},
        {"totalSegments": 4, "left": [{"segment": 1, "after": "pk"}]},
        {"totalSegments": 4, "left": [{"segment": 1, "after": {"pk": "x"}}]},
        {"totalSegments": 4, "left": [{"segment": 1, "after": {"pk": {"S": 1}}}]},
        {"totalSegments": 4, "left": [{"segment": 1, "after": {"pk": {"M": {}}}}]},
        {"totalSegments": 4, "left": [{"segment": 1, "after": {"pk": {"B": "%"}}}]},
        {"totalSegments": 4, "left": [{"segment": 1, "after": {"pk": {"S": "x", "N": "1"}}}]},
        {"totalSegments": 2_000_000, "left": []},
    ],
)
def test_cursor_that_no_scan_returned_is_refused(value: Any) -> None:
    """An operator's slip is an error, never a scan of something else."""
    with pytest.raises(EventError, match="cursor"):
        ScanCursor.parse(value)
