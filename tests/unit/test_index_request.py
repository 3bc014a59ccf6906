"""
What an event may ask for, and the cursor that comes back through it.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from expiry.errors import EventError
from index_cleanup.places import between_keys, place_behind
from index_cleanup.request import Cursor, Operation, Request

PREFIX = "_access_token_index:"


def test_request_is_empty_by_default() -> None:
    """A schedule's event asks for everything, for real."""
    assert Request.parse({}) == Request()
    assert Request.parse({"source": "aws.scheduler", "time": "x"}) == Request()


def test_request_takes_every_key() -> None:
    """The names are those of the other cleanups."""
    event = {"dryRun": True, "limit": 5, "operation": "backfill", "rules": ["a", "b"]}

    assert Request.parse(event) == Request(
        dry_run=True, limit=5, operation=Operation.BACKFILL, rules=("a", "b")
    )


def test_cursor_comes_back_as_it_went() -> None:
    """Rules keep their order, and their places their type."""
    cursor = Cursor(Operation.CLEAN, {"b": {"S": "ü"}, "a": None})

    found = Request.parse({"cursor": cursor.text()}).cursor

    assert found == cursor
    assert found is not None
    assert list(found.left) == ["b", "a"]


def coded(body: Any) -> str:
    """Write a cursor as an operator might."""
    return base64.urlsafe_b64encode(json.dumps(body).encode()).decode()


@pytest.mark.parametrize(
    "event",
    [
        {"dryrun": True},
        {"rules": []},
        {"rules": "a"},
        {"rules": [1]},
        {"rules": [""]},
        {"operation": "restore"},
        {"limit": -1},
        {"cursor": "?"},
        {"cursor": coded([])},
        {"cursor": coded({"v": 2})},
        {"cursor": coded({"v": 1, "operation": "clean", "left": [["a", {"S": 1}]]})},
        {"cursor": coded({"v": 1, "operation": "clean", "left": [["a"]]})},
        {"cursor": Cursor(Operation.BACKFILL, {"a": None}).text()},
        {"cursor": Cursor(Operation.CLEAN, {"a": None}).text(), "rules": ["a"]},
    ],
)
def test_request_that_is_not_understood_is_refused(event: dict[str, Any]) -> None:
    """A misspelt dryRun must not become a real run."""
    with pytest.raises(EventError):
        Request.parse(event)


@pytest.mark.parametrize(
    ("first", "second"),
    [("aXcret-1", "bbcret-2"), ("abcXcret", "abdXcret"), ("añXcret", "aöXcret")],
)
def test_place_between_two_keys_tells_no_more_than_their_difference(
    first: str, second: str
) -> None:
    """It is behind the first and before the second, in the order of their bytes."""
    place = between_keys(PREFIX + first, PREFIX + second)

    assert place is not None
    assert (PREFIX + first).encode() <= place.encode() < (PREFIX + second).encode()
    assert place.startswith(PREFIX)
    assert "Xcret" not in place


@pytest.mark.parametrize(("first", "second"), [("a", "b"), ("ab", "abc"), ("xa", "xb")])
def test_place_that_would_tell_a_whole_key_is_none(first: str, second: str) -> None:
    """Rather come again than tell."""
    assert between_keys(first, second) is None


def test_place_behind_rows_is_the_last_one_unless_it_is_secret() -> None:
    """A secret's place is before the next row, or the last row comes again; never the key."""
    keys = ["p:aSECRET", "p:bSECRET", "p:cSECRET"]
    rows = [{"sk": {"S": key}} for key in keys]
    before = {"S": "p:"}

    def behind(done: int, *, secret: bool) -> Any:
        return place_behind(rows, done, "sk", before, secret=secret)

    assert behind(0, secret=False) == before
    assert behind(2, secret=False) == {"S": "p:bSECRET"}
    assert behind(1, secret=True)["S"] < keys[1]
    assert keys[1] <= behind(2, secret=True)["S"] < keys[2]
    assert keys[1] <= behind(3, secret=True)["S"] < keys[2]
    assert place_behind(rows[:1], 1, "sk", before, secret=True) == before
