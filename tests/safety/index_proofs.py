"""
Quick proofs, each a list of what it found wrong: none, unless a safety condition is missing.

The tests ask for an empty list; the mutation check takes a condition away and asks for a fault.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from expiry.errors import CapExceededError, ExpiryError
from tests.safety.index_drive import STEP_S, run
from tests.safety.index_people import GENERIC
from tests.safety.index_race import ends
from tests.safety.index_scenarios import SCENARIOS
from tests.safety.index_tokens import ACTINGWEB, expired, living, orphan
from tests.safety.index_world import Case, place_cases
from tests.safety.wire import Call, Forward, KilledError, Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.safety.index_world import World
    from tests.safety.stage import Clients

MORE_THAN_THE_GATE_LETS_PASS = 101
BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}


def race_is_won(clients: Clients, name: str) -> list[str]:
    """The first loss of any interleaving, if there is one."""
    return next(([end.fault] for end in ends(clients, BY_NAME[name]) if end.fault), [])


def world_ends_well(clients: Clients, world: World) -> list[str]:
    """Of every case just those rows are left that it says are alive."""
    stage, fate = world.build(clients)
    with contextlib.suppress(ExpiryError):
        run(stage, environment=world.environment)
    faults = fate.faults(stage)
    stage.tear_down()
    return faults


def actingweb_ends_well(clients: Clients) -> list[str]:
    """Likewise, for ActingWeb's layout."""
    return world_ends_well(clients, ACTINGWEB)


def generic_ends_well(clients: Clients) -> list[str]:
    """Likewise, for rules of one's own."""
    return world_ends_well(clients, GENERIC)


def unread_targets_keep_their_index_rows(clients: Clients) -> list[str]:
    """A target that could not be read is not absent."""
    stage = ACTINGWEB.stage(clients)
    fate = place_cases(stage, tuple(Case(f"living-{n}", living()) for n in range(4)))
    with contextlib.suppress(ExpiryError):
        run(stage, Wire(disturb=first_key_unread), environment=ACTINGWEB.environment)
    return fate.faults(stage)


def unread_links_keep_their_token(clients: Clients) -> list[str]:
    """A token whose linked row could not be read stays, so that the row is found later."""
    stage = ACTINGWEB.stage(clients)
    place_cases(stage, (Case("expired-1", expired()),))
    before = stage.rows()

    def links_unread(call: Call, forward: Forward, request: dict[str, Any]) -> Any:
        asked = str(request.get("RequestItems", ""))
        return (first_key_unread if "mcp_google_tokens" in asked else pass_on)(
            call, forward, request
        )

    with contextlib.suppress(ExpiryError):
        run(stage, Wire(disturb=links_unread), environment=ACTINGWEB.environment)
    return [] if stage.rows() == before else ["a token went, and its linked row is nobody's now"]


def pass_on(_: Call, forward: Forward, request: dict[str, Any]) -> Any:
    """Make the call as it is."""
    return forward(**request)


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


def refused(clients: Clients, orphans: int, alive: int, **environment: str) -> list[str]:
    """Run, and say what is wrong unless every index row is there and the run said no."""
    stage = ACTINGWEB.stage(clients)
    cases = [Case(f"o-{n:03}", orphan()) for n in range(orphans)]
    cases += [Case(f"l-{n:03}", living()) for n in range(alive)]
    place_cases(stage, tuple(cases))
    before = stage.rows()
    try:
        run(stage, environment={**ACTINGWEB.environment, **environment})
    except CapExceededError:
        lost = len(before) - len(stage.rows())
        return [f"refused, and {lost} deleted"] if lost else []
    finally:
        left = len(stage.rows())
        stage.tear_down()
    return [f"not refused, {len(before) - left} deleted"]


def wrong_table_deletes_nothing(clients: Clients) -> list[str]:
    """Where all targets of more than a hundred index rows are absent, the rule is refused."""
    return refused(clients, MORE_THAN_THE_GATE_LETS_PASS, 0)


def too_many_orphans_are_refused(clients: Clients) -> list[str]:
    """A plan over the cap is refused as a whole, and never cut down to it."""
    return refused(clients, 4, 1, MAX_DELETES_PER_RUN="3")


def too_large_a_share_is_refused(clients: Clients) -> list[str]:
    """Of more than a hundred index rows, half without a target is more than was allowed."""
    return refused(clients, 60, 60, MAX_ORPHAN_PERCENT="40")


def dry_run_writes_nothing(clients: Clients) -> list[str]:
    """No writing call leaves a dry run."""
    found = []
    for world in (ACTINGWEB, GENERIC):
        (stage, _), wire = world.build(clients), Wire()
        run(stage, wire, environment=world.environment, event={"dryRun": True})
        found += [call.operation for call in wire.writes()]
        stage.tear_down()
    return found


def killed_run_leaves_nothing_over(clients: Clients) -> list[str]:
    """An expired token that a killed run has left can be found, and goes in the next."""
    place = 0
    while True:
        stage = ACTINGWEB.stage(clients)
        fate = place_cases(stage, (Case("kept", living()), Case("expired-1", expired())))
        try:
            run(stage, Wire(die_at=place, die_after=True), environment=ACTINGWEB.environment)
        except KilledError:
            stage.advance(STEP_S)
            run(stage, environment=ACTINGWEB.environment, run_id="again")
        else:
            return []
        if faults := fate.faults(stage):
            return faults
        stage.tear_down()
        place += 1


RULES: tuple[Callable[[Clients], list[str]], ...] = (
    unread_targets_keep_their_index_rows,
    unread_links_keep_their_token,
    wrong_table_deletes_nothing,
    too_many_orphans_are_refused,
    too_large_a_share_is_refused,
    killed_run_leaves_nothing_over,
)
