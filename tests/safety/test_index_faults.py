"""On a bad day of the store an index cleanup loses nothing, and the next day it ends as ever."""

from __future__ import annotations

import base64
import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from expiry.errors import ExpiryError
from expiry.telemetry import logger_for
from tests.safety import index_crash
from tests.safety.faults import KINDS, BadDay
from tests.safety.index_drive import STEP_S, run
from tests.safety.index_tokens import ACTINGWEB
from tests.safety.index_worlds import WORLDS
from tests.safety.wire import Wire

if TYPE_CHECKING:
    from tests.safety.index_stage import IndexStage
    from tests.safety.index_world import World
    from tests.safety.stage import Clients

LOOKS = 2  # at the table, before anything else
READS = frozenset({"Query", "BatchGetItem"})
WRITES = frozenset({"BatchExecuteStatement", "TransactWriteItems"})
CONCERNS = {  # which calls can end so; others are made as they are
    "throttled": READS | WRITES,
    "lost answer": WRITES,
    "done twice": WRITES,
    "partly": frozenset({"BatchGetItem", "BatchExecuteStatement"}),
}


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
@pytest.mark.parametrize("kind", KINDS)
def test_run_on_a_bad_day_loses_nothing_and_the_next_ends_as_ever(
    clients: Clients, world: World, kind: str
) -> None:
    """
    One call after the other goes wrong: what is alive stays as it was, what is counted as deleted
    has gone, and a run on a good day leaves just what an undisturbed one leaves.
    """
    good = index_crash.undisturbed(clients, world)
    concerned = [n for n, name in enumerate(good.operations) if name in CONCERNS[kind]]
    assert len(concerned) > 1
    for number in concerned:
        stage, fate = world.build(clients)
        before, outcomes = len(stage.rows()), {"deleted": 0}
        with contextlib.suppress(ExpiryError):
            day = Wire(disturb=BadDay({number: kind}))
            outcomes = run(stage, day, environment=world.environment)["outcomes"]
        lost = [fault for fault in fate.faults(stage) if not fault.startswith("left")]

        assert lost == [], f"call {number}"
        assert outcomes["deleted"] <= before - len(stage.rows()), f"call {number}"

        stage.advance(STEP_S)
        run(stage, environment=world.environment, run_id="next day")

        assert fate.faults(stage) == [], f"call {number}"
        assert index_crash.places(stage) == good.places, f"call {number}"
        stage.tear_down()


@pytest.mark.parametrize("event", [{}, {"dryRun": True}], ids=["real", "dry"])
@pytest.mark.parametrize("kind", ["none", *KINDS])
def test_run_tells_no_token(
    clients: Clients, kind: str, event: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Sort keys are bearer tokens: none is in a log, a result or an error, whatever goes wrong.
    """
    stage, _ = ACTINGWEB.build(clients)
    names = tokens(stage)
    faults = {number: kind for number in range(LOOKS, 30) if kind != "none"}
    said = []
    try:
        said.append(
            run(
                stage,
                Wire(disturb=BadDay(faults)),
                environment=ACTINGWEB.environment,
                event=event,
                logger=logger_for("index_cleanup", "told"),
            )
        )
    except ExpiryError as error:
        said.append({"error": str(error)})
    told = f"{said} {capsys.readouterr().out}"

    assert "mcp_access_tokens" in told
    assert [name for name in names if name in told] == []


def test_run_that_is_stopped_tells_no_token_in_its_cursor(clients: Clients) -> None:
    """
    An operator passes a cursor on: it says where to go on without a token.
    """
    stage, _ = ACTINGWEB.build(clients)
    names = tokens(stage)
    event: dict[str, Any] = {"limit": 3}
    cursors = []
    for number in range(30):
        result = run(stage, environment=ACTINGWEB.environment, event=event, run_id=f"run-{number}")
        if not result["cursor"]:
            break
        cursors.append(result["cursor"])
        event = {"limit": 3, "cursor": result["cursor"]}

    assert len(cursors) > 3
    assert [name for name in names for cursor in cursors if name in plain(cursor)] == []


def tokens(stage: IndexStage) -> set[str]:
    """Return the names that stand in sort keys."""
    return {item["name"]["S"] for item in stage.rows().values()} - {"x"}


def plain(cursor: str) -> str:
    """Return a cursor's text, whatever it is wrapped in."""
    return f"{cursor} {base64.urlsafe_b64decode(cursor).decode('unicode_escape')}"
