"""Expired sessions that somebody changes while a run works on them: whoever does it wins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.safety.drive import run
from tests.safety.sessions import before, built, change, status
from tests.safety.stage import ID, key_of
from tests.safety.wire import Call, Wire
from tests.safety.world import LIVING, OLD_H, Case, claimed

if TYPE_CHECKING:
    from tests.safety.stage import Clients, Item

CLAIM = {"expiryRun", "expiryClaimedAt", "expiryPreviousStatus"}
UNCLAIMED = {"status": "expiring"}  # as an application may say by itself


def test_object_newer_than_the_claim_gives_the_session_back(clients: Clients) -> None:
    """Somebody is uploading right now: the row is as it was, and nothing is lost."""
    stage = built(clients, Case("s", object_h=0))
    rows, objects = stage.rows(), stage.objects()

    found = run(stage)

    assert found["outcomes"]["changed"] == 1
    assert (stage.rows(), stage.objects()) == (rows, objects)


def test_object_overwritten_before_the_delete_gives_the_session_back(clients: Clients) -> None:
    """The delete is on the version that was seen: whoever overwrites it wins."""
    stage = built(clients, Case("s", object_h=OLD_H))
    rows = stage.rows()
    wire = before("DeleteObjects", lambda: stage.put(key_of("s"), age_h=0, body=b"new"))

    found = run(stage, wire)

    assert found["outcomes"]["changed"] == 1
    assert stage.rows() == rows
    assert list(stage.objects()) == [key_of("s")]


def test_session_renewed_after_the_claim_is_given_back(clients: Clients) -> None:
    """Even a renewal without any condition is seen before the object goes."""
    stage = built(clients, Case("s", object_h=OLD_H))
    wire = before("BatchGetItem", lambda: change(stage, "s", ttl=stage.at(5)))

    run(stage, wire)

    (row,) = stage.rows().values()
    assert status(row) == "created"
    assert not CLAIM & set(row)
    assert list(stage.objects()) == [key_of("s")]


def test_session_renewed_before_its_row_goes_is_given_back(clients: Clients) -> None:
    """The row's own delete asks again: expired, and claimed by this run."""
    stage = built(clients, Case("s"))
    wire = Wire()

    def renew(call: Call) -> None:
        if call.operation == "BatchExecuteStatement" and wire.count()[call.operation] == 2:
            change(stage, "s", ttl=stage.at(5))

    wire.before = renew
    found = run(stage, wire)

    (row,) = stage.rows().values()
    assert found["outcomes"]["changed"] == 1
    assert (status(row), CLAIM & set(row)) == ("created", set())


def test_session_renewed_under_a_dead_runs_claim_is_given_back(clients: Clients) -> None:
    """A run that died must not keep a session that lives again from being completed."""
    stage = built(clients, Case("s", row={**claimed(1), **LIVING}, object_h=OLD_H))

    run(stage)

    (row,) = stage.rows().values()
    assert (status(row), CLAIM & set(row)) == ("created", set())
    assert list(stage.objects()) == [key_of("s")]


@pytest.mark.parametrize(
    ("row", "values"),
    [
        ({}, {"ttl": 9_000_000_000}),
        ({}, {"ttl": "soon"}),
        ({}, {"status": "uploaded"}),
        ({}, {"status": "partial"}),
        ({}, {"key": key_of("another")}),
        ({}, {"s3UploadId": "a-new-one"}),
        (UNCLAIMED, {"expiryRun": "other"}),
        (claimed(1), {"expiryRun": "other"}),
        (claimed(1), {"ttl": 9_000_000_000}),
        (claimed(1), {"status": "created"}),
    ],
)
def test_session_changed_before_the_claim_is_left(
    clients: Clients, row: dict[str, Any], values: dict[str, Any]
) -> None:
    """Whatever of it is no longer as it was read: nothing of it is touched."""
    stage = built(clients, Case("s", row=row, object_h=OLD_H))
    changed: list[Item] = []

    def act() -> None:
        change(stage, "s", **values)
        changed.append(stage.rows()["s"])

    wire = before("BatchExecuteStatement", act)

    found = run(stage, wire)

    assert found["outcomes"]["changed"] == 1
    assert list(stage.rows().values()) == changed
    assert list(stage.objects()) == [key_of("s")]


@pytest.mark.parametrize("operation", ["ListObjectsV2", "BatchGetItem", "DeleteObjects"])
def test_claim_taken_over_by_another_run_is_not_given_back(
    clients: Clients, operation: str
) -> None:
    """Who has lost the claim touches the row no more, not even to give it back."""
    stage = built(clients, Case("s", object_h=OLD_H))
    wire = Wire()

    def take(call: Call) -> None:
        if call.operation == operation and "expiryRun" in stage.rows().get("s", {}):
            change(stage, "s", expiryRun="other", ttl=9_000_000_000)

    wire.before = take
    found = run(stage, wire)

    (row,) = stage.rows().values()
    assert found["outcomes"]["changed"] == 1
    assert (status(row), row["expiryRun"]) == ("expiring", {"S": "other"})


@pytest.mark.parametrize("values", [{"expiryRun": "other"}, {"status": "uploaded"}])
def test_claim_lost_before_the_object_goes_keeps_it(
    clients: Clients, values: dict[str, Any]
) -> None:
    """Rows are read again right before: a claim that is another's is no reason to delete."""
    stage = built(clients, Case("s", object_h=OLD_H))
    wire = before("BatchGetItem", lambda: change(stage, "s", **values))

    found = run(stage, wire)

    assert found["outcomes"]["changed"] == 1
    assert list(stage.objects()) == [key_of("s")]
    (row,) = stage.rows().values()
    assert (
        values.items() <= {name: next(iter(value.values())) for name, value in row.items()}.items()
    )


def test_row_gone_before_the_object_goes_keeps_it(clients: Clients) -> None:
    """Whoever removed the row may have had a reason: the search for orphans decides."""
    stage = built(clients, Case("s", object_h=OLD_H))

    def remove() -> None:
        clients.dynamodb.delete_item(TableName=stage.name, Key={ID: {"S": "s"}})

    found = run(stage, before("BatchGetItem", remove), environment={"CLEANUP_AGE_HOURS": "200"})

    assert found["outcomes"]["gone"] == 1
    assert list(stage.objects()) == [key_of("s")]


def test_sharer_renewed_after_the_claims_keeps_the_object(clients: Clients) -> None:
    """Two dead sessions had one key; one lives again before the object goes."""
    stage = built(clients, Case("owner", object_h=OLD_H), Case("guest", key=key_of("owner")))
    wire = Wire()

    def renew(call: Call) -> None:
        if call.operation == "BatchGetItem" and wire.count()[call.operation] == 2:
            change(stage, "guest", ttl=9_000_000_000)

    wire.before = renew
    run(stage, wire)

    assert list(stage.objects()) == [key_of("owner")]
    assert {status(row) for row in stage.rows().values()} == {"created"}
    assert set(stage.rows()) == {"owner", "guest"}


@pytest.mark.parametrize("values", [{"expiryRun": "other"}, {"status": "uploaded"}])
def test_claim_lost_before_the_row_goes_keeps_it(clients: Clients, values: dict[str, Any]) -> None:
    """The row's own delete asks whose claim it carries."""
    stage, wire = built(clients, Case("s")), Wire()

    def lose(call: Call) -> None:
        if call.operation == "BatchExecuteStatement" and wire.count()[call.operation] == 2:
            change(stage, "s", **values)

    wire.before = lose
    found = run(stage, wire)

    assert found["outcomes"]["changed"] == 1
    assert list(stage.rows()) == ["s"]
