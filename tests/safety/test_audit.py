"""Every action leaves a line, and no object goes before the plan says so."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from expiry.errors import StoreError
from tests.safety.drive import run
from tests.safety.phases import Audit, now_stage, run_of, uploaded
from tests.safety.stage import HOUR_S, Stage, key_of
from tests.safety.wire import Call, Forward, KilledError, Wire

if TYPE_CHECKING:
    from tests.safety.stage import Clients

ORPHAN = key_of("orphan")


@pytest.fixture
def stage(clients: Clients) -> Stage:
    """Return a stage with an orphan, an expired session with its object, and a living one."""
    stage = Stage(clients)
    uploaded(stage, "bystander")
    stage.write([stage.session("expired")])
    for name in ("bystander", "expired", "orphan"):
        stage.put(key_of(name))
    return stage


@pytest.fixture
def audit(clients: Clients) -> Audit:
    """Return an empty audit bucket."""
    return Audit(Stage(clients))


def at_once(audit: Audit, **more: str) -> dict[str, str]:
    """Return an environment in which an orphan goes at once."""
    return {**audit.environment, "TWO_SIGHTINGS": "false", **more}


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return the lines of actions in the log."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line]
    return [line for line in lines if line.get("message") == "action"]


@pytest.mark.parametrize("with_bucket", [False, True])
def test_action_is_a_log_line_with_its_evidence(
    stage: Stage, audit: Audit, capsys: pytest.CaptureFixture[str], *, with_bucket: bool
) -> None:
    """
    Which run did what to which key, why, by what evidence, and how it ended.
    """
    etag = stage.objects()[ORPHAN]

    environment = at_once(audit) if with_bucket else {}
    run_of(stage, run_id="r-1", environment=environment).execute()

    (line,) = [line for line in logged(capsys) if line["key"] == ORPHAN]
    assert {name: line[name] for name in ("run_id", "action", "reason", "outcome")} == {
        "run_id": "r-1",
        "action": "delete_object",
        "reason": "no session",
        "outcome": "deleted",
    }
    assert line["evidence"]["etag"] == etag
    assert line["evidence"]["sessionId"] == "orphan"
    assert line["evidence"]["size"] == len(ORPHAN)


def test_actions_are_json_lines_in_hive_partitions(stage: Stage, audit: Audit) -> None:
    """
    Athena reads table, date and run out of the key; sessions and orphans are there alike.
    """
    run(stage, run_id="r-1", environment=at_once(audit))

    date = time.strftime("%Y-%m-%d", time.gmtime(stage.now_s))
    lines = audit.lines(f"actions/table={stage.name}/dt={date}/run_id=r-1/")
    deleted = {line["key"] for line in lines if line["action"] == "delete_object"}
    assert deleted == {ORPHAN, key_of("expired")}
    assert {line["run_id"] for line in lines} == {"r-1"}
    assert {line["bucket"] for line in lines} == {stage.name}
    assert {line["dry_run"] for line in lines} == {False}


def test_dry_run_writes_the_lines_of_the_real_one_with_another_outcome(
    stage: Stage, audit: Audit
) -> None:
    """
    What a dry run says would go is what then goes.
    """
    run(stage, run_id="dry", environment=at_once(audit), event={"dryRun": True})
    run(stage, run_id="real", environment=at_once(audit))

    def of(run_id: str) -> dict[str, str]:
        lines = [line for line in audit.lines("actions/") if line["run_id"] == run_id]
        return {line["key"]: line["outcome"] for line in lines}

    assert of("dry") == dict.fromkeys((ORPHAN, key_of("expired"), "expired"), "would_delete")
    assert of("real") == dict.fromkeys((ORPHAN, key_of("expired"), "expired"), "deleted")


def test_plan_is_there_before_the_object_goes(stage: Stage, audit: Audit) -> None:
    """
    Key, ETag and run of each object stand in the plan when its delete is sent.
    """
    etags = stage.objects()
    planned: list[set[tuple[str, str, str]]] = []

    def check(call: Call) -> None:
        if call.operation == "DeleteObjects":
            lines = audit.lines("plans/run_id=r-1/")
            there = {(line["key"], line["etag"], line["run_id"]) for line in lines if line["goes"]}
            wanted = {
                (each["Key"], each["ETag"], "r-1") for each in call.request["Delete"]["Objects"]
            }
            planned.append(wanted - there)

    run(stage, Wire(before=check), run_id="r-1", environment=at_once(audit))

    assert planned == [set(), set()]  # one delete for the session, one for the orphan
    assert {ORPHAN: etags[ORPHAN]}.items() <= {
        line["key"]: line["etag"] for line in audit.lines("plans/")
    }.items()


def refusing_plans(call: Call, forward: Forward, request: dict[str, Any]) -> Any:
    """Refuse every plan."""
    if call.operation == "PutObject" and "/plans/" in request["Key"]:
        request = {**request, "ExpectedBucketOwner": "999999999999"}
    return forward(**request)


def test_plan_that_cannot_be_written_keeps_every_object(stage: Stage, audit: Audit) -> None:
    """
    What cannot be restored is not deleted.
    """
    wire = Wire(disturb=refusing_plans)

    with pytest.raises(StoreError, match="s3:PutObject"):
        run(stage, wire, environment=at_once(audit))

    assert set(stage.objects()) == {key_of(name) for name in ("bystander", "expired", "orphan")}
    assert wire.count()["DeleteObjects"] == 0


def test_plan_of_a_second_attempt_writes_over_none_of_the_first(
    clients: Clients, audit: Audit
) -> None:
    """
    The same run id may come twice; what the first has deleted must still be found.
    """
    stage = now_stage(clients)
    uploaded(stage, "bystander")
    stage.put(key_of("bystander"), age_h=50)
    for name in ("one", "two"):
        stage.put(key_of(name), age_h=50)
        run(stage, run_id="again", environment=at_once(audit))
        stage.advance(1)

    planned = {line["key"] for line in audit.lines("plans/run_id=again/")}

    assert planned == {key_of("one"), key_of("two")}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_run_killed_at_any_call_has_deleted_nothing_that_no_plan_holds(
    stage: Stage, audit: Audit, *, after: bool
) -> None:
    """
    Wherever it dies, with sightings and a plan to write; another run then ends its work.
    """
    call = 0
    while True:
        stage.advance(25 * HOUR_S)
        stage.put(ORPHAN, body=f"{call}".encode())
        run(stage, run_id=f"seen-{call}", environment=audit.environment)
        stage.advance(25 * HOUR_S)
        wire = Wire(die_at=call, die_after=after)
        try:
            run(stage, wire, run_id=f"killed-{call}", environment=audit.environment)
        except KilledError:
            there = ORPHAN in stage.objects()
            planned = {line["key"] for line in audit.lines(f"plans/run_id=killed-{call}/")}
            run(stage, run_id=f"next-{call}", environment=audit.environment)

            assert there or ORPHAN in planned, f"call {call}"
            assert ORPHAN not in stage.objects(), f"call {call}"
            call += 1
        else:
            break
    assert call > wire.count()["DeleteObjects"] > 0


def test_held_orphans_stand_in_the_plan_with_when_they_were_first_seen(
    stage: Stage, audit: Audit
) -> None:
    """
    The operator reads there what goes tomorrow.
    """
    run(stage, run_id="r-1", environment=audit.environment)
    (held,) = [line for line in audit.lines("plans/run_id=r-1/") if not line["goes"]]

    assert held["key"] == ORPHAN
    assert held["first_seen_s"] == stage.now_s


def test_lines_go_to_the_bucket_in_parts_of_bounded_size(
    stage: Stage, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    No more than a part is held in memory.
    """
    monkeypatch.setattr("upload_cleanup.audit.PART_LINES", 2)
    uploaded(stage, *(f"living-{number}" for number in range(5)))
    for number in range(5):
        stage.put(key_of(f"orphan-{number}"))

    run(stage, environment=at_once(audit))

    sizes = [len(audit.text(key).splitlines()) for key in audit.keys("actions/")]
    assert max(sizes) == 2
    assert sum(sizes) == 8  # six orphans, a session and its object
    assert max(len(audit.text(key).splitlines()) for key in audit.keys("plans/")) == 2


def test_action_line_that_cannot_be_written_stops_nothing_and_is_told(
    stage: Stage, audit: Audit
) -> None:
    """
    What was done is done; the log has the line, and the result counts the loss.
    """

    def refuse(call: Call, forward: Forward, request: dict[str, Any]) -> Any:
        if call.operation == "PutObject" and "/actions/" in request["Key"]:
            request = {**request, "ExpectedBucketOwner": "999999999999"}
        return forward(**request)

    answer = run(stage, Wire(disturb=refuse), environment=at_once(audit))

    assert ORPHAN not in stage.objects()
    assert audit.keys("actions/") == []
    assert "s3:PutObject" in answer["errors"][0]["message"]


def test_audit_bucket_is_written_as_its_owners(stage: Stage, audit: Audit) -> None:
    """
    A bucket's name can be taken over by another account; its account cannot.
    """
    wire = Wire()

    run(stage, wire, environment=at_once(audit))

    owner = stage.clients.account.id
    to_audit = [call for call in wire.calls if call.request.get("Bucket") == audit.stage.name]
    assert {call.operation for call in to_audit} == {"GetObject", "PutObject"}
    assert {call.request["ExpectedBucketOwner"] for call in to_audit} == {owner}
