"""
What the retry queue and the dead-letter queue carry, and how the calls look.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from expiry.errors import EventError, StoreError
from soft_delete_purge.failures import Failure
from soft_delete_purge.queues import Message, Queues, delay_s
from soft_delete_purge.retry import Received, messages_of

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
URL = "https://sqs/queue"


class Sqs:
    """Takes what it is sent, but for messages whose key it is told to refuse."""

    def __init__(self, refused: str = "") -> None:
        self.requests: list[dict[str, Any]] = []
        self.refused = refused

    def send_message_batch(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        taken = [
            e for e in request["Entries"] if json.loads(e["MessageBody"])["id"] != self.refused
        ]
        return {"Successful": [{"Id": entry["Id"]} for entry in taken]}

    def change_message_visibility(self, **request: Any) -> None:
        self.requests.append(request)
        error: Any = {"Error": {"Code": "MessageNotInflight", "Message": "no"}}
        raise ClientError(error, "ChangeMessageVisibility")


def failure(key: str = "1", attempts: int = 0, *, resting: bool = False) -> Failure:
    """Make a failure."""
    return Failure(key, attempts, WHEN, "why", "run", None, resting)


def messages(count: int) -> list[Message]:
    """Make messages of records 0 and on."""
    return [Message.of("public.t", failure(str(n))) for n in range(count)]


def test_message_carries_what_the_story_asks_for_and_reads_back() -> None:
    """Id, error, attempt, first failure, correlation id; nothing of the record itself."""
    message = Message.of("public.t", failure(attempts=1))

    assert Message.parse(message.body()) == message
    assert json.loads(message.body()) == {
        "root": "public.t",
        "id": "1",
        "error": "why",
        "attempt": 2,
        "firstFailedAt": "2026-01-02T03:04:05+00:00",
        "correlationId": "run",
        "resting": False,
    }


def test_message_of_what_rests_says_so() -> None:
    """By that a redriven message is told from one that was delivered twice."""
    message = Message.of("public.t", failure(attempts=3, resting=True))

    assert (message.attempt, Message.parse(message.body()).resting) == (3, True)


@pytest.mark.parametrize(
    "body", ["", "no", "[]", "1", "{}", '{"root": "t", "id": 1, "correlationId": "run"}']
)
def test_message_that_is_none_of_ours_is_an_error(body: str) -> None:
    """Nothing is guessed of what somebody else wrote."""
    with pytest.raises(ValueError, match=r"."):
        Message.parse(body)


def test_delay_grows_and_ends_growing() -> None:
    """A minute, five, fifteen, then longer; an attempt beyond the list waits as the last."""
    assert [delay_s(attempts) for attempts in range(7)] == [
        60,
        300,
        900,
        1_800,
        3_600,
        3_600,
        3_600,
    ]


def test_retry_sends_ten_a_call_with_the_first_delay() -> None:
    """API_SendMessageBatch takes ten; API_SendMessage delays up to fifteen minutes."""
    client: Any = Sqs()

    taken = Queues(client, URL, None).retry(messages(21))

    assert [len(request["Entries"]) for request in client.requests] == [10, 10, 1]
    assert {e["DelaySeconds"] for request in client.requests for e in request["Entries"]} == {60}
    assert taken == {str(n) for n in range(21)}


def test_bury_tells_which_the_queue_has_taken() -> None:
    """What it has not is sent again by the next run."""
    client: Any = Sqs(refused="1")

    assert Queues(client, None, URL).bury(messages(3)) == {"0", "2"}
    assert "DelaySeconds" not in client.requests[0]["Entries"][0]


def test_queues_that_are_not_there_take_nothing() -> None:
    """An operator may run without: the table is enough."""
    client: Any = Sqs()
    queues = Queues(client, None, None)
    queues.hide("receipt", 1)

    assert (queues.retry(messages(1)), queues.bury(messages(1))) == (set(), set())
    assert client.requests == []


def test_hide_that_is_refused_names_the_action() -> None:
    """Who reads the log knows what to grant, or that the message was late."""
    client: Any = Sqs()

    with pytest.raises(StoreError, match="sqs:ChangeMessageVisibility on"):
        Queues(client, URL, None).hide("receipt", 7)
    assert client.requests[0]["VisibilityTimeout"] == 7


def test_messages_of_an_event_source_mapping_are_read() -> None:
    """As Lambda hands them over."""
    record = {"messageId": "m", "receiptHandle": "r", "body": "b", "eventSource": "aws:sqs"}

    assert messages_of({"Records": [record]}) == [Received("m", "r", "b")]


@pytest.mark.parametrize("event", [{}, [], None, {"Records": 1}, {"Records": [{}]}])
def test_messages_of_anything_else_is_an_error(event: Any) -> None:
    """A schedule pointed at the wrong handler purges nothing."""
    with pytest.raises(EventError):
        messages_of(event)
