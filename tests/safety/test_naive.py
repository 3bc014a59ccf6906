"""The proofs can fail: the naive cleanup fails them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.safety.naive import Naive
from tests.safety.stage import Stage
from tests.safety.world import WORLD, build, lost_and_left, snapshot

if TYPE_CHECKING:
    from tests.safety.stage import Clients

# Where the naive one would stop with an error, and prove nothing.
TOO_ODD = frozenset({"kept-without-key", "kept-without-status", "kept-status-a-number"})


def test_world_naive_cleanup_loses_what_is_alive(clients: Clients) -> None:
    """
    The oracle sees objects that a cleanup without second looks, grace and pattern takes away.
    """
    stage = Stage(clients)
    cases = tuple(case for case in WORLD if case.name not in TOO_ODD)
    build(stage, cases)

    Naive(clients.dynamodb, clients.s3, stage.name, stage.name, stage.now_s).execute()

    faults = lost_and_left(snapshot(stage), cases)
    assert "LOST: object of shared-owner" in faults
    assert "LOST: object of orphan-assembled-young" in faults
    assert "LOST: object of unmatched" in faults
    assert "left: upload of upload" in faults


def test_world_undisturbed_is_seen_as_dead_and_alive(clients: Clients) -> None:
    """
    Before any cleanup nothing is lost, and of each case all that is dead is left.
    """
    stage = Stage(clients)
    build(stage)

    faults = lost_and_left(snapshot(stage))

    assert not [fault for fault in faults if fault.startswith("LOST")]
    assert "left: row of expired-nothing-put" in faults
    assert "left: object of orphan" in faults
    assert "left: upload of upload" in faults
