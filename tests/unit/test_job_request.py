"""
What the functions may be asked: every fault is named by its field, and all at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from expiry.errors import EventError
from job_claims.fields import MOST_ID_BYTES, Holder, JobKey
from job_claims.request import (
    MOST_CAUSE,
    CheckRequest,
    ClaimRequest,
    InterruptionRequest,
    InterruptRequest,
    OwnerRequest,
    TimeoutRequest,
)

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = {"projectUserId": "amelia#scott"}
OWNER = {**KEY, "containerId": "container-1", "fence": 7}
PARSERS: dict[str, tuple[Callable[[Any], Any], dict[str, Any]]] = {
    "check": (CheckRequest.parse, {**KEY, "threadId": "t"}),
    "claim": (ClaimRequest.parse, {**KEY, "threadId": "t", "messageId": "m"}),
    "owner": (OwnerRequest.parse, OWNER),
    "record": (
        InterruptionRequest.parse,
        {"messageId": "m", "interruptedContainer": "c", "newThreadId": "t"},
    ),
    "interrupt": (
        InterruptRequest.parse,
        {**KEY, "containerId": "c", "newThreadId": "t", "messageId": "m"},
    ),
    "timeout": (TimeoutRequest.parse, {**OWNER, "messageId": "m", "error": "died"}),
}
FIELDS = [(name, field) for name, (_, event) in PARSERS.items() for field in event]
TEXTS = [(name, field) for name, field in FIELDS if field not in {"fence", "error"}]


def refusal(name: str, **changed: Any) -> str:
    """Return the message of the error in which a changed event has to end."""
    parse, event = PARSERS[name]
    left = {key: value for key, value in {**event, **changed}.items() if value is not ...}
    with pytest.raises(EventError) as caught:
        parse(left)
    return str(caught.value)


@pytest.mark.parametrize("name", PARSERS)
def test_request_as_it_should_be_is_taken(name: str) -> None:
    """What the state machine sends is enough."""
    parse, event = PARSERS[name]

    assert parse(event)


@pytest.mark.parametrize(("name", "field"), FIELDS)
def test_request_without_a_field_names_it(name: str, field: str) -> None:
    """Absent and null are the same."""
    assert field in refusal(name, **{field: ...})
    assert field in refusal(name, **{field: None})


@pytest.mark.parametrize(("name", "field"), TEXTS)
@pytest.mark.parametrize(
    "value",
    ["", "  ", 5, ["a#b"], "#", "a#\ud800", "a#\x00b", "a#" + "b" * 2_048],
    ids=["empty", "blank", "number", "list", "separator", "surrogate", "control", "long"],
)
def test_request_with_a_bad_text_names_its_field(name: str, field: str, value: Any) -> None:
    """Too long counts bytes; a lone surrogate or a control character fits in no message."""
    if value == "#" and field != "projectUserId":
        return
    assert field in refusal(name, **{field: value})


@pytest.mark.parametrize("name", PARSERS)
def test_request_with_an_unknown_key_names_it(name: str) -> None:
    """A misspelt preempt must not become a plain claim."""
    message = refusal(name, preemt=1)

    assert "unknown key 'preemt'" in message
    assert "known: " in message


@pytest.mark.parametrize("event", [None, [], "a", 1, True])
@pytest.mark.parametrize("name", PARSERS)
def test_request_that_is_no_object_is_refused(name: str, event: Any) -> None:
    """One error, of our own kind."""
    with pytest.raises(EventError, match="must be a JSON object"):
        PARSERS[name][0](event)


def test_request_names_all_faults_at_once() -> None:
    """Whoever corrects an event does it once."""
    message = refusal("claim", projectUserId="amelia", threadId="", messageId=1, other=True)

    assert all(name in message for name in ("projectUserId", "threadId", "messageId", "other"))


@pytest.mark.parametrize("key", ["amelia", "#scott", "amelia#", " #scott", "", 5, ["amelia#s"]])
def test_key_without_both_parts_is_refused(key: Any) -> None:
    """A key is PROJECT#USER."""
    assert "projectUserId" in refusal("check", projectUserId=key)


