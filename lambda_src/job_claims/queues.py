"""
Send messages to queues that may be gone.

Calls: sqs:GetQueueUrl, sqs:SendMessage. A container that died took its queue along: that is no
error, and must not keep newer work from being done. The service's address comes from the SDK's own
variables, so an emulator and AWS are one code path.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from expiry.calls import explained
from expiry.errors import SettingsError
from expiry.settings import Variables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_sqs import SQSClient

    from job_claims.request import InterruptRequest

TEMPLATE_VARIABLE = "QUEUE_TEMPLATE"
PLACES = frozenset({"projectId", "userId", "containerId"})
PLACE = re.compile(r"\{(\w*)\}")
NAME = re.compile(r"[A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo")
NO_QUEUE_CODES = frozenset({"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"})
FIFO = ".fifo"


@dataclass(frozen=True, slots=True)
class QueueTemplate:
    """How a container's queue is called: ``jobs-interrupts-{projectId}-{userId}``."""

    text: str

    @classmethod
    def parse(cls, template: str) -> QueueTemplate:
        """
        Take a template that names a place at least: one queue for all would stop everybody.

        Raises:
            SettingsError: It names none, or one that is not known; or no queue can be called so.
        """
        named = set(PLACE.findall(template))
        if not named or named - PLACES:
            known = ", ".join(f"{{{place}}}" for place in sorted(PLACES))
            raise SettingsError(
                [f"{TEMPLATE_VARIABLE} must hold at least one of {known}, no other"]
            )
        if not NAME.fullmatch(PLACE.sub("x", template)):
            raise SettingsError(
                [f"{TEMPLATE_VARIABLE} makes no queue name: letters, digits, -, _, at most 80"]
            )
        return cls(template)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> QueueTemplate:
        """Read the template; a fault is named in one SettingsError."""
        with Variables(env) as variables:
            template = variables.required(TEMPLATE_VARIABLE)
        return cls.parse(template)

    def name(self, request: InterruptRequest) -> str | None:
        """Return the queue's name; None where no queue can be called so."""
        values = {
            "projectId": request.key.project_id,
            "userId": request.key.user_id,
            "containerId": request.container_id,
        }
        name = PLACE.sub(lambda place: values[place[1]], self.text)
        return name if NAME.fullmatch(name) else None


class Queues:
    """Queues by name, their addresses kept for as long as the function stays warm."""

    def __init__(self, client: SQSClient) -> None:
        """Ask and send through *client*."""
        self._client = client
        self._urls: dict[str, str] = {}

    def send(self, name: str, message: Mapping[str, Any], group: str, unique: str) -> str | None:
        """
        Send *message* with its texts as attributes for filters; None where there is no queue.

        A queue that was made anew may have another address than the one that we kept: it is asked
        for once more.

        Args:
            group: What must stay in order, for FIFO queues.
            unique: The same for the same message, for FIFO queues.

        Raises:
            StoreError: It could not be sent, though there may be a queue.
        """
        order = _order(name, group, unique)
        kept = self._urls.pop(name, None)
        if kept and (sent := self._sent(name, kept, message, order)):
            return sent
        url = self._url(name)
        return self._sent(name, url, message, order) if url else None

    def send_to(self, url: str, message: Mapping[str, Any], group: str, unique: str) -> str:
        """
        Send *message* to the queue at *url*, which must be there.

        Raises:
            StoreError: It could not be sent.
        """
        with explained("sqs:SendMessage", url, setting="DEAD_LETTER_QUEUE_URL"):
            return self._send(url, message, _order(url, group, unique))

    def _url(self, name: str) -> str | None:
        with explained("sqs:GetQueueUrl", f"queue {name}", setting=TEMPLATE_VARIABLE):
            try:
                return self._client.get_queue_url(QueueName=name)["QueueUrl"]
            except ClientError as error:
                _pass_over(error)
                return None

    def _sent(
        self, name: str, url: str, message: Mapping[str, Any], order: dict[str, str]
    ) -> str | None:
        """Send to a queue that may be gone; its address is kept while it is there."""
        with explained("sqs:SendMessage", f"queue {name}", setting=TEMPLATE_VARIABLE):
            try:
                sent = self._send(url, message, order)
            except ClientError as error:
                _pass_over(error)
                return None
        self._urls[name] = url
        return sent

    def _send(self, url: str, message: Mapping[str, Any], order: dict[str, str]) -> str:
        attributes: Any = {
            name: {"DataType": "String", "StringValue": message[name]}
            for name in ("type", "containerId", "threadId")
            if message.get(name)
        }
        body = {name: value for name, value in message.items() if name != "threadId"}
        request: Any = {"QueueUrl": url, "MessageBody": json.dumps(body), **order}
        return self._client.send_message(**request, MessageAttributes=attributes)["MessageId"]


def _pass_over(error: ClientError) -> None:
    """Raise *error* again, unless it says that there is no queue."""
    if error.response.get("Error", {}).get("Code") not in NO_QUEUE_CODES:
        raise error


def _order(name: str, group: str, unique: str) -> dict[str, str]:
    if not name.endswith(FIFO):
        return {}
    return {"MessageGroupId": short(group), "MessageDeduplicationId": short(unique)}


def short(value: str) -> str:
    """Return what stands for *value* where SQS takes 128 characters of its own alphabet."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:64]
