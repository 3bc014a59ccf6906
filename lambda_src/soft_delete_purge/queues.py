"""
Send records that failed to the retry queue, and those that rest to the dead-letter queue.

Calls: sqs:SendMessage, sqs:ChangeMessageVisibility. A queue that does not take a message stops
nothing: the failure is in its table, from where the next run takes it up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from expiry.calls import explained
from soft_delete_purge.settings import DEAD_LETTER_VARIABLE, RETRY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_sqs import SQSClient

    from soft_delete_purge.failures import Failure

MOST_MESSAGES = 10  # a call (API_SendMessageBatch)
MOST_DELAY_S = 900  # of a message that is sent (API_SendMessage)
DELAYS_S = (60, 300, 900, 1_800, 3_600)  # before each retry; the last one again and again
BUSY_S = 60  # before a record that somebody holds is tried again


def delay_s(attempts: int) -> int:
    """Return how long to wait after so many retries."""
    return DELAYS_S[min(attempts, len(DELAYS_S) - 1)]


@dataclass(frozen=True, slots=True)
class Message:
    """What the queues carry of a record that failed."""

    root: str
    id: str
    error: str
    attempt: int  # the retry that it asks for, from 1; in the dead-letter queue: the last one made
    first_failed_at: str
    correlation_id: str
    resting: bool = False  # it comes from the dead-letter queue: an operator wants it tried

    @classmethod
    def of(cls, root: str, failure: Failure) -> Self:
        """Write what is known of a failure."""
        return cls(
            root=root,
            id=failure.key,
            error=failure.last_error,
            attempt=failure.attempts + (not failure.resting),
            first_failed_at=failure.first_failed_at.isoformat(),
            correlation_id=failure.correlation_id,
            resting=failure.resting,
        )

    @classmethod
    def parse(cls, body: str) -> Self:
        """
        Read a message.

        Raises:
            ValueError: It is none of ours.
        """
        found = json.loads(body)
        if not isinstance(found, Mapping):
            raise ValueError("no object")  # noqa: TRY004 - one error for whatever is no message
        texts = {name: found.get(name) for name in ("root", "id", "correlationId")}
        if strange := [name for name, text in texts.items() if not isinstance(text, str)]:
            raise ValueError(f"no {', '.join(strange)}")
        attempt = found.get("attempt")
        return cls(
            root=str(found["root"]),
            id=str(found["id"]),
            error=str(found.get("error", "")),
            attempt=attempt if isinstance(attempt, int) else 0,
            first_failed_at=str(found.get("firstFailedAt", "")),
            correlation_id=str(found["correlationId"]),
            resting=found.get("resting") is True,
        )

    def body(self) -> str:
        """Write it as JSON."""
        return json.dumps(
            {
                "root": self.root,
                "id": self.id,
                "error": self.error,
                "attempt": self.attempt,
                "firstFailedAt": self.first_failed_at,
                "correlationId": self.correlation_id,
                "resting": self.resting,
            }
        )


@dataclass(frozen=True, slots=True)
class Queues:
    """The two queues; None where the operator has none: then the failure's table is all."""

    client: SQSClient
    retry_url: str | None
    dead_letter_url: str | None

    def retry(self, messages: Sequence[Message]) -> set[str]:
        """
        Send records to be tried again; return the ids that the queue has taken.

        Raises:
            StoreError: The queue took none of a call.
        """
        wait_s = min(MOST_DELAY_S, delay_s(0))
        return self._send(self.retry_url, RETRY_VARIABLE, messages, DelaySeconds=wait_s)

    def bury(self, messages: Sequence[Message]) -> set[str]:
        """
        Send records that rest to where an operator sees them; return the ids that were taken.

        Raises:
            StoreError: The queue took none of a call.
        """
        return self._send(self.dead_letter_url, DEAD_LETTER_VARIABLE, messages)

    def hide(self, receipt: str, wait_s: int) -> None:
        """
        Let a message that was received come again after *wait_s*.

        Raises:
            StoreError: The queue does not; it comes when its own timeout ends.
        """
        if self.retry_url is None:
            return
        with explained("sqs:ChangeMessageVisibility", self.retry_url, setting=RETRY_VARIABLE):
            self.client.change_message_visibility(
                QueueUrl=self.retry_url, ReceiptHandle=receipt, VisibilityTimeout=wait_s
            )

    def _send(
        self, url: str | None, setting: str, messages: Sequence[Message], **more: Any
    ) -> set[str]:
        taken: set[str] = set()
        if url is None:
            return taken
        for start in range(0, len(messages), MOST_MESSAGES):
            batch = messages[start : start + MOST_MESSAGES]
            entries: Any = [
                {"Id": str(place), "MessageBody": message.body(), **more}
                for place, message in enumerate(batch)
            ]
            with explained("sqs:SendMessage", url, setting=setting):
                answer = self.client.send_message_batch(QueueUrl=url, Entries=entries)
            taken |= {batch[int(sent["Id"])].id for sent in answer.get("Successful", ())}
        return taken
