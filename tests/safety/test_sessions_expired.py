"""Expired sessions: what goes, what waits, and what is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.safety.drive import STEP_S, run
from tests.safety.sessions import built, status
from tests.safety.stage import key_of
from tests.safety.wire import Call, Forward, Wire
from tests.safety.world import LIVING, MULTIPART, OLD_H, Case, claimed

if TYPE_CHECKING:
    from tests.safety.stage import Clients

CLAIM = {"expiryRun", "expiryClaimedAt", "expiryPreviousStatus"}
COMPLETED = {**MULTIPART, "s3UploadId": "completed-by-somebody"}


def test_result_counts_failed_uploads_apart_from_other_sessions(clients: Clients) -> None:
    """Sessions never begun and long expired are failed uploads; others are expired sessions."""
    stage = built(
        clients,
        Case("failed", row={"ttl_h": -2}),
        Case("fresh", row={"ttl_h": -0.5}),
        Case("partial", row={"status": "partial"}),
        Case("object", row={"ttl_h": -2}, object_h=OLD_H),
        Case("upload", row={**MULTIPART, "ttl_h": -0.5}, parts=1),
    )

    found = run(stage)

    assert found["failedUploadsCleanup"] == 2
    assert found["expiredSessionsCleanup"] == {
        "sessionsProcessed": 3,
        "multipartUploadsAborted": 1,
        "objectsDeleted": 1,
        "errors": [],
    }
    assert found["outcomes"]["deleted"] == 5
    assert found["reclaimedBytes"] == len(key_of("object"))
    assert stage.rows() == {}


def test_claim_hides_the_status_and_leaves_the_ttl(clients: Clients) -> None:
    """While an object waits its row shows who claimed it when, and TTL goes on as it would."""
    stage = built(clients, Case("s", row=COMPLETED, object_h=OLD_H, assembled=True))
    (ttl,) = (row["ttl"] for row in stage.rows().values())

    run(stage, run_id="the-run")

    (row,) = stage.rows().values()
    assert row["ttl"] == ttl
    assert status(row) == "expiring"
    assert row["expiryRun"] == {"S": "the-run"}
    assert row["expiryClaimedAt"] == {"N": str(int(stage.now_s))}
    assert row["expiryPreviousStatus"] == {"S": "created"}


def test_claim_taken_over_keeps_the_time_of_the_first(clients: Clients) -> None:
    """The object settles from the first claim on, however many runs take part."""
    row = {**COMPLETED, **claimed(0.26)}
    stage = built(clients, Case("s", row=row, object_h=OLD_H, assembled=True))
    (before_run,) = stage.rows().values()

    run(stage, environment={"SETTLE_SECONDS": "7200"})

    (after,) = stage.rows().values()
    assert after["expiryClaimedAt"] == before_run["expiryClaimedAt"]
    assert after["expiryRun"] == {"S": "run-1"}


def test_completed_upload_goes_only_when_the_claim_has_settled(clients: Clients) -> None:
    """Nobody can say when a vanished upload was completed: its object waits for a later run."""
    stage = built(clients, Case("s", row=COMPLETED, object_h=OLD_H))

    first = run(stage, run_id="one")
    stage.advance(STEP_S)
    second = run(stage, run_id="two")

    assert (first["outcomes"]["protected"], first["outcomes"]["deleted"]) == (1, 0)
    assert second["outcomes"]["deleted"] == 1
    assert (stage.rows(), stage.objects()) == ({}, {})


def test_two_dead_sessions_with_one_key_both_go(clients: Clients) -> None:
    """Their object goes once, and neither row is left over."""
    stage = built(clients, Case("owner", object_h=OLD_H), Case("guest", key=key_of("owner")))
    wire = Wire()

    found = run(stage, wire)

    deletes = [call for call in wire.calls if call.operation == "DeleteObjects"]
    assert [len(call.request["Delete"]["Objects"]) for call in deletes] == [1]
    assert found["outcomes"]["deleted"] == 2
    assert found["expiredSessionsCleanup"]["objectsDeleted"] == 1
    assert (stage.rows(), stage.objects()) == ({}, {})


@pytest.mark.parametrize("living", [LIVING, {"status": "uploaded"}])
def test_key_shared_with_a_living_session_keeps_everything(
    clients: Clients, living: dict[str, Any]
) -> None:
    """Whichever of the two the key names: object and rows stay, and nothing is written."""
    stage = built(
        clients,
        Case("dead-owner", object_h=OLD_H),
        Case("living-guest", row=living, key=key_of("dead-owner")),
        Case("living-owner", row=living, object_h=OLD_H),
        Case("dead-guest", key=key_of("living-owner")),
    )
    rows, objects, wire = stage.rows(), stage.objects(), Wire()

    found = run(stage, wire)

    assert found["outcomes"]["protected"] == 2
    assert wire.writes() == []
    assert (stage.rows(), stage.objects()) == (rows, objects)


def test_key_outside_the_prefix_is_kept_and_reported(clients: Clients) -> None:
    """It could be anybody's object."""
    stage = built(clients, Case("s", key="private/s.mp4", object_h=OLD_H))
    wire = Wire()

    found = run(stage, wire)

    assert found["sessions"]["outside"] == 1
    assert wire.writes() == []


