"""
Try again the records that messages of the retry queue name, each when its turn has come.

Calls: sqs:ChangeMessageVisibility, sqs:SendMessage to the dead-letter queue. A message is done when
its record is gone, not due any more, or rests; else it is hidden for a while and reported as
failed, so that Lambda does not delete it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from expiry.errors import EventError, StoreError
from expiry.outcomes import Outcome
from soft_delete_purge.purging import RECORD_S
from soft_delete_purge.queues import BUSY_S, Message, delay_s
from soft_delete_purge.transaction import NOT_DUE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from soft_delete_purge.context import Context
    from soft_delete_purge.failures import Failure
    from soft_delete_purge.purged import Purged
    from soft_delete_purge.purging import Purging

DRY_S = 3_600  # until a dry run looks again


@dataclass(frozen=True, slots=True)
class Received:
    """A message as the event source mapping hands it over."""

    message_id: str
    receipt: str
    body: str


def messages_of(event: Any) -> list[Received]:
    """
    Read an event of the queue.

    Raises:
        EventError: It is none.
    """
    records = event.get("Records") if isinstance(event, Mapping) else None
    if not isinstance(records, list):
        raise EventError(["must hold Records, as an event source mapping of SQS sends them"])
    try:
        return [
            Received(str(each["messageId"]), str(each["receiptHandle"]), str(each["body"]))
            for each in records
        ]
    except (KeyError, TypeError):
        raise EventError(["a record lacks messageId, receiptHandle or body"]) from None


@dataclass(frozen=True, slots=True)
class Retries:
    """One batch of messages."""

    context: Context
    purging: Purging

    def run(self, received: Sequence[Received]) -> dict[str, Any]:
        """
        Try what the messages name; answer which of them are to come again.

        Raises:
            DatabaseError: The session was lost for good; all messages come again.
        """
        return {
            "batchItemFailures": [
                {"itemIdentifier": each.message_id} for each in self._again(received)
            ]
        }

    def _again(self, received: Sequence[Received]) -> Iterator[Received]:
        root = str(self.context.bound.plan.root.relation)
        for each in received:
            try:
                message = Message.parse(each.body)
            except ValueError as error:
                self._strange(each, f"no message of ours: {error}")
                yield each
                continue
            if message.root != root:
                self._strange(each, f"it is about {message.root}, and this plan about {root}")
                yield each
                continue
            wait_s = self._tried(message)
            if wait_s is not None:
                self._hide(each, wait_s)
                yield each

    def _tried(self, message: Message) -> int | None:
        """Try once; return after how many seconds to try again, None where it is done."""
        context = self.context
        if context.dry_run:
            return DRY_S
        if not context.budget.allows(RECORD_S):
            return 0
        failure = context.link.attempt(lambda session: context.failures.find(session, message.id))
        if failure is None:
            return None  # purged meanwhile, or left to the next run by an operator
        if failure.resting:
            if not message.resting:
                return None  # a message that was delivered twice
            context.link.attempt(lambda session: context.failures.wake(session, message.id))
        terms = replace(context.terms, correlation_id=message.correlation_id)
        purged = self.purging.one(message.id, terms)
        return self._ended(purged, self.purging.account(purged, terms))

    def _ended(self, purged: Purged, failure: Failure | None) -> int | None:
        if failure is not None:
            if not failure.resting:
                return delay_s(failure.attempts)
            self.purging.send_on([failure])
            return None
        if purged.outcome is Outcome.CHANGED and purged.reason != NOT_DUE:
            return BUSY_S  # somebody holds it: that is no attempt
        self.context.link.attempt(
            lambda session: self.context.failures.settle(session, [purged.key])
        )
        return None

    def _hide(self, received: Received, wait_s: int) -> None:
        try:
            self.context.queues.hide(received.receipt, wait_s)
        except StoreError as error:
            extra = {"message": received.message_id, "reason": str(error)}
            self.context.logger.warning("comes again by its own timeout", extra=extra)

    def _strange(self, received: Received, reason: str) -> None:
        extra = {"message": received.message_id, "reason": reason}
        self.context.logger.error("message not understood", extra=extra)
