"""A run on a versioned bucket is undone by the markers that it made, and by no other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from expiry.errors import EventError, MismatchError
from tests.safety.drive import run
from tests.safety.phases import Audit, now_stage, uploaded
from tests.safety.stage import HOUR_S, Stage, key_of
from tests.safety.wire import Call, Wire

if TYPE_CHECKING:
    from tests.safety.stage import Clients

ORPHAN = key_of("orphan")
EXPIRED = key_of("expired")


@dataclass(frozen=True, slots=True)
class Undo:
    """A versioned bucket from which a run has deleted an orphan and a session's object."""

    stage: Stage
    audit: Audit
    etags: dict[str, str]

    @property
    def environment(self) -> dict[str, str]:
        """Return what every run here is told."""
        return {
            **self.audit.environment,
            "TWO_SIGHTINGS": "false",
            "BUCKET_VERSIONED": "true",
            "RESTORE": "true",
        }

    def clean(self, run_id: str = "r-1", **event: Any) -> dict[str, Any]:
        """Run the cleanup."""
        return run(self.stage, run_id=run_id, environment=self.environment, event=event)

    def restore(
        self, run_id: str = "r-1", wire: Wire | None = None, **event: Any
    ) -> dict[str, Any]:
        """Undo a run."""
        event = {"operation": "restore", "runId": run_id, **event}
        return run(self.stage, wire, run_id="undo", environment=self.environment, event=event)

    def delete(self, key: str) -> None:
        """Delete as somebody else does."""
        self.stage.clients.s3.delete_object(Bucket=self.stage.name, Key=key)


@pytest.fixture
def undo(clients: Clients) -> Undo:
    """Return the world before the run."""
    stage, audit = now_stage(clients), Audit(Stage(clients))
    stage.clients.s3.put_bucket_versioning(
        Bucket=stage.name, VersioningConfiguration={"Status": "Enabled"}
    )
    uploaded(stage, "bystander")
    stage.write([stage.session("expired")])
    for name in ("bystander", "expired", "orphan"):
        stage.put(key_of(name), age_h=50)
    return Undo(stage, audit, stage.objects())


def test_restore_brings_back_just_what_the_run_has_deleted(undo: Undo) -> None:
    """
    The same versions are there again: an orphan, and the object of an expired session.
    """
    undo.clean()
    gone = undo.etags.keys() - undo.stage.objects().keys()

    answer = undo.restore()

    assert gone == {ORPHAN, EXPIRED}
    assert undo.stage.objects() == undo.etags
    assert (answer["planned"], answer["restored"], answer["complete"]) == (2, 2, True)


def test_restore_done_twice_does_nothing_more(undo: Undo) -> None:
    """
    An operator who is not sure runs it again.
    """
    undo.clean()
    undo.restore()
    wire = Wire()

    answer = undo.restore(wire=wire)

    assert (answer["restored"], answer["left"]) == (0, 2)
    assert wire.count()["DeleteObject"] == 0
    assert undo.stage.objects() == undo.etags


def test_restore_dry_says_what_it_would_bring_back(undo: Undo) -> None:
    """
    Nothing is written, nor forgotten.
    """
    undo.clean()
    wire = Wire()

    answer = undo.restore(wire=wire, dryRun=True)

    assert (answer["wouldRestore"], answer["restored"]) == (2, 0)
    written = [(call.operation, call.request["Key"]) for call in wire.writes()]
    assert [key for operation, key in written if "/actions/" not in key] == []
    assert {operation for operation, _ in written} == {"PutObject"}
    assert ORPHAN not in undo.stage.objects()


def test_restore_leaves_what_was_put_there_since(undo: Undo) -> None:
    """
    A newer version is the latest, and stays it.
    """
    undo.clean()
    undo.stage.put(ORPHAN, body=b"newer")
    newer = undo.stage.objects()[ORPHAN]

    answer = undo.restore()

    assert undo.stage.objects()[ORPHAN] == newer
    assert (answer["restored"], answer["left"]) == (1, 1)


def test_restore_leaves_a_marker_over_another_version(undo: Undo) -> None:
    """
    Somebody put an object after the run and deleted it: that is theirs.
    """
    undo.clean()
    undo.stage.put(ORPHAN, body=b"newer")
    undo.delete(ORPHAN)

    answer = undo.restore()

    assert ORPHAN not in undo.stage.objects()
    assert (answer["restored"], answer["left"]) == (1, 1)


def test_restore_leaves_a_marker_over_a_marker(undo: Undo) -> None:
    """
    Deleted by the run, and by somebody else again: taking one away brings nothing back.
    """
    undo.clean()
    undo.delete(ORPHAN)

    undo.restore()

    assert ORPHAN not in undo.stage.objects()