ODD = ("a+b", "a b", "a%2Bb", "a&<>'\"", "ünïcödé-文", "a\nb", "a\x01b", "x" * 900)


def test_odd_keys_are_deleted_and_no_other(clients: Clients) -> None:
    """Every key that S3 takes is found, deleted by its own name, and forgotten."""
    longest = "y" * (1_024 - len(key_of("").encode()))
    stage = built(clients, *(Case(name, object_h=OLD_H) for name in (*ODD, longest)))
    for near in ("a", "a+", "a%20b", "a%2B"):
        stage.put(key_of(near), age_h=1)

    found = run(stage)

    assert found["outcomes"]["deleted"] == len(ODD) + 1
    assert stage.rows() == {}
    assert set(stage.objects()) == {key_of(near) for near in ("a", "a+", "a%20b", "a%2B")}


def test_key_that_is_denied_is_counted_and_the_others_go_on(clients: Clients) -> None:
    """One object that may not be deleted stays with its claim, and is named among the errors."""
    stage = built(clients, *(Case(name, object_h=OLD_H) for name in ("a", "b", "c")))

    def deny(call: Call, forward: Forward, request: dict[str, Any]) -> Any:
        if call.operation != "DeleteObjects":
            return forward(**request)
        objects = [o for o in request["Delete"]["Objects"] if o["Key"] != key_of("b")]
        answer = forward(**{**request, "Delete": {"Objects": objects, "Quiet": False}})
        return {**answer, "Errors": [{"Key": key_of("b"), "Code": "AccessDenied"}]}

    found = run(stage, Wire(disturb=deny))

    (error,) = found["expiredSessionsCleanup"]["errors"]
    assert error["sessionId"] == "b"
    assert "AccessDenied" in error["error"]
    assert (found["outcomes"]["deleted"], found["outcomes"]["failed"]) == (2, 1)
    assert list(stage.rows()) == ["b"]


def test_session_whose_object_cannot_be_looked_for_is_kept(clients: Clients) -> None:
    """A read that fails proves nothing."""
    stage = built(clients, Case("a", object_h=OLD_H), Case("b", object_h=OLD_H))

    def fail(call: Call, forward: Forward, request: dict[str, Any]) -> Any:
        if call.operation == "ListObjectsV2" and request.get("Prefix") == key_of("a"):
            raise stage.clients.s3.exceptions.ClientError(
                {"Error": {"Code": "AccessDenied", "Message": "no"}}, "ListObjectsV2"
            )
        return forward(**request)

    found = run(stage, Wire(disturb=fail))

    assert found["outcomes"]["failed"] == 1
    assert list(stage.rows()) == ["a"]
    assert list(stage.objects()) == [key_of("a")]


def test_tag_that_protects_keeps_object_and_session(clients: Clients) -> None:
    """What a person has tagged stays, and its session is as the application left it."""
    stage = built(clients, Case("kept", object_h=OLD_H), Case("goes", object_h=OLD_H))
    stage.clients.s3.put_object_tagging(
        Bucket=stage.name,
        Key=key_of("kept"),
        Tagging={"TagSet": [{"Key": "hold", "Value": "legal"}]},
    )

    found = run(stage, environment={"PROTECT_TAG": "hold"})

    assert found["outcomes"]["protected"] == 1
    (row,) = stage.rows().values()
    assert (status(row), CLAIM & set(row)) == ("created", set())
    assert list(stage.objects()) == [key_of("kept")]


def test_row_that_cannot_be_read_again_keeps_the_object(clients: Clients) -> None:
    """Unknown means keep, and it is counted as an error."""
    stage = built(clients, Case("s", object_h=OLD_H))

    def unread(call: Call, forward: Forward, request: dict[str, Any]) -> Any:
        if call.operation == "BatchGetItem":
            return {"Responses": {}, "UnprocessedKeys": request["RequestItems"]}
        return forward(**request)

    found = run(stage, Wire(disturb=unread))

    assert found["outcomes"]["failed"] == 1
    assert (list(stage.rows()), list(stage.objects())) == (["s"], [key_of("s")])


def test_upload_that_cannot_be_aborted_keeps_session_and_object(clients: Clients) -> None:
    """The row knows of the upload, so it goes last or not at all."""
    stage = built(clients, Case("s", row=MULTIPART, parts=1, object_h=OLD_H))

    def deny(call: Call, forward: Forward, request: dict[str, Any]) -> Any:
        if call.operation == "AbortMultipartUpload":
            raise clients.s3.exceptions.ClientError(
                {"Error": {"Code": "AccessDenied", "Message": "no"}}, call.operation
            )
        return forward(**request)

    found = run(stage, Wire(disturb=deny))

    assert found["outcomes"]["failed"] == 1
    assert (list(stage.rows()), list(stage.objects())) == (["s"], [key_of("s")])


def test_empty_upload_id_is_no_upload(clients: Clients) -> None:
    """An application may write an empty text for a single upload; nothing is asked to abort."""
    stage, wire = built(clients, Case("s", row={"s3UploadId": ""}, object_h=OLD_H)), Wire()

    found = run(stage, wire)

    assert found["outcomes"]["deleted"] == 1
    assert "AbortMultipartUpload" not in wire.count()
    assert (stage.rows(), stage.objects()) == ({}, {})
