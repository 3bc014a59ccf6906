"""With an audit bucket nothing goes on one run's word; a living object's loss stops a run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.safety.phases import Audit, run_of, uploaded
from tests.safety.stage import HOUR_S, Stage, key_of
from tests.safety.wire import Call, Forward, Wire
from upload_cleanup.context import Living, OrphanReport
from upload_cleanup.orphan_uploads import UploadPhase
from upload_cleanup.orphans import OrphanPhase
from upload_cleanup.sightings import OBJECTS, Memory, Sighting, TripwireError

if TYPE_CHECKING:
    from tests.safety.stage import Clients

ORPHAN = key_of("orphan")
GRACE_H = 24


@pytest.fixture
def stage(clients: Clients) -> Stage:
    """Return a stage with one orphan, and one object that shows that the table is right."""
    stage = Stage(clients)
    uploaded(stage, "bystander")
    stage.put(key_of("bystander"))
    stage.put(ORPHAN)
    return stage


@pytest.fixture
def audit(clients: Clients) -> Audit:
    """Return an empty audit bucket."""
    return Audit(Stage(clients))


def look(stage: Stage, audit: Audit, wire: Wire | None = None, **arguments: Any) -> OrphanReport:
    """Run the orphan phase once."""
    living = arguments.pop("living", Living())
    environment = {**audit.environment, **arguments.pop("environment", {})}
    run = run_of(stage, wire, environment=environment, run_id=f"run-{stage.now_s}", **arguments)
    return OrphanPhase(run.context(), living).run()


def later(stage: Stage, hours: float) -> None:
    """Let time pass."""
    stage.advance(hours * HOUR_S)


def test_orphan_goes_a_grace_after_it_was_first_seen(stage: Stage, audit: Audit) -> None:
    """
    The first sighting holds it; so does one that is a moment too young.
    """
    first = look(stage, audit)
    later(stage, GRACE_H - 0.01)
    too_early = look(stage, audit)
    later(stage, 0.01)
    last = look(stage, audit)

    assert [each.deleted for each in (first, too_early, last)] == [0, 0, 1]
    assert first.outcomes.as_dict()["protected"] == 1


def test_orphan_overwritten_since_begins_anew(stage: Stage, audit: Audit) -> None:
    """
    Another ETag is another object, however long the key has been known.
    """
    look(stage, audit)
    stage.put(ORPHAN, body=b"new")
    later(stage, GRACE_H)

    assert look(stage, audit).deleted == 0
    later(stage, GRACE_H)
    assert look(stage, audit).deleted == 1


def test_orphan_whose_session_came_back_meanwhile_begins_anew(stage: Stage, audit: Audit) -> None:
    """
    What a run finds alive is forgotten.
    """
    look(stage, audit)
    uploaded(stage, "orphan")
    look(stage, audit)
    stage.clients.dynamodb.delete_item(
        TableName=stage.name, Key={"uploadSessionId": {"S": "orphan"}}
    )
    later(stage, GRACE_H)

    assert look(stage, audit).deleted == 0


def test_sightings_of_a_refused_plan_count_for_nothing(stage: Stage, audit: Audit) -> None:
    """
    A plan that was refused is no plan: it may have been made with the wrong table.
    """
    look(stage, audit, event={"limit": 0})
    later(stage, GRACE_H)

    assert look(stage, audit).deleted == 0


def test_dry_run_sees_too(stage: Stage, audit: Audit) -> None:
    """
    A day of dry runs shows what would go, and what the first real run deletes.
    """
    look(stage, audit, event={"dryRun": True})
    later(stage, GRACE_H)
    dry = look(stage, audit, event={"dryRun": True})

    assert dry.outcomes.as_dict()["would_delete"] == 1
    assert ORPHAN in stage.objects()
    assert look(stage, audit).deleted == 1


def test_memory_that_is_not_as_written_keeps_and_is_begun_anew(stage: Stage, audit: Audit) -> None:
    """
    Unreadable means never seen; a grace later there is a memory again.
    """
    look(stage, audit)
    audit.stage.put(audit.state_key(), body=b'{"seen": 7}')
    later(stage, GRACE_H)

    assert look(stage, audit).deleted == 0
    later(stage, GRACE_H)
    assert look(stage, audit).deleted == 1


def answering(operation: str, code: str, status: int) -> Any:
    """Return a disturbance that fails an operation on the memory."""
    from botocore.exceptions import ClientError  # noqa: PLC0415

    def disturb(call: Call, forward: Forward, request: dict[str, Any]) -> Any:
        if call.operation == operation and "/state/" in request.get("Key", ""):
            about: Any = {
                "Error": {"Code": code, "Message": code},
                "ResponseMetadata": {"HTTPStatusCode": status},
            }
            raise ClientError(about, operation)
        return forward(**request)

    return disturb


@pytest.mark.parametrize(
    ("code", "status"), [("InternalError", 500), ("AccessDenied", 403), ("SlowDown", 503)]
)
def test_memory_that_cannot_be_read_keeps_and_is_not_written_over(
    stage: Stage, audit: Audit, code: str, status: int
) -> None:
    """
    Whatever another run has seen stays in it, and this run says that it could not write.
    """
    look(stage, audit)
    before = audit.text(audit.state_key())
    later(stage, GRACE_H)

    report = look(stage, audit, Wire(disturb=answering("GetObject", code, status)))

    assert report.deleted == 0
    assert audit.text(audit.state_key()) == before
    assert report.problems.kept[0]["sessionId"] == "sightings"
    assert look(stage, audit).deleted == 1


def test_first_memory_is_made_where_a_missing_key_answers_denied(
    stage: Stage, audit: Audit
) -> None:
    """
    A role that may list nothing is denied a missing key; writing on condition finds out.
    """
    report = look(stage, audit, Wire(disturb=answering("GetObject", "AccessDenied", 403)))
    later(stage, GRACE_H)

    assert report.problems.total == 0
    assert look(stage, audit).deleted == 1


def test_memory_written_by_another_run_meanwhile_loses_neither(stage: Stage, audit: Audit) -> None:
    """
    Of two runs at once the slower one reads again and adds what it has seen.
    """
    look(stage, audit)
    state = json.loads(audit.text(audit.state_key()))
    stage.put(key_of("mine"))
    raced = False

    def other_run(call: Call) -> None:
        nonlocal raced
        if call.operation == "PutObject" and "/state/" in call.request["Key"] and not raced:
            raced = True
            state["seen"]["uploads"] = {"theirs": ["", 5.0]}
            audit.stage.put(audit.state_key(), body=json.dumps(state).encode())

    report = look(stage, audit, Wire(before=other_run))

    seen = json.loads(audit.text(audit.state_key()))["seen"]
    assert raced
    assert report.problems.total == 0
    assert seen["uploads"] == {"theirs": ["", 5.0]}
    assert seen["objects"].keys() == {ORPHAN, key_of("mine")}


def test_upload_needs_two_sightings_too(stage: Stage, audit: Audit) -> None:
    """
    An upload without a session is dead by absence as well.
    """
    stage.begin("upload", key_of("gone"), parts=1)

    def aborted() -> int:
        run = run_of(stage, environment=audit.environment)
        return UploadPhase(run.context(), Living()).run().deleted

    assert aborted() == 0
    later(stage, GRACE_H)
    assert aborted() == 1


def test_sighting_outside_what_this_run_has_seen_stays(stage: Stage, audit: Audit) -> None:
    """
    A run that stops half way forgets nothing of the other half.
    """
    look(stage, audit)
    run = run_of(stage, environment=audit.environment)
    place = {"start": "", "wrapped": False, "after": ORPHAN}

    OrphanPhase(run.context(), Living(), place).run()

    later(stage, GRACE_H)
    assert look(stage, audit).deleted == 1


def test_memory_keeps_the_oldest_sightings_where_there_are_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    What is left out only waits longer.
    """
    monkeypatch.setattr("upload_cleanup.sightings.MOST_KEPT", 2)
    seen = {name: Sighting('"e"', first_s) for name, first_s in (("b", 2), ("c", 3), ("a", 1))}

    kept = Memory().with_seen(OBJECTS, seen).seen(OBJECTS)

    assert kept.keys() == {"a", "b"}


