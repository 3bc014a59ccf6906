"""Probes of SQS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.cloud.probes import probe
from tests.cloud.probes.made import make_role, refused

if TYPE_CHECKING:
    from tests.cloud import Account


@probe
def sqs_batch_permissions(account: Account) -> None:
    """A role that may send may send batches, and may not delete them."""
    url = account.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    arn = f"arn:aws:sqs:{account.region}:{account.id}:q"
    make_role(account, "r", {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn})
    sqs = account.client("sqs", role="r")

    sent = sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": "0", "MessageBody": "x"}])
    assert len(sent["Successful"]) == 1
    assert account.used("r") == {("sqs:SendMessage", arn)}
    entries = [{"Id": "0", "ReceiptHandle": "x"}]
    assert "AccessDenied" in refused(sqs.delete_message_batch, QueueUrl=url, Entries=entries)
    assert ("sqs:DeleteMessage", arn) in account.denied("r")


@probe
def sqs_move_tasks(account: Account) -> None:
    """What waits in a dead-letter queue moves to another; what is no such queue is refused."""
    sqs, arn = account.client("sqs"), f"arn:aws:sqs:{account.region}:{account.id}"
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    policy = json.dumps({"deadLetterTargetArn": f"{arn}:dead", "maxReceiveCount": 3})
    work = sqs.create_queue(QueueName="work", Attributes={"RedrivePolicy": policy})["QueueUrl"]
    sqs.send_message(QueueUrl=dead, MessageBody="x")

    move = sqs.start_message_move_task
    assert refused(move, SourceArn=f"{arn}:work", DestinationArn=f"{arn}:dead")
    move(SourceArn=f"{arn}:dead", DestinationArn=f"{arn}:work")
    (message,) = sqs.receive_message(QueueUrl=work)["Messages"]
    assert message["Body"] == "x"
    assert "Messages" not in sqs.receive_message(QueueUrl=dead)
