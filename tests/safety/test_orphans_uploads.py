"""Which multipart uploads are orphans, and what is done before one is aborted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from expiry.errors import CapExceededError
from tests.safety.phases import run_of, uploaded
from tests.safety.stage import Stage, key_of
from tests.safety.wire import Call, Forward, Wire
from upload_cleanup.context import Living, OrphanReport
from upload_cleanup.orphan_uploads import UploadPhase

if TYPE_CHECKING:
    from tests.safety.stage import Clients

LIVE = {"uploadType": "multipart"}


@pytest.fixture
def stage(clients: Clients) -> Stage:
    """Return a stage where one session's upload shows that the table is the right one."""
    stage = Stage(clients)
    upload_id = stage.begin("living", key_of("living"), parts=1)
    stage.write([stage.session("living", **LIVE, ttl=stage.at(5), s3UploadId=upload_id)])
    return stage


def phase(stage: Stage, wire: Wire | None = None, **arguments: Any) -> OrphanReport:
    """Run the phase once."""
    return UploadPhase(run_of(stage, wire, **arguments).context(), Living()).run()


@pytest.mark.parametrize(
    ("row", "goes"),
    [
        (None, True),
        ({**LIVE, "s3UploadId": "another"}, True),
        ({**LIVE}, False),
        ({**LIVE, "s3UploadId": 7}, False),
        ({**LIVE, "s3UploadId": ""}, False),
    ],
    ids=["absent", "another", "names none", "unreadable", "empty"],
)
def test_upload_goes_where_its_session_is_absent_or_names_another(
    stage: Stage, row: dict[str, Any] | None, *, goes: bool
) -> None:
    """
    A row that names none keeps it: the application may write the id later.
    """
    stage.begin("case", key_of("case"), parts=1)
    if row is not None:
        stage.write([stage.session("case", ttl=stage.at(5), **row)])

    report = phase(stage)

    assert ("case" not in stage.open_uploads()) == goes
    assert report.deleted == goes
    assert "living" in stage.open_uploads()


def test_upload_whose_newest_part_is_young_stays(stage: Stage) -> None:
    """
    Somebody is still at it, however long ago it was begun.
    """
    stage.begin("case", key_of("case"), parts=1)
    stage.part("case", key_of("case"), 2)
    part = {"UploadId": stage.uploads["case"]}

    def young(call: Call, forward: Forward, request: dict[str, Any]) -> Any:
        answer = forward(**request)
        if call.operation == "ListParts" and request["UploadId"] == part["UploadId"]:
            import datetime as dt  # noqa: PLC0415

            newest = dt.datetime.fromtimestamp(stage.at(-1), dt.UTC)
            answer["Parts"][1]["LastModified"] = newest
        return answer

    report = phase(stage, Wire(disturb=young))

    assert "case" in stage.open_uploads()
    assert report.outcomes.total == 0


def test_upload_that_is_young_costs_no_listing_of_its_parts(stage: Stage) -> None:
    """
    A part cannot be older than its upload.
    """
    stage.begin("case", key_of("case"), parts=1, age_h=5)
    wire = Wire()

    phase(stage, wire)

    assert "case" in stage.open_uploads()
    assert wire.count()["ListParts"] == 0


def test_upload_without_parts_goes_by_its_own_age(stage: Stage) -> None:
    """
    Nothing was ever added to it.
    """
    stage.begin("case", key_of("case"))

    phase(stage)

    assert "case" not in stage.open_uploads()


def test_upload_whose_key_names_no_session_stays_and_is_counted(stage: Stage) -> None:
    """
    It could be anybody's.
    """
    stage.begin("case", "uploads/anything", parts=1)

    report = phase(stage)

    assert "case" in stage.open_uploads()
    assert report.unmatched == 1


def test_upload_adopted_before_the_second_reading_is_changed(stage: Stage) -> None:
    """
    Parts and sessions are read again right before the abort.
    """
    upload_id = stage.begin("case", key_of("case"), parts=1)
    reads = 0

    def adopt(call: Call) -> None:
        nonlocal reads
        reads += call.operation == "BatchGetItem"
        if reads == 2:
            stage.write([stage.session("case", **LIVE, ttl=stage.at(5), s3UploadId=upload_id)])

    report = phase(stage, Wire(before=adopt))

    assert "case" in stage.open_uploads()
    assert report.outcomes.as_dict()["changed"] == 1


def test_upload_whose_session_cannot_be_read_stays(stage: Stage) -> None:
    """
    Unread is not absent, neither time.
    """
    stage.begin("case", key_of("case"), parts=1)

    def unprocessed(call: Call, forward: Forward, request: dict[str, Any]) -> Any:
        if call.operation == "BatchGetItem":
            return {"Responses": {}, "UnprocessedKeys": request["RequestItems"]}
        return forward(**request)

    report = phase(stage, Wire(disturb=unprocessed))

    assert "case" in stage.open_uploads()
    assert report.outcomes.total == 0


def test_uploads_of_a_wrong_table_are_refused(clients: Clients) -> None:
    """
    Where not even an object's session is there, the table or the pattern is the wrong one.
    """
    stage = Stage(clients)
    stage.begin("case", key_of("case"), parts=1)
    stage.put(key_of("somebody"), age_h=1)

    report = phase(stage)

    assert isinstance(report.refused, CapExceededError)
    assert stage.open_uploads() == {"case"}


def test_uploads_alone_are_judged_by_the_objects_sessions(clients: Clients) -> None:
    """
    Where no upload has a session, one of the objects shows that the table is right.
    """
    stage = Stage(clients)
    stage.begin("case", key_of("case"), parts=1)
    stage.put(key_of("somebody"))
    uploaded(stage, "somebody")

    assert phase(stage).deleted == 1


def test_uploads_over_the_cap_are_refused_as_a_whole(stage: Stage) -> None:
    """
    Never the first N.
    """
    for number in range(3):
        stage.begin(f"case-{number}", key_of(f"case-{number}"), parts=1)

    report = phase(stage, event={"limit": 2})

    assert report.refused is not None
    assert len(stage.open_uploads()) == 4


def test_upload_aborted_frees_its_parts_and_a_dry_run_says_how_much(stage: Stage) -> None:
    """
    The bytes of parts show in no listing of objects.
    """
    stage.begin("case", key_of("case"), parts=2)

    dry = phase(stage, event={"dryRun": True})
    real = phase(stage)

    assert (dry.deleted, dry.freed_bytes) == (0, 32)
    assert (real.deleted, real.freed_bytes) == (1, 32)