# The tripwire


def whole(uploaded: int) -> Living:
    """Return what a complete census says."""
    return Living(uploaded=uploaded, complete=True)


@pytest.fixture
def at_once(audit: Audit) -> dict[str, str]:
    """Return an environment in which an orphan goes at once."""
    return {**audit.environment, "TWO_SIGHTINGS": "false"}


def test_living_session_without_object_more_than_before_stops_the_orphans(
    stage: Stage, audit: Audit, at_once: dict[str, str]
) -> None:
    """
    Whoever deleted it: nothing goes by absence in this run, and the error says how many.
    """
    look(stage, audit, living=whole(1), environment=at_once, event={"dryRun": True})

    report = look(stage, audit, living=whole(2), environment=at_once)

    assert isinstance(report.refused, TripwireError)
    assert "1 living sessions have no object, in the last run it was 0" in str(report.refused)
    assert report.living_without_object == 1
    assert ORPHAN in stage.objects()


def test_living_session_without_object_as_many_as_before_stops_nothing(
    stage: Stage, audit: Audit, at_once: dict[str, str]
) -> None:
    """
    The run after the alarm goes on: its number is the new one to compare with.
    """
    look(stage, audit, living=whole(1), environment=at_once, event={"dryRun": True})
    look(stage, audit, living=whole(2), environment=at_once)

    report = look(stage, audit, living=whole(2), environment=at_once)

    assert report.refused is None
    assert report.deleted == 1


@pytest.mark.parametrize(
    ("living", "place"),
    [
        (Living(uploaded=2, complete=False), None),
        (whole(2), {"start": "", "wrapped": False, "after": "uploads/"}),
    ],
    ids=["sessions", "objects"],
)
def test_living_sessions_are_compared_only_where_both_sides_were_seen_whole(
    stage: Stage, audit: Audit, living: Living, place: dict[str, Any] | None
) -> None:
    """
    Of a part of the sessions or of the objects the difference says nothing.
    """
    look(stage, audit, living=whole(1))
    context = run_of(stage, environment=audit.environment).context()

    report = OrphanPhase(context, living, place).run()

    assert report.living_without_object is None
    assert report.refused is None


def test_young_object_of_an_uploaded_session_is_not_missing(stage: Stage, audit: Audit) -> None:
    """
    What is too young to be judged has been seen all the same.
    """
    uploaded(stage, "young")
    stage.put(key_of("young"), age_h=1)

    assert look(stage, audit, living=whole(2)).living_without_object == 0


def test_another_object_of_an_uploaded_session_does_not_stand_for_the_missing_one(
    stage: Stage, audit: Audit
) -> None:
    """
    A thumbnail of that name is not what the session has uploaded.
    """
    uploaded(stage, "lost")
    stage.put(key_of("lost").replace(".mp4", ".jpg"))

    assert look(stage, audit, living=whole(2)).living_without_object == 1


def test_object_put_after_the_sessions_were_counted_stands_for_none(
    stage: Stage, audit: Audit
) -> None:
    """
    Else a new upload would hide that an old object is missing.
    """
    uploaded(stage, "after")
    stage.put(key_of("after"), age_h=-0.1)

    assert look(stage, audit, living=whole(2)).living_without_object == 1
