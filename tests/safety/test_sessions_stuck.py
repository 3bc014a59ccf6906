"""Stuck uploads are marked for a person, never removed; and only while they are what was read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.safety.drive import run
from tests.safety.sessions import before, built, change, status
from tests.safety.stage import HOUR_S
from tests.safety.wire import Call, Forward, Wire
from tests.safety.world import LIVING, MULTIPART, Case

if TYPE_CHECKING:
    from tests.safety.stage import Clients

REVIEW_H = 168
STUCK = {**MULTIPART, **LIVING}


@pytest.mark.parametrize(
    ("ttl_h", "expected_h"), [(10, REVIEW_H), (REVIEW_H + 1, REVIEW_H + 1), (None, None)]
)
def test_stuck_upload_with_parts_is_marked(
    clients: Clients, ttl_h: float | None, expected_h: float | None
) -> None:
    """The mark moves the TTL to the end of the review, never to earlier, and adds none."""
    ttl: dict[str, Any] = {"ttl": None} if ttl_h is None else {"ttl_h": ttl_h}
    stage = built(clients, Case("s", row={**MULTIPART, **ttl}, parts=1))

    found = run(stage)

    (row,) = stage.rows().values()
    assert found["markedPartial"] == 1
    assert status(row) == "partial"
    expected = None if expected_h is None else {"N": str(stage.at(expected_h))}
    assert row.get("ttl") == expected
    assert stage.open_uploads() == {"s"}


@pytest.mark.parametrize(
    "values", [{"ttl": 4_000_000_000}, {"status": "uploaded"}, {"s3UploadId": "another"}]
)
def test_session_changed_before_the_mark_is_left(clients: Clients, values: dict[str, Any]) -> None:
    """A renewal, a completion or a new upload in between wins over the mark."""
    stage = built(clients, Case("s", row=STUCK, parts=1))
    wire = before("BatchExecuteStatement", lambda: change(stage, "s", **values))

    found = run(stage, wire)

    (row,) = stage.rows().values()
    assert found["markedPartial"] == 0
    assert status(row) == values.get("status", "created")


def test_parts_that_cannot_be_read_leave_the_session(clients: Clients) -> None:
    """It is counted as an error, and looked at again by the next run."""
    stage = built(clients, Case("s", row=STUCK, parts=1))

    def fail(call: Call, forward: Forward, request: dict[str, Any]) -> Any:
        if call.operation == "ListParts":
            raise stage.clients.s3.exceptions.ClientError(
                {"Error": {"Code": "AccessDenied", "Message": "no"}}, "ListParts"
            )
        return forward(**request)

    found = run(stage, Wire(disturb=fail))

    assert found["markedPartial"] == 0
    assert [each["sessionId"] for each in found["expiredSessionsCleanup"]["errors"]] == ["s"]


def test_review_of_expired_uploads_marks_those_with_parts(clients: Clients) -> None:
    """Where a person is to look first, parts are no longer thrown away; no parts, no review."""
    stage = built(
        clients,
        Case("with", row=MULTIPART, parts=1),
        Case("without", row=MULTIPART, parts=0),
        Case("reviewed", row={**MULTIPART, "status": "partial"}, parts=1),
        Case("single"),
    )

    found = run(stage, environment={"REVIEW_EXPIRED_WITH_PARTS": "true"})

    assert found["markedPartial"] == 1
    assert found["outcomes"]["deleted"] == 3
    ((name, row),) = stage.rows().items()
    assert (name, status(row)) == ("with", "partial")
    assert row["ttl"] == {"N": str(int(stage.now_s) + REVIEW_H * HOUR_S)}
    assert stage.open_uploads() == {"with"}


def test_review_goes_on_when_its_time_is_over(clients: Clients) -> None:
    """Marked once, a session is cleaned up like any other after the review."""
    stage = built(clients, Case("s", row=MULTIPART, parts=1))
    review = {"REVIEW_EXPIRED_WITH_PARTS": "true"}

    run(stage, environment=review)
    stage.advance((REVIEW_H + 1) * HOUR_S)
    run(stage, environment=review)

    assert (stage.rows(), stage.open_uploads()) == ({}, set())


def test_stuck_upload_with_a_young_part_is_not_marked(clients: Clients) -> None:
    """Somebody is still uploading, however long ago it began."""
    stage = built(clients, Case("s", row=STUCK, parts=1, upload_h=0.5))

    found = run(stage)

    assert found["markedPartial"] == 0
    assert status(stage.rows()["s"]) == "created"


def test_review_keeps_uploads_whose_parts_cannot_be_read(clients: Clients) -> None:
    """What may have parts is not aborted where a person is to look first."""
    stage = built(clients, Case("s", row=MULTIPART, parts=1))

    def fail(call: Call, forward: Forward, request: dict[str, Any]) -> Any:
        if call.operation == "ListParts":
            raise stage.clients.s3.exceptions.ClientError(
                {"Error": {"Code": "AccessDenied", "Message": "no"}}, "ListParts"
            )
        return forward(**request)

    run(stage, Wire(disturb=fail), environment={"REVIEW_EXPIRED_WITH_PARTS": "true"})

    assert status(stage.rows()["s"]) == "created"
    assert stage.open_uploads() == {"s"}