def test_restore_leaves_a_marker_older_than_the_run(undo: Undo) -> None:
    """
    What was deleted before the run began was not deleted by it.
    """
    ahead = Undo(undo.stage, undo.audit, undo.etags)

    def before_the_delete(call: Call) -> None:
        if (
            call.operation == "DeleteObjects"
            and call.request["Delete"]["Objects"][0]["Key"] == ORPHAN
        ):
            undo.delete(ORPHAN)

    ahead.stage.advance(HOUR_S)  # the run believes that it begins in an hour
    run(
        ahead.stage,
        Wire(before=before_the_delete),
        run_id="r-1",
        environment=ahead.environment,
    )
    undo.stage.advance(-HOUR_S)

    answer = undo.restore()

    assert ORPHAN not in undo.stage.objects()
    assert answer["restored"] == 0


def test_restore_leaves_what_the_run_did_not_plan(undo: Undo) -> None:
    """
    Somebody deleted another object while the run went on.
    """
    undo.clean()
    undo.delete(key_of("bystander"))

    undo.restore()

    assert undo.stage.objects().keys() == {ORPHAN, EXPIRED}


def test_restore_of_a_dry_run_touches_nothing(undo: Undo) -> None:
    """
    A dry run has a plan, too, and somebody may have deleted what stood in it.
    """
    undo.clean(dryRun=True)
    undo.delete(ORPHAN)

    answer = undo.restore()

    assert answer["planned"] == 0
    assert ORPHAN not in undo.stage.objects()


def test_restore_of_held_orphans_touches_nothing(undo: Undo) -> None:
    """
    What waits for a second sighting stands in the plan, and was not deleted by it.
    """
    held = {**undo.environment, "TWO_SIGHTINGS": "true"}
    run(undo.stage, run_id="r-1", environment=held)
    undo.delete(ORPHAN)

    undo.restore()

    assert ORPHAN not in undo.stage.objects()
    assert EXPIRED in undo.stage.objects()


def test_restored_object_is_not_taken_again_by_the_next_run(undo: Undo) -> None:
    """
    It has a whole grace anew, in which the operator mends what was wrong.
    """
    twice = {**undo.environment, "TWO_SIGHTINGS": "true"}
    stage = undo.stage
    stage.advance(-25 * HOUR_S)
    for name in ("bystander", "orphan"):
        stage.age(key_of(name), 50)
    run(stage, run_id="seen", environment=twice)
    stage.advance(25 * HOUR_S)
    # The run that deletes is killed before it could forget what it has deleted.
    run(stage, run_id="r-1", environment=twice)
    gone = ORPHAN not in stage.objects()

    undo.restore()
    run(stage, run_id="next", environment=twice)

    assert gone
    assert ORPHAN in stage.objects()


def test_plan_names_the_version_that_was_there(undo: Undo) -> None:
    """
    On a versioned bucket the plan holds each object's version, from few calls.
    """
    versions = undo.stage.clients.s3.list_object_versions(Bucket=undo.stage.name)["Versions"]
    expected = {each["Key"]: each["VersionId"] for each in versions}

    undo.clean()

    planned = {line["key"]: line["version_id"] for line in undo.audit.lines("plans/")}
    assert planned == {key: expected[key] for key in (ORPHAN, EXPIRED)}


def test_plan_of_many_in_one_folder_lists_its_versions_together(undo: Undo) -> None:
    """
    Not one call an object.
    """
    uploaded(undo.stage, *(f"living-{number}" for number in range(30)))
    for number in range(30):
        undo.stage.put(key_of(f"orphan-{number}"), age_h=50)
    wire = Wire()

    run(undo.stage, wire, run_id="r-1", environment=undo.environment)

    lines = undo.audit.lines("plans/run_id=r-1/")
    assert len(lines) == 32
    assert all(line["version_id"] for line in lines)
    assert wire.count()["ListObjectVersions"] == 2  # the session's alone, the folder's together


def test_restore_of_an_unknown_run_says_so(undo: Undo) -> None:
    """
    A misspelt run id is no empty success.
    """
    with pytest.raises(MismatchError, match=r"no plan of that run .* correct runId"):
        undo.restore("r-2")


def test_restore_that_is_not_switched_on_says_what_it_needs(clients: Clients) -> None:
    """
    Without versions there is nothing to bring back.
    """
    with pytest.raises(MismatchError, match="restore needs"):
        run(Stage(clients), event={"operation": "restore", "runId": "r-1"})


def test_restore_without_run_id_is_refused(clients: Clients) -> None:
    """
    It must be said what is to be undone.
    """
    with pytest.raises(EventError, match="runId"):
        run(Stage(clients), event={"operation": "restore"})
