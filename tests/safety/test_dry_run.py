"""A dry run changes nothing, and plans what the real run then does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from expiry.telemetry import logger_for
from tests.safety.crash import whole_world
from tests.safety.drive import run
from tests.safety.stage import Stage
from tests.safety.wire import Wire
from tests.safety.world import WORLD, build, snapshot

if TYPE_CHECKING:
    from tests.safety.stage import Clients


def actions(out: str) -> set[tuple[str, str, str]]:
    """Return what a run's audit lines say that it did, or would do: action, key, outcome."""
    lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    return {
        (line["action"], line["key"], line["outcome"])
        for line in lines
        if line.get("message") == "action"
    }


def would(done: set[tuple[str, str, str]]) -> set[tuple[str, str]]:
    """Return what was really done, as a plan says it."""
    return {(action, key) for action, key, outcome in done if outcome in {"deleted", "done"}}


@pytest.mark.parametrize(
    ("event", "environment"),
    [
        ({"dryRun": True}, {}),
        ({}, {"DRY_RUN": "true"}),
        ({"dryRun": False}, {"DRY_RUN": "true"}),
    ],
)
def test_dry_run_writes_nothing(
    clients: Clients, event: dict[str, Any], environment: dict[str, str]
) -> None:
    """
    Not one writing call, and the same state after; the event cannot make it less safe.
    """
    stage = Stage(clients)
    build(stage)
    before, wire = snapshot(stage), Wire()

    result = run(stage, wire, event=event, environment=environment)

    assert [call.operation for call in wire.writes()] == []
    assert snapshot(stage) == before
    assert result["dryRun"] is True


def test_dry_run_plan_is_what_the_real_run_does(
    clients: Clients, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    What the lines of a dry run would delete, the real run deletes, and nothing else.
    """
    stage, in_flight = whole_world(clients)
    run(stage, event={"dryRun": True}, logger=logger_for("upload_cleanup", "dry"))
    dry = actions(capsys.readouterr().out)
    planned = {(action, key) for action, key, outcome in dry if outcome == "would_delete"}

    run(stage, Wire(disturb=in_flight), logger=logger_for("upload_cleanup", "real"))
    real = actions(capsys.readouterr().out)

    assert planned
    assert planned == would(real)


def test_dry_run_counts_what_the_real_run_counts(clients: Clients) -> None:
    """
    The result's numbers of a dry run are those of the real one.
    """
    stage, in_flight = whole_world(clients)
    dry = run(stage, event={"dryRun": True}, run_id="dry")

    real = run(stage, Wire(disturb=in_flight), run_id="real")

    assert len(WORLD) > 0
    assert dry["outcomes"]["would_delete"] == real["outcomes"]["deleted"]
    for name in ("markedPartial", "orphanedUploadsAborted", "unmatched", "reclaimedBytes"):
        assert dry[name] == real[name], name
