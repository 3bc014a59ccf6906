"""
Quick proofs, each a list of what it found wrong: none, unless a safety condition is missing.

The tests ask for an empty list; the mutation check takes a condition away and asks for a fault.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from expiry.errors import CapExceededError, ExpiryError
from tests.safety.crash import whole_world
from tests.safety.drive import InFlight, run, runs
from tests.safety.race import losses
from tests.safety.stage import HOUR_S, Stage, key_of
from tests.safety.wire import Call, Forward, Wire
from tests.safety.world import (
    KEPT,
    LIVING,
    MULTIPART,
    OBJECT,
    OLD_H,
    ROW,
    Case,
    build,
    claimed,
    lost_and_left,
    snapshot,
    whole,
)

if TYPE_CHECKING:
    from tests.safety.race import Scenario
    from tests.safety.stage import Clients

BYSTANDER = KEPT[0]
STRANGER = "999999999999"


def race_is_won(clients: Clients, scenario: Scenario) -> list[str]:
    """The first loss of any interleaving, if there is one."""
    return list(next(([loss] for loss in losses(clients, scenario)), []))


def world_ends_well(clients: Clients) -> list[str]:
    """Of every case just that is left which it says survives."""
    stage, in_flight = whole_world(clients)
    runs(stage, 2, disturb=in_flight)
    return lost_and_left(snapshot(stage))


def late_part_goes_in_the_same_run(clients: Clients) -> list[str]:
    """A part in flight that lands after the abort is seen, and the upload aborted again."""
    stage = Stage(clients)
    build(stage, (BYSTANDER, Case("late", row=MULTIPART, parts=1)))
    run(stage, Wire(disturb=InFlight(stage, "late")))
    return sorted(stage.open_uploads())


def young_claim_is_left(clients: Clients) -> list[str]:
    """A session whose claim is young belongs to a run that may be at work."""
    stage = Stage(clients)
    case = Case("at-work", whole(ROW, OBJECT), claimed(0.2), object_h=OLD_H)
    build(stage, (BYSTANDER, case))
    before = snapshot(stage)
    run(stage)
    return [] if snapshot(stage) == before else ["a young claim was taken over"]


def wrong_table_deletes_nothing(clients: Clients) -> list[str]:
    """Where no object belongs to a session, the table is taken to be the wrong one."""
    stage = Stage(clients)
    build(stage, tuple(Case(f"o-{n}", whole(OBJECT), None, object_h=OLD_H) for n in range(3)))
    return refused(stage, 3)


def too_many_orphans_are_refused(clients: Clients) -> list[str]:
    """A plan over the cap is refused as a whole, and never cut down to it."""
    stage = Stage(clients)
    orphans = (Case(f"o-{n}", whole(OBJECT), None, object_h=OLD_H) for n in range(3))
    build(stage, (BYSTANDER, *orphans))
    return refused(stage, 4, MAX_DELETES_PER_RUN="2")


def too_large_a_share_is_refused(clients: Clients) -> list[str]:
    """Of more than a hundred objects, a fifth without sessions is too much."""
    stage = Stage(clients)
    living = [f"l-{number}" for number in range(80)]
    stage.write([stage.session(name, status="uploaded", ttl=None) for name in living])
    names = [*living, *(f"o-{number}" for number in range(25))]
    for name in names:
        stage.put(key_of(name))
    return refused(stage, len(names))


def refused(stage: Stage, objects: int, **environment: str) -> list[str]:
    """Run, and say what is wrong unless all objects are there and the run said no."""
    try:
        run(stage, environment=environment)
    except CapExceededError:
        left = len(stage.objects())
        return [] if left == objects else [f"refused, and {objects - left} deleted"]
    return ["not refused"]


def unread_sessions_keep_their_objects(clients: Clients) -> list[str]:
    """A session that could not be read is not absent."""
    stage = Stage(clients)
    cases = tuple(
        Case(f"living-{n}", whole(ROW, OBJECT), {"status": "uploaded", "ttl": None}, object_h=OLD_H)
        for n in range(4)
    )
    build(stage, cases)
    return after_bad_run(stage, cases, first_key_unread)


def first_key_unread(call: Call, forward: Forward, request: dict[str, Any]) -> Any:
    """Never answer for the first key of a reading, and say nothing of it being refused."""
    if call.operation != "BatchGetItem":
        return forward(**request)
    [(table, asked)] = request["RequestItems"].items()
    first, *rest = asked["Keys"]
    unread = {table: {**asked, "Keys": [first]}}
    if not rest:
        return {"Responses": {table: []}, "UnprocessedKeys": unread}
    answer = forward(**{**request, "RequestItems": {table: {**asked, "Keys": rest}}})
    return {**answer, "UnprocessedKeys": unread}


def after_bad_run(stage: Stage, cases: tuple[Case, ...], disturb: Any) -> list[str]:
    """Run on a bad day, whatever comes of it, and say what was lost."""
    with contextlib.suppress(ExpiryError):
        run(stage, Wire(disturb=disturb))
    return [fault for fault in lost_and_left(snapshot(stage), cases) if "LOST" in fault]


def strangers_bucket_is_left(clients: Clients) -> list[str]:
    """A bucket of another account than expected is neither listed nor emptied."""
    stage, _ = whole_world(clients)
    before = stage.objects(), stage.open_uploads()
    with contextlib.suppress(ExpiryError):
        run(stage, environment={"BUCKET_OWNER_ACCOUNT_ID": STRANGER})
    return [] if (stage.objects(), stage.open_uploads()) == before else ["a stranger's was taken"]


def orphan_needs_two_sightings(clients: Clients, **environment: str) -> list[str]:
    """With an audit bucket, an orphan goes only a grace after it was first seen."""
    stage = Stage(clients)
    audit = Stage(clients)
    orphan = Case("orphan", row=None, object_h=OLD_H)
    build(stage, (BYSTANDER, orphan))
    environment = {"AUDIT_BUCKET": audit.name, **environment}
    faults = []
    for hours, there in ((0, True), (20, True), (5, False)):
        stage.advance(hours * HOUR_S)
        run(stage, run_id=f"run-{stage.now_s}", environment=environment)
        if (orphan.object_key in stage.objects()) != there:
            faults.append(f"{hours} hours later: {'gone' if there else 'still there'}")
    return faults


def missing_object_trips_the_run(clients: Clients) -> list[str]:
    """One living session more without its object, and nothing is deleted by absence."""
    stage, audit = Stage(clients), Stage(clients)
    living = Case("lost", whole(ROW), {"status": "uploaded", "ttl": None}, object_h=OLD_H)
    orphan = Case("orphan", row=None, object_h=OLD_H)
    build(stage, (BYSTANDER, living, orphan))
    environment = {"AUDIT_BUCKET": audit.name, "TWO_SIGHTINGS": "false"}
    # The first run has nothing to compare with: its orphan goes, and another comes.
    run(stage, run_id="first", environment=environment)
    stage.clients.s3.delete_object(Bucket=stage.name, Key=living.object_key)
    stage.put(orphan.object_key)
    stage.advance(HOUR_S)
    with contextlib.suppress(ExpiryError):
        run(stage, run_id="second", environment=environment)
    return [] if orphan.object_key in stage.objects() else ["an orphan went all the same"]


def dry_run_writes_nothing(clients: Clients) -> list[str]:
    """No writing call leaves a dry run."""
    stage, wire = Stage(clients), Wire()
    build(stage)
    run(stage, wire, event={"dryRun": True})
    return [call.operation for call in wire.writes()]


def stuck_upload_is_left(clients: Clients) -> list[str]:
    """A living session's upload is never aborted, however old its parts are."""
    stage = Stage(clients)
    case = Case("stuck", whole(ROW, "upload"), {**MULTIPART, **LIVING}, parts=1)
    build(stage, (BYSTANDER, case))
    runs(stage, 2)
    return lost_and_left(snapshot(stage), (BYSTANDER, case))
