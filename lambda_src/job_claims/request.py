"""
What each function is asked, as a value.

Makes no call. Every fault of an event is named in one error, before anything is written.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from job_claims.fields import Fields, Holder, JobKey

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_REASON_BYTES = 4_096
MOST_ERROR = 1_024  # characters
MOST_CAUSE = 16_384  # likewise; as JSON at most 12 bytes each, and a message takes 256 KiB

KEY_FIELDS = ("projectUserId", "projectId", "userId")


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """Ask who works on a key, and whether a message of a thread should interrupt that."""

    key: JobKey
    thread_id: str
    message_at_s: float | None

    @classmethod
    def parse(cls, event: Any) -> Self:
        """Parse; every fault is named in one EventError."""
        with Fields(event, (*KEY_FIELDS, "threadId", "messageTimestamp")) as fields:
            return cls(fields.key(), fields.text("threadId"), fields.seconds("messageTimestamp"))


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """Ask for a key, for a thread's message; ``preempt`` names the claim to take over from."""

    key: JobKey
    thread_id: str
    message_id: str
    container_id: str | None = None  # None: made by the function
    preempt: Holder | None = None
    message_at_s: float | None = None  # None: what comes later is held against the claim's time

    @classmethod
    def parse(cls, event: Any) -> Self:
        """Parse; every fault is named in one EventError."""
        known = (*KEY_FIELDS, "threadId", "messageId", "containerId", "preempt", "messageTimestamp")
        with Fields(event, known) as fields:
            return cls(
                fields.key(),
                fields.text("threadId"),
                fields.text("messageId"),
                fields.optional_text("containerId"),
                _preempted(fields),
                fields.seconds("messageTimestamp"),
            )


@dataclass(frozen=True, slots=True)
class OwnerRequest:
    """Refresh or release what a container holds."""

    key: JobKey
    holder: Holder
    message_id: str | None = None  # a release: the message that is done

    @classmethod
    def parse(cls, event: Any, *, of_message: bool = False) -> Self:
        """Parse; every fault is named in one EventError."""
        known = (*KEY_FIELDS, "containerId", "fence", *(["messageId"] if of_message else []))
        with Fields(event, known) as fields:
            return cls(
                fields.key(),
                Holder(fields.text("containerId"), fields.fence()),
                fields.optional_text("messageId") if of_message else None,
            )


@dataclass(frozen=True, slots=True)
class InterruptionRequest:
    """Record that a message interrupted a container."""

    message_id: str
    interrupted_container: str
    new_thread_id: str
    reason: str

    @classmethod
    def parse(cls, event: Any) -> Self:
        """Parse; every fault is named in one EventError."""
        known = ("messageId", "interruptedContainer", "newThreadId", "reason")
        with Fields(event, known) as fields:
            return cls(
                fields.text("messageId"),
                fields.text("interruptedContainer"),
                fields.text("newThreadId"),
                fields.optional_text("reason", most_bytes=MOST_REASON_BYTES) or "new_message",
            )


@dataclass(frozen=True, slots=True)
class InterruptRequest:
    """Tell a container to stop for newer work."""

    key: JobKey
    container_id: str
    new_thread_id: str
    message_id: str
    reason: str

    @classmethod
    def parse(cls, event: Any) -> Self:
        """Parse; every fault is named in one EventError."""
        known = (*KEY_FIELDS, "containerId", "newThreadId", "messageId", "reason")
        with Fields(event, known) as fields:
            return cls(
                fields.key(),
                fields.text("containerId"),
                fields.text("newThreadId"),
                fields.text("messageId"),
                fields.optional_text("reason", most_bytes=MOST_REASON_BYTES) or "new_message",
            )


@dataclass(frozen=True, slots=True)
class TimeoutRequest:
    """Deal with a job whose worker has died, or took too long."""

    key: JobKey
    holder: Holder
    message_id: str
    error: Mapping[str, str] = field(default_factory=dict)
    execution_id: str | None = None

    @classmethod
    def parse(cls, event: Any) -> Self:
        """Parse; every fault is named in one EventError."""
        known = (*KEY_FIELDS, "containerId", "fence", "messageId", "error", "executionId")
        with Fields(event, known) as fields:
            return cls(
                fields.key(),
                Holder(fields.text("containerId"), fields.fence()),
                fields.text("messageId"),
                _error(fields, event.get("error")),
                fields.optional_text("executionId"),
            )


def _preempted(fields: Fields) -> Holder | None:
    named = fields.within("preempt", ("containerId", "fence"))
    return None if named is None else Holder(named.text("containerId"), named.fence())


def _error(fields: Fields, value: Any) -> Mapping[str, str]:
    """
    Return an error as Step Functions gives it (``Error``, ``Cause``), or a plain text.

    What is too long is cut, not refused: a worker's death must be told, however wordy it was.
    """
    if isinstance(value, str) and value:
        return {"Error": _cut(value, MOST_ERROR), "Cause": ""}
    named = fields.within("error", ("Error", "Cause")) if isinstance(value, dict) else None
    if named is None or not isinstance(value.get("Error"), str) or not value["Error"]:
        fields.refuse("error must be a text, or an object with Error and Cause")
        return {}
    cause = value.get("Cause", "")
    told = cause if isinstance(cause, str) else json.dumps(cause)
    return {"Error": _cut(value["Error"], MOST_ERROR), "Cause": _cut(told, MOST_CAUSE)}


def _cut(value: str, most: int) -> str:
    return value[:most].encode("utf-8", "replace").decode()
