# ruff: noqa: INP001 - a program that a reader copies, not a package
"""
What comes through queues: work with a fence, and interrupts.

Calls: sqs:GetQueueUrl, ReceiveMessage, DeleteMessage, ChangeMessageVisibility.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

ANOTHERS_S = 120  # an interrupt of that age is nobody's any more: its grace is long over
TEN = 10  # messages at most a ReceiveMessage


@dataclass(frozen=True)
class Job:
    """A claim's work: what the state machine sent, and who waits for it."""

    token: str
    key: str  # project#user
    message_id: str
    thread_id: str
    container_id: str
    fence: int
    steps: tuple[str, ...] | None  # None: the payload is not what this worker does

    @classmethod
    def parse(cls, body: str) -> Job:
        """Read a work message; its payload is ``{"steps": ["a text", ...]}``."""
        work = json.loads(body)
        payload = work["payload"]
        steps = payload.get("steps") if isinstance(payload, dict) else None
        return cls(
            token=work["taskToken"],
            key=work["projectUserId"],
            message_id=work["messageId"],
            thread_id=work["threadId"],
            container_id=work["containerId"],
            fence=int(work["fence"]),
            steps=tuple(map(str, steps)) if isinstance(steps, list) else None,
        )

    @property
    def places(self) -> dict[str, str]:
        """Return what a queue's name may hold."""
        project, _, user = self.key.partition("#")
        return {"projectId": project, "userId": user, "containerId": self.container_id}


@dataclass(frozen=True)
class Interrupts:
    """The queues through which containers are told to stop."""

    sqs: Any
    template: str
    look_s: int
    urls: dict[str, str] = field(default_factory=dict)

    def of(self, job: Job) -> dict[str, Any] | None:
        """Return the interrupt of *job*'s container, if there is one; it is taken."""
        name = self.template.format(**job.places)
        try:
            url = self._url(name)
            # A poll that waits asks all of SQS's servers; one that does not asks a few.
            received = self.sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=TEN, WaitTimeSeconds=self.look_s
            )
        except self.sqs.exceptions.QueueDoesNotExist:
            self.urls.pop(name, None)
            return None
        found = None
        for message in received.get("Messages", []):
            order = json.loads(message["Body"])
            about = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
            if order["containerId"] == job.container_id:
                found = order
            elif order["timestamp"] > time.time() - ANOTHERS_S:
                self.sqs.change_message_visibility(**about, VisibilityTimeout=0)
                continue
            self.sqs.delete_message(**about)
        return found

    def _url(self, name: str) -> str:
        if name not in self.urls:
            self.urls[name] = self.sqs.get_queue_url(QueueName=name)["QueueUrl"]
        return self.urls[name]
