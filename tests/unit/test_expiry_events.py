"""
Events: a schedule's counts as empty, and what is not known is refused as a whole.
"""

from __future__ import annotations

from typing import Any

import pytest

from expiry.errors import EventError
from expiry.events import Kind, parse

FIELDS = {"dryRun": Kind.BOOLEAN, "limit": Kind.INTEGER, "cursor": Kind.TEXT}


@pytest.mark.parametrize("source", ["aws.events", "aws.scheduler"])
def test_event_of_a_schedule_counts_as_empty(source: str) -> None:
    """EventBridge's own event asks for a run with defaults, whatever else it carries."""
    event = {"source": source, "id": "1", "detail-type": "Scheduled Event", "dryRun": "no"}

    assert parse(event, FIELDS) == {}


def test_event_known_keys_are_returned() -> None:
    """Only keys that are set come back, so that defaults stay the caller's."""
    assert parse({"dryRun": True, "limit": 0}, FIELDS) == {"dryRun": True, "limit": 0}
    assert parse({}, FIELDS) == {}


def test_event_every_fault_is_named_in_one_error() -> None:
    """Unknown keys and wrong types are refused together."""
    with pytest.raises(EventError) as raised:
        parse({"dryrun": True, "dryRun": 1, "limit": True, "cursor": ""}, FIELDS)

    assert len(raised.value.problems) == 4
    assert "unknown key 'dryrun' (known: dryRun, limit, cursor)" in str(raised.value)


@pytest.mark.parametrize("event", [None, [], "{}", 1])
def test_event_that_is_no_object_is_refused(event: Any) -> None:
    """A list or a text is nobody's request."""
    with pytest.raises(EventError, match="must be a JSON object"):
        parse(event, FIELDS)


@pytest.mark.parametrize("limit", [-1, 1.0, "5", None])
def test_event_integer_must_be_one(limit: Any) -> None:
    """No conversion: a limit that is nearly a number may be nearly the right one."""
    with pytest.raises(EventError, match="limit must be a whole number"):
        parse({"limit": limit}, FIELDS)


def test_event_of_another_source_is_refused() -> None:
    """Only schedules count as empty; any other event was sent to the wrong function."""
    with pytest.raises(EventError, match="unknown key 'source'"):
        parse({"source": "aws.s3"}, FIELDS)


def test_event_texts_must_be_a_list_of_some() -> None:
    """An empty list could mean all as well as none."""
    fields = {"rules": Kind.TEXTS}

    assert parse({"rules": ["a", "b"]}, fields) == {"rules": ["a", "b"]}
    for rules in ([], "a", [1], [""], None):
        with pytest.raises(EventError, match="rules must be a list of texts"):
            parse({"rules": rules}, fields)
