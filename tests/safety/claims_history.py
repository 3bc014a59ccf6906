"""
Watch every write of the table of active jobs, and say what must never happen.

It knows nothing of the functions' own rules but the row before and after a write, whose clock
showed what, and what was asked for: who held the key, and what was done to that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from job_claims.fields import Holder
    from tests.safety.claims_stage import ClaimsStage, Party, Row
    from tests.safety.wire import Call, Forward


MARGIN_S = 30  # what clocks may differ by


@dataclass
class Asked:
    """What a party is about: looked at when one of its writes takes effect."""

    party: Party
    preempt: Holder | None = None
    claims: bool = False
    refreshes: Holder | None = None
    releases: Holder | None = None
    done: str | None = None  # the message that a release is about; None: all of them

    @property
    def now_s(self) -> float:
        """Return the time that the party has last seen, by its own clock."""
        return self.party.seen_s


@dataclass(frozen=True, slots=True)
class Held:
    """Who holds the key, as the row says."""

    container: str
    fence: int
    expires_s: int
    messages: frozenset[str]

    @classmethod
    def of(cls, row: Row | None) -> Held | None:
        """Read a row; None while the key is free."""
        if row is None or "containerId" not in row:
            return None
        return cls(
            row["containerId"]["S"],
            int(row["fence"]["N"]),
            int(row["expiresAt"]["N"]),
            frozenset(row.get("messages", {}).get("SS", ())),
        )


@dataclass
class History:
    """What happened to the key, and what of it must not have."""

    stage: ClaimsStage
    grants: list[tuple[int, str]] = field(default_factory=list)  # fence, container
    faults: list[str] = field(default_factory=list)
    shown: int = 0  # the greatest fence that a resource outside has seen
    commits: int = 0
    row: Row | None = None  # after the last write
    removed: int = 0  # times that TTL did

    def watch(self, asked: Asked) -> Any:
        """Return what a wire of the party that asks does with each call."""

        def disturb(call: Call, forward: Forward, request: dict[str, Any]) -> Any:
            if not call.writes or request["TableName"] != self.stage.name:
                return forward(**request)
            try:
                return forward(**request)
            finally:
                before, self.row = self.row, self.stage.row()
                self._judge(asked, before, self.row)

        return disturb

    def expire(self) -> None:
        """Let TTL remove the row, if its time has come."""
        if self.stage.expire():
            self.row, self.removed = None, self.removed + 1

    def commit(self, container: str, fence: int) -> None:
        """Write for the job with a fence that was just found to hold."""
        if self.grants and self.grants[-1] != (fence, container):
            self.faults.append(f"committed with {fence} after {self.grants[-1]}")
        if fence < self.shown:
            self.faults.append(f"a resource that has seen {self.shown} took {fence}")
        self.shown, self.commits = fence, self.commits + 1

    def _judge(self, asked: Asked, before: Row | None, after: Row | None) -> None:
        if before == after:
            return
        old, new = Held.of(before), Held.of(after)
        fence = int((after or {}).get("fence", {}).get("N", 0))
        if before and fence < int(before["fence"]["N"]):
            self.faults.append(f"fence went back to {fence} from {before['fence']}")
        if new is None:
            self._freed(asked, old)
        elif old is None or (old.container, old.fence) != (new.container, new.fence):
            self._granted(asked, old, new)
        else:
            self._kept(asked, old, new)

    def _granted(self, asked: Asked, old: Held | None, new: Held) -> None:
        if not asked.claims:
            self.faults.append(f"who did not claim changed the holder to {new}")
        if self.grants and new.fence <= self.grants[-1][0]:
            self.faults.append(f"granted {new.fence} after {self.grants[-1][0]}")
        named = asked.preempt
        preempted = (
            old and named and (named.container_id, named.fence) == (old.container, old.fence)
        )
        if old and not preempted and old.expires_s + MARGIN_S >= asked.now_s:
            self.faults.append(f"taken at {asked.now_s} from {old}")
        self.grants.append((new.fence, new.container))

    def _kept(self, asked: Asked, old: Held, new: Held) -> None:
        if new.expires_s < old.expires_s:
            self.faults.append(f"lease made shorter: {old} → {new}")
        if new.expires_s > old.expires_s and old.expires_s <= int(asked.now_s):
            self.faults.append(f"lease that had ended made longer: {old} → {new}")
        owner = asked.refreshes
        if owner and (owner.container_id, owner.fence) != (old.container, old.fence):
            self.faults.append(f"{owner} refreshed {old}")

    def _freed(self, asked: Asked, old: Held | None) -> None:
        owner = asked.releases
        if owner is None or old is None:
            self.faults.append(f"{old} was freed by who released {owner}")
            return
        if (owner.container_id, owner.fence) != (old.container, old.fence):
            self.faults.append(f"{owner} freed {old}")
        if asked.done is not None and old.messages - {asked.done}:
            self.faults.append(f"freed while {old.messages} were worked on, {asked.done} done")
