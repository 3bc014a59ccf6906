"""How many calls the cleanup needs, counted; and how many the naive one needs for the same."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from tests.safety.drive import run
from tests.safety.memory import NAME, Memory, many_expired, many_objects
from tests.safety.naive import Naive
from tests.safety.stage import Stage
from tests.safety.wire import Wire
from tests.safety.world import MULTIPART, OLD_H, Case, build

if TYPE_CHECKING:
    from collections import Counter

    from tests.safety.stage import Clients

MANY = 10_000
ORPHAN_EACH = 20  # 500 of them, below the gate's percentage
ORPHANS = MANY // ORPHAN_EACH
EVIDENCE = "ListObjectsV2"  # S3 has no bulk call for it: one a session's object


def calls_of(memory: Memory) -> Counter[str]:
    """Run the cleanup on stores in memory; return its calls."""
    wire = Wire(disturb=memory)
    run(memory, wire)
    return wire.count()


def naive_calls_of(memory: Memory) -> Counter[str]:
    """Run the naive cleanup on the same; return its calls."""
    wire = Wire(disturb=memory)
    clients = (wire.wrap(memory.clients.dynamodb), wire.wrap(memory.clients.s3))
    Naive(*clients, NAME, NAME, memory.clock()).execute()
    return wire.count()


def test_orphan_check_of_ten_thousand_objects_needs_few_calls() -> None:
    """
    130 calls, and one per hundred objects that go for the second reading.
    """
    memory = many_objects(MANY, orphan_each=ORPHAN_EACH)

    calls = calls_of(memory)

    assert len(memory.objects) == MANY - ORPHANS
    assert calls.total() <= 130 + math.ceil(ORPHANS / 100), calls


def test_expired_sessions_ten_thousand_need_few_calls_beyond_their_evidence() -> None:
    """
    1,500 calls, and one listing an object, which has no bulk call.
    """
    memory = many_expired(MANY)

    calls = calls_of(memory)

    assert memory.rows == {}
    assert memory.objects == {}
    assert calls.total() - min(calls[EVIDENCE], MANY) <= 1_500, calls


def test_naive_cleanup_needs_thousands_of_calls_for_the_same() -> None:
    """
    The comparison is with a cleanup that does the work, call by call.
    """
    orphans, expired = many_objects(MANY, orphan_each=ORPHAN_EACH), many_expired(MANY)

    assert naive_calls_of(orphans).total() > MANY
    assert naive_calls_of(expired).total() >= 3 * MANY
    assert expired.rows == {}
    assert expired.objects == {}


@pytest.mark.parametrize("parts", [0, 3])
def test_abort_of_an_upload_is_one_call_and_one_listing(clients: Clients, parts: int) -> None:
    """
    Each upload takes one abort and one listing of its parts; a session's costs no more.
    """
    uploads = 7
    stage = Stage(clients)
    names = [f"expired-{number}" for number in range(uploads)]
    living = Case("living", row={"status": "uploaded", "ttl": None}, object_h=OLD_H)
    build(stage, (living, *(Case(name, row=MULTIPART, parts=parts) for name in names)))
    wire = Wire()

    run(stage, wire)

    assert stage.open_uploads() == set()
    assert wire.count()["AbortMultipartUpload"] == uploads
    assert wire.count()["ListParts"] <= uploads
