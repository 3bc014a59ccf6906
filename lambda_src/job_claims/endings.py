"""How claims, refreshes and releases end, and what a claim is; makes no call."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from job_claims.fields import Holder


class Ending(StrEnum):
    """How a claim ended."""

    CLAIMED = "claimed"  # with a new fence
    REFRESHED = "refreshed"  # the same thread holds it, and goes on
    HELD = "held"  # another thread holds it
    LIMITED = "limited"  # the key has had its claims for this window


class Owner(StrEnum):
    """How a refresh or a release ended."""

    DONE = "done"
    FREE = "free"  # nobody holds the key
    EXPIRED = "expired"  # the lease had ended: claim anew, for a new fence
    LOST = "lost"  # somebody else holds the key, with a greater fence
    SHARED = "shared"  # the owner still works on other messages: it keeps the key


@dataclass(frozen=True, slots=True)
class Claim:
    """A row of the table of active jobs while somebody holds it."""

    container_id: str
    thread_id: str
    message_id: str
    claimed_at_s: int
    expires_at_s: int
    fence: int
    messages: frozenset[str] = frozenset()  # that the owner still works on
    message_at_s: float | None = None  # of the newest of them, where that was told

    @property
    def holder(self) -> Holder:
        """Return who shows this claim's fence."""
        return Holder(self.container_id, self.fence)

    def live(self, now_s: float) -> bool:
        """Say whether the lease has not ended."""
        return self.expires_at_s > now_s


@dataclass(frozen=True, slots=True)
class Claimed:
    """What became of a claim."""

    ending: Ending
    claim: Claim  # ours, or the holder's
    retry_after_s: int = 0
    preempted: bool = False


@dataclass(frozen=True, slots=True)
class Owned:
    """What became of a refresh or a release."""

    owner: Owner
    claim: Claim | None  # the owner's own (as it is, or as it was), or who holds the key now
