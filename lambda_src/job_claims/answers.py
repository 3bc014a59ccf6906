"""What the functions answer, in the words of the application; makes no call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from job_claims.endings import Ending, Owner
from job_claims.interruptions import snapshot

if TYPE_CHECKING:
    from job_claims.endings import Claim, Claimed, Owned
    from job_claims.request import CheckRequest

NOBODY = dict.fromkeys(("containerId", "threadId", "claimedAt", "expiresAt", "fence"))


def checked(request: CheckRequest, claim: Claim | None, now_s: float) -> dict[str, Any]:
    """
    Say who works on a key, and whether the message should interrupt that.

    The same thread needs no interrupt. A message older than the newest that is worked on never
    interrupts: it was late, and the work is newer. Where nobody told when that one was sent the
    claim's own time stands for it; where the message has no time it counts as new.
    """
    if claim is None or not claim.live(now_s):
        # The fence stays, and so does who had it last: for the log.
        last = NOBODY if claim is None else _held(claim)
        return {"active": False, "sameThread": False, "shouldInterrupt": False, **last}
    same = claim.thread_id == request.thread_id
    since_s = claim.claimed_at_s if claim.message_at_s is None else claim.message_at_s
    late = request.message_at_s is not None and request.message_at_s < since_s
    return {
        "active": True,
        "sameThread": same,
        "shouldInterrupt": not same and not late,
        **_held(claim),
    }


def claimed(result: Claimed) -> dict[str, Any]:
    """Say what became of a claim."""
    claim = result.claim
    if result.ending in {Ending.CLAIMED, Ending.REFRESHED}:
        return {
            "claimed": True,
            "refreshed": result.ending is Ending.REFRESHED,
            "containerId": claim.container_id,
            "fence": claim.fence,
            "claimedAt": claim.claimed_at_s,
            "expiresAt": claim.expires_at_s,
        }
    if result.ending is Ending.LIMITED:
        return {
            "claimed": False,
            "rateLimited": True,
            "retryAfterSeconds": result.retry_after_s,
        }
    return {
        "claimed": False,
        "rateLimited": False,
        "holder": _holder(claim),
        "retryAfterSeconds": result.retry_after_s,
    }


def owned(word: str, result: Owned) -> dict[str, Any]:
    """Say what became of a refresh or a release (*word*); of a refusal, who holds the key now."""
    done, claim = result.owner is Owner.DONE, result.claim
    if done and claim and word == "refreshed":
        return {word: True, "fence": claim.fence, "expiresAt": claim.expires_at_s}
    if done:
        return {word: True}
    return {
        word: False,
        "reason": str(result.owner),
        "holder": None if claim is None else _holder(claim) | {"fence": claim.fence},
    }


def _held(claim: Claim) -> dict[str, Any]:
    held = snapshot(claim)
    held.pop("messageId")
    return held


def _holder(claim: Claim) -> dict[str, Any]:
    return {
        "containerId": claim.container_id,
        "threadId": claim.thread_id,
        "expiresAt": claim.expires_at_s,
    }
