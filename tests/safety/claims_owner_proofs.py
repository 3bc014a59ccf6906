"""Quick proofs of what holds for those who have a key; each returns what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from job_claims.endings import Owner
from job_claims.fields import Holder
from tests.safety.claims_asserts import ended, once, unless
from tests.safety.claims_stage import LEASE_S, ClaimsStage, Party
from tests.safety.wire import Wire

if TYPE_CHECKING:
    from tests.safety.stage import Clients
    from tests.safety.wire import Call


def only_the_owner_refreshes(clients: Clients) -> list[str]:
    """By container, by fence, and while the lease lasts."""
    stage = ClaimsStage(clients)
    party = Party(stage)
    owner = party.won(container="own")
    stage.advance(10)
    faults = ended(party.refresh(Holder("own", owner.fence - 1)), Owner.LOST)
    faults += ended(party.refresh(Holder("other", owner.fence)), Owner.LOST)
    faults += ended(party.refresh(owner), Owner.DONE)
    stage.advance(LEASE_S)
    return faults + ended(party.refresh(owner), Owner.EXPIRED)


def only_the_owner_releases(clients: Clients) -> list[str]:
    """By container and by fence; twice is once."""
    stage = ClaimsStage(clients)
    party = Party(stage)
    owner = party.won(container="own")
    faults = ended(party.release(Holder("own", owner.fence - 1)), Owner.LOST)
    faults += ended(party.release(Holder("other", owner.fence)), Owner.LOST)
    faults += ended(party.release(Holder("other", owner.fence), "message-1"), Owner.LOST)
    faults += ended(party.release(owner), Owner.DONE)
    faults += ended(party.release(owner), Owner.DONE)
    return faults + ended(party.refresh(owner), Owner.FREE)


def last_message_frees_the_key(clients: Clients) -> list[str]:
    """A claim that two messages share stays until both are done; twice is once."""
    stage = ClaimsStage(clients)
    party = Party(stage)
    owner = party.won("message-1")
    party.won("message-2")
    faults = ended(party.release(owner, "message-1"), Owner.SHARED)
    faults += ended(party.release(owner, "message-1"), Owner.SHARED)
    faults += unless("containerId" in (stage.row() or {}), "freed too early")
    faults += ended(party.release(owner, "message-2"), Owner.DONE)
    return faults + unless("containerId" not in (stage.row() or {}), "not freed")


def message_that_comes_during_a_release_keeps_the_key(clients: Clients) -> list[str]:
    """Before each call of the release of what looks like the last message, a new one joins."""
    return [*_joined(clients, at=0, shared=False), *_joined(clients, at=1), *_joined(clients, at=2)]


def _joined(clients: Clients, *, at: int, shared: bool = True) -> list[str]:
    stage = ClaimsStage(clients)
    party = Party(stage)
    owner = party.won("message-1")
    if shared:
        party.won("message-2")

    def before(call: Call) -> None:
        if shared and call.number == 1:
            party.release(owner, "message-2")
        if call.number == at:
            party.won("message-3")

    result = Party(stage, wire=Wire(before=before)).release(owner, "message-1")
    row = stage.row() or {}
    kept = unless(row.get("messages") == {"SS": ["message-3"]}, f"freed at {at}: {row}")
    return kept + ended(result, Owner.SHARED)


def leaving_meets_a_new_owner(clients: Clients) -> list[str]:
    """A shared claim ended meanwhile: the next one's messages are not touched."""
    faults = []
    for container in ("own", "other"):
        stage = ClaimsStage(clients)
        party = Party(stage)
        owner = party.won("message-1", container="own")
        party.won("message-2")

        def anew(party: Party = party, owner: Holder = owner, container: str = container) -> None:
            party.release(owner)
            party.won("message-1", container=container)
            party.won("message-3")

        def same_fence(stage: ClaimsStage = stage, owner: Holder = owner) -> None:
            other = {"containerId": {"S": "other"}, "fence": {"N": str(owner.fence)}}
            stage.put(**{**(stage.row() or {}), **other})

        wire = once(1, anew if container == "own" else same_fence)
        Party(stage, wire=wire).release(owner, "message-1")
        left = (stage.row() or {}).get("messages", {}).get("SS", ())
        faults += unless("message-1" in left, f"{container}: message-1 is gone from {left}")
    return faults


def releases_at_once_free_the_key(clients: Clients) -> list[str]:
    """Two messages are done at once, in whatever order of calls: the key is free in the end."""
    faults = []
    for number in range(2):
        stage = ClaimsStage(clients)
        party = Party(stage)
        owner = party.won("message-1")
        party.won("message-2")
        wire = once(number, lambda p=party, o=owner: p.release(o, "message-2"))  # type: ignore[misc]
        Party(stage, wire=wire).release(owner, "message-1")
        faults += unless("containerId" not in (stage.row() or {}), f"not freed at {number}")
    return faults
