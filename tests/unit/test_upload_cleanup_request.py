"""
What an invocation may ask for, and that nothing it says makes a run less safe.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expiry.errors import EventError
from upload_cleanup.request import Cursor, Operation, PhaseName, Request


@pytest.mark.parametrize("event", [{}, {"source": "aws.scheduler", "detail": {}}])
def test_request_schedule_asks_for_everything(event: dict[str, Any]) -> None:
    """A schedule's own event is a run with defaults."""
    assert Request.parse(event) == Request()


def test_request_keys_are_read() -> None:
    """An operator's dry run, with a cap."""
    assert Request.parse({"dryRun": True, "limit": 500}) == Request(dry_run=True, limit=500)


def test_request_restore_names_its_run() -> None:
    """Restore is an operation of its own."""
    found = Request.parse({"operation": "restore", "runId": "abc", "dryRun": True})

    assert found == Request(dry_run=True, operation=Operation.RESTORE, run_id="abc")


@pytest.mark.parametrize(
    ("event", "named"),
    [
        ([], "JSON object"),
        ({"dryrun": True}, "dryrun"),
        ({"dryRun": "true"}, "dryRun"),
        ({"limit": -1}, "limit"),
        ({"limit": True}, "limit"),
        ({"operation": "purge"}, "operation"),
        ({"operation": "restore"}, "runId"),
        ({"runId": "abc"}, "runId"),
        ({"operation": "restore", "runId": "a", "limit": 1}, "limit"),
        ({"cursor": "%%%"}, "cursor"),
        ({"cursor": "e30="}, "cursor"),
    ],
)
def test_request_that_is_not_understood_is_refused(event: Any, named: str) -> None:
    """A misspelt or mistyped key never becomes a real run."""
    with pytest.raises(EventError, match=named):
        Request.parse(event)


@given(
    st.sampled_from(PhaseName),
    st.dictionaries(st.text(), st.integers() | st.text() | st.none() | st.booleans()),
)
def test_cursor_comes_back_as_it_was(phase: PhaseName, place: dict[str, Any]) -> None:
    """What a run returned is what the next one takes."""
    cursor = Cursor(phase, place)

    assert Request.parse({"cursor": cursor.text()}).cursor == cursor


@given(st.text(min_size=1))
def test_cursor_of_any_text_is_read_or_refused(text: str) -> None:
    """No text ends in another error than the one that names the cursor."""
    try:
        Cursor.parse(text)
    except EventError as error:
        assert "cursor" in str(error)  # noqa: PT017 - a text may also be a cursor
