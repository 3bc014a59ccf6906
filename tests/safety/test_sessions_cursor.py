"""A table too large for one run: what was read is dealt with, and the next run reads the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest

from expiry.budget import Budget
from expiry.errors import MismatchError
from expiry.telemetry import logger_for
from tests.safety.drive import run
from tests.safety.sessions import built
from tests.safety.stage import key_of
from tests.safety.wire import Call, Wire
from tests.safety.world import OLD_H, Case
from upload_cleanup.request import Cursor, PhaseName, Request
from upload_cleanup.run import Run
from upload_cleanup.settings import Settings

if TYPE_CHECKING:
    from tests.safety.stage import Clients, Stage

SEGMENTS = 4
DEAD = tuple(Case(f"dead-{number}", object_h=OLD_H) for number in range(12))
LIVES = Case("lives", row={"status": "uploaded", "ttl": None}, object_h=OLD_H)
PLENTY_MS = 100_000
HALF_MS = 54_000  # no more time to read; to act, there is


def run_until(stage: Stage, scans: int, event: dict[str, Any], run_id: str) -> dict[str, Any]:
    """Run; the time for reading ends with the scan call of that number."""
    wire, left_ms = Wire(), [PLENTY_MS]

    def tick(call: Call) -> None:
        if call.operation == "Scan" and wire.count()["Scan"] == scans:
            left_ms[0] = HALF_MS

    wire.before = tick
    variables = {"TABLE_NAME": stage.name, "BUCKET": stage.name, "THREADS": "1"}
    return Run(
        run_id=run_id,
        settings=Settings.from_env(variables | {"SCAN_SEGMENTS": str(SEGMENTS)}),
        request=Request.parse(event),
        dynamodb=wire.wrap(stage.clients.dynamodb),
        s3=wire.wrap(stage.clients.s3),
        budget=Budget.until(lambda: left_ms[0]),
        logger=logger_for("upload_cleanup", run_id),
        owner_account_id=stage.clients.account.id,
        wall_clock=stage.clock,
    ).execute()


def test_run_that_stops_reading_acts_on_what_it_read(clients: Clients) -> None:
    """Half of the time is for acting: a large table is cleaned up piece by piece, to its end."""
    stage = built(clients, LIVES, *DEAD)

    first = run_until(stage, 2, {}, "one")
    second = run_until(stage, 9, {"cursor": first["cursor"]}, "two")

    assert not first["complete"]
    assert Cursor.parse(first["cursor"]).phase is PhaseName.SESSIONS
    assert first["orphanedObjectsCleanup"] is None
    assert second["complete"]
    deleted = [found["outcomes"]["deleted"] for found in (first, second)]
    assert sum(deleted) == len(DEAD)
    assert sum(
        sum(found["sessions"][k] for k in ("expired", "uploaded")) for found in (first, second)
    ) == (len(DEAD) + 1)
    assert list(stage.rows()) == ["lives"]


def test_runs_without_a_cursor_begin_at_different_segments(clients: Clients) -> None:
    """The order is shuffled by the run's id, so the tail is reached too, without any state."""
    stage = built(clients, LIVES)
    firsts = set()
    for number in range(12):
        wire = Wire()
        run(stage, wire, run_id=f"run-{number}", environment={"SCAN_SEGMENTS": str(SEGMENTS)})
        scans = [call.request["Segment"] for call in wire.calls if call.operation == "Scan"]
        assert sorted(scans) == list(range(SEGMENTS))
        firsts.add(scans[0])

    assert firsts == set(range(SEGMENTS))


def resumed(stage: Stage, wire: Wire) -> dict[str, Any]:
    """Go on where an earlier run has stopped: before its orphans."""
    return run(stage, wire, event={"cursor": Cursor(PhaseName.OBJECTS).text()})


def test_run_that_goes_on_with_orphans_knows_every_session(clients: Clients) -> None:
    """An object that a session of another name still needs is kept by a resumed run too."""
    orphan = Case("orphan", row=None, object_h=OLD_H)
    living = {"status": "uploaded", "ttl": None}
    needs = Case("needs", row=living, key=key_of("absent"), object_h=OLD_H)
    stage = built(clients, LIVES, orphan, needs)

    found = resumed(stage, Wire())

    assert found["orphanedObjectsCleanup"] == 1
    assert set(stage.objects()) == {LIVES.object_key, needs.object_key}


def test_run_that_cannot_know_every_session_judges_no_orphan(clients: Clients) -> None:
    """A session that was not read may need any object: nothing goes, and the run says why."""
    stage = built(clients, LIVES, Case("orphan", row=None, object_h=OLD_H))
    wire = Wire()

    with (
        patch("upload_cleanup.census.TIME_SHARE", 1.0),
        pytest.raises(MismatchError, match="cannot all be read in one run"),
    ):
        resumed(stage, wire)

    assert wire.writes() == []
    assert len(stage.objects()) == 2
