"""
Interrupts go to queues that may be gone, or made anew; what fails otherwise is said.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from expiry.errors import DeniedError
from job_claims.queues import Queues

if TYPE_CHECKING:
    from tests.cloud import Account

MESSAGE = {"type": "INTERRUPT", "containerId": "c", "threadId": "t", "newThreadId": "t"}


def told(queues: Queues, name: str) -> str | None:
    """Send an interrupt."""
    return queues.send(name, MESSAGE, "container-1", "container-1#message-1")


def received(sqs: Any, url: str) -> list[dict[str, Any]]:
    """Take what is in a queue, with everything about it."""
    found: list[dict[str, Any]] = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        MessageAttributeNames=["All"],
        AttributeNames=["All"],
    ).get("Messages", [])
    return found


def test_message_carries_attributes_for_filters(account: Account) -> None:
    """Type, container and thread; the body has the rest."""
    sqs = account.client("sqs")
    url = sqs.create_queue(QueueName="jobs-a-b")["QueueUrl"]

    assert told(Queues(sqs), "jobs-a-b")

    [message] = received(sqs, url)
    attributes = {name: a["StringValue"] for name, a in message["MessageAttributes"].items()}
    assert attributes == {"type": "INTERRUPT", "containerId": "c", "threadId": "t"}
    assert json.loads(message["Body"]) == {
        "type": "INTERRUPT",
        "containerId": "c",
        "newThreadId": "t",
    }


def test_message_to_a_fifo_queue_is_ordered_and_sent_once(account: Account) -> None:
    """The same message twice within minutes is one; a container's stay in their order."""
    sqs = account.client("sqs")
    url = sqs.create_queue(QueueName="jobs-a.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    queues = Queues(sqs)

    assert told(queues, "jobs-a.fifo")
    assert told(queues, "jobs-a.fifo")

    [message] = received(sqs, url)
    assert len(message["Attributes"]["MessageGroupId"]) == 64


def test_queue_s_address_is_asked_for_once(account: Account) -> None:
    """Two calls for the first interrupt, one for each that follows."""
    sqs = account.client("sqs")
    sqs.create_queue(QueueName="jobs-a-b")
    queues = Queues(sqs)
    account.clear_calls()

    assert told(queues, "jobs-a-b")
    assert told(queues, "jobs-a-b")

    assert [call.operation for call in account.calls()] == [
        "GetQueueUrl",
        "SendMessage",
        "SendMessage",
    ]


def test_queue_that_is_gone_is_no_error_and_found_when_it_is_back(account: Account) -> None:
    """A container that died took its queue along; the next one makes it anew."""
    sqs = account.client("sqs")
    queues = Queues(sqs)
    assert told(queues, "jobs-a-b") is None
    url = sqs.create_queue(QueueName="jobs-a-b")["QueueUrl"]
    assert told(queues, "jobs-a-b")
    sqs.delete_queue(QueueUrl=url)

    assert told(queues, "jobs-a-b") is None
    sqs.create_queue(QueueName="jobs-a-b")
    assert told(queues, "jobs-a-b")


class Moved:
    """A queue that was made anew at another address."""

    def __init__(self) -> None:
        self.url = "https://old"

    def get_queue_url(self, **_: Any) -> Any:
        return {"QueueUrl": self.url}

    def send_message(self, **request: Any) -> Any:
        if request["QueueUrl"] != self.url:
            code = "AWS.SimpleQueueService.NonExistentQueue"
            raise ClientError({"Error": {"Code": code, "Message": ""}}, "SendMessage")
        return {"MessageId": self.url}


def test_queue_that_was_made_anew_elsewhere_is_asked_for_again() -> None:
    """The interrupt is not lost because an address was kept."""
    moved: Any = Moved()
    queues = Queues(moved)
    assert told(queues, "jobs-a-b") == "https://old"

    moved.url = "https://new"

    assert told(queues, "jobs-a-b") == "https://new"


def test_queue_that_refuses_is_an_error_that_says_what_to_allow() -> None:
    """Only a queue that is not there is an answer."""
    refusing: Any = Moved()

    def denied(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "SendMessage")

    refusing.send_message = denied
    with pytest.raises(DeniedError, match="sqs:SendMessage"):
        told(Queues(refusing), "jobs-a-b")