def test_key_in_two_parts_is_the_same_key() -> None:
    """Only the project may not hold what parts them."""
    parts = {"projectId": "amelia", "userId": "scott#2", "threadId": "t"}

    assert str(CheckRequest.parse(parts).key) == "amelia#scott#2"
    assert CheckRequest.parse({**KEY, "threadId": "t"}).key == JobKey("amelia", "scott")
    with pytest.raises(EventError, match="projectId must not hold '#'"):
        CheckRequest.parse({**parts, "projectId": "a#b"})
    with pytest.raises(EventError, match="give one form"):
        CheckRequest.parse({**parts, **KEY})
    with pytest.raises(EventError, match="userId"):
        CheckRequest.parse({"projectId": "amelia", "threadId": "t"})


def test_ids_as_long_as_they_may_be_fit_in_a_key() -> None:
    """Bytes count, not characters; DynamoDB takes keys of 2,048."""
    longest = "ü" * (MOST_ID_BYTES // 2)
    request = CheckRequest.parse({"projectId": longest, "userId": longest, "threadId": "t"})

    assert len(str(request.key).encode()) < 2_048
    assert CheckRequest.parse({"projectUserId": str(request.key), "threadId": "t"}) == request


@pytest.mark.parametrize("fence", [0, -1, 1.5, "7", True, None, 10**18, [7]])
def test_fence_that_is_no_whole_number_above_zero_is_refused(fence: Any) -> None:
    """A fence is shown as it was given."""
    assert "fence must be a whole number above 0" in refusal("owner", fence=fence)


@pytest.mark.parametrize(
    ("preempt", "named"),
    [
        ("c", "preempt must be an object"),
        ({}, "preempt.containerId"),
        ({"containerId": "c"}, "preempt.fence"),
        ({"containerId": "", "fence": 1}, "preempt.containerId"),
        ({"containerId": "c", "fence": "1"}, "preempt.fence"),
        ({"containerId": "c", "fence": 1, "force": True}, "'preempt.force'"),
    ],
)
def test_preempt_names_exactly_one_claim_or_is_refused(preempt: Any, named: str) -> None:
    """It takes a key away from somebody: nothing of it is guessed."""
    assert named in refusal("claim", preempt=preempt)


def test_preempt_is_a_container_and_its_fence() -> None:
    """Null is none."""
    event = PARSERS["claim"][1]
    found = ClaimRequest.parse({**event, "preempt": {"containerId": "c", "fence": 3}})

    assert found.preempt == Holder("c", 3)
    assert ClaimRequest.parse({**event, "preempt": None}).preempt is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (1_755_425_000, 1_755_425_000),
        (1_755_425_000.25, 1_755_425_000.25),
        ("2025-08-17T10:03:20Z", 1_755_425_000),
        ("2025-08-17T12:03:20.250+02:00", 1_755_425_000.25),
    ],
)
def test_message_timestamp_is_seconds_or_iso(value: Any, seconds: float) -> None:
    """As a number or as a text with an offset."""
    assert CheckRequest.parse({**KEY, "threadId": "t", "messageTimestamp": value}).message_at_s == (
        seconds
    )


@pytest.mark.parametrize(
    "value", ["yesterday", "2025-08-17T10:03:20", 1_755_425_000_000, -1, True, [], float("nan")]
)
def test_message_timestamp_that_is_no_moment_is_refused(value: Any) -> None:
    """Milliseconds, too: every message would be newer than any claim."""
    assert "messageTimestamp" in refusal("check", messageTimestamp=value)


def test_error_is_what_step_functions_gives_or_a_text() -> None:
    """What is too long is cut: a worker's death must be told, however wordy it was."""
    event = PARSERS["timeout"][1]
    long = {"Error": "States.Timeout", "Cause": "x" * 100_000}

    assert TimeoutRequest.parse(event).error == {"Error": "died", "Cause": ""}
    told = TimeoutRequest.parse({**event, "error": long}).error
    assert told == {"Error": "States.Timeout", "Cause": "x" * MOST_CAUSE}
    odd = TimeoutRequest.parse({**event, "error": {"Error": "E", "Cause": {"a": 1}}}).error
    assert odd["Cause"] == '{"a": 1}'
    lone = TimeoutRequest.parse({**event, "error": {"Error": "E", "Cause": "\ud800"}}).error
    assert lone["Cause"] == "?"


@pytest.mark.parametrize("error", ["", 5, [], {}, {"Error": ""}, {"Error": 5}, {"error": "E"}])
def test_error_that_says_nothing_is_refused(error: Any) -> None:
    """Whoever looks at the record wants to know why."""
    assert "error" in refusal("timeout", error=error)
