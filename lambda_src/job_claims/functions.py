"""
What each function does with its request: one object, its means as arguments.

Order of a timeout: the record first, then the message, then the key is freed. Killed anywhere
and called again, it ends the same: the record knows the claim as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from job_claims import answers
from job_claims.endings import Ending, Owner

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_lambda_powertools.logging import Logger

    from job_claims.claims import Claims
    from job_claims.interruptions import Records
    from job_claims.owners import Owners
    from job_claims.queues import Queues, QueueTemplate
    from job_claims.request import (
        CheckRequest,
        ClaimRequest,
        InterruptionRequest,
        InterruptRequest,
        OwnerRequest,
        TimeoutRequest,
    )

COUNTED = {
    Ending.CLAIMED: "Claims",
    Ending.REFRESHED: "Refreshes",
    Ending.HELD: "ClaimsHeld",
    Ending.LIMITED: "ClaimsRateLimited",
}


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """Where what must be looked at goes."""

    queues: Queues
    url: str


@dataclass(frozen=True, slots=True)
class Telling:
    """Where a function says what it did."""

    logger: Logger
    emit: Callable[[Mapping[str, float]], None]


def check(claims: Claims, request: CheckRequest, now_s: float) -> dict[str, Any]:
    """Say who works on a key; one consistent read."""
    return answers.checked(request, claims.find(request.key), now_s)


def claim(claims: Claims, request: ClaimRequest, tell: Telling) -> dict[str, Any]:
    """Claim a key for a thread's message, and count how it ended."""
    result = claims.claim(request)
    counts = {COUNTED[result.ending]: 1}
    if result.preempted:
        counts["Preemptions"] = 1
    tell.emit(counts)
    answer = answers.claimed(result)
    tell.logger.info("claim", extra={"key": str(request.key), "answer": answer})
    return answer


def refresh(owners: Owners, request: OwnerRequest, tell: Telling) -> dict[str, Any]:
    """Make a lease longer."""
    result = owners.refresh(request.key, request.holder)
    tell.emit({"Refreshes" if result.owner is Owner.DONE else "StaleFences": 1})
    answer = answers.owned("refreshed", result)
    tell.logger.info("refresh", extra={"key": str(request.key), "answer": answer})
    return answer


def release(owners: Owners, request: OwnerRequest, tell: Telling, now_s: float) -> dict[str, Any]:
    """Give a key back."""
    result = owners.release(request.key, request.holder, request.message_id)
    if result.owner in {Owner.EXPIRED, Owner.FREE, Owner.LOST}:
        tell.emit({"StaleFences": 1})
    elif result.owner is Owner.DONE and result.claim:
        tell.emit({"Releases": 1, "LeaseAge": max(0, int(now_s) - result.claim.claimed_at_s)})
    answer = answers.owned("released", result)
    tell.logger.info("release", extra={"key": str(request.key), "answer": answer})
    return answer


def record(records: Records, request: InterruptionRequest, tell: Telling) -> dict[str, Any]:
    """Record an interruption; the same message again brings the record that is there."""
    answer, made = records.interruption(request)
    if made:
        tell.emit({"Interruptions": 1})
    tell.logger.info("interruption", extra={"record": answer, "made": made})
    return answer


def interrupt(
    means: tuple[Queues, QueueTemplate], request: InterruptRequest, tell: Telling, now_s: float
) -> dict[str, Any]:
    """Tell a container to stop for newer work; no queue is an answer, not an error."""
    queues, template = means
    message = {
        "type": "INTERRUPT",
        "containerId": request.container_id,
        "threadId": request.new_thread_id,
        "newThreadId": request.new_thread_id,
        "interruptingMessageId": request.message_id,
        "timestamp": int(now_s),
        "reason": request.reason,
    }
    name = template.name(request)
    unique = f"{request.container_id}#{request.message_id}"
    sent = name and queues.send(name, message, request.container_id, unique)
    tell.emit({"Interrupts" if sent else "InterruptsWithoutQueue": 1})
    answer = {"sent": True, "queue": name} if sent else {"sent": False, "reason": "no_queue"}
    tell.logger.info("interrupt", extra={"key": str(request.key), "answer": answer})
    return answer


def time_out(
    means: tuple[Claims, Owners, Records, DeadLetters],
    request: TimeoutRequest,
    tell: Telling,
) -> dict[str, Any]:
    """Record a worker's death, tell the dead-letter queue, free the key if it is still its."""
    claims, owners, records, dead_letters = means
    kept, _ = records.timeout(request, claims.find(request.key))
    message = {
        "type": "TIMEOUT",
        "id": kept["recordId"],
        "projectUserId": kept["projectUserId"],
        "containerId": kept["interruptedContainer"],
        "fence": kept["fence"],
        "messageId": request.message_id,
        "claim": kept["claim"],
        "executionId": kept.get("executionId"),
        "error": kept["reason"],
        "cause": kept["cause"],
        "timestamp": kept["timestamp"],
    }
    dead_letters.queues.send_to(dead_letters.url, message, kept["projectUserId"], kept["recordId"])
    freed = owners.release(request.key, request.holder)
    tell.emit({"Timeouts": 1})  # by a repeated call, too: the first may have died before its line
    answer = {"record": kept, **answers.owned("released", freed)}
    tell.logger.info("timeout", extra={"key": str(request.key), "answer": answer})
    return answer
