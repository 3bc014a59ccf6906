"""
Try again the records that messages of the retry queue name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from expiry.errors import EventError


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
    try:
        return [
            Received(str(each["messageId"]), str(each["receiptHandle"]), str(each["body"]))
            for each in records or ()
        ]
    except (KeyError, TypeError):
        raise EventError(["a record lacks messageId, receiptHandle or body"]) from None
