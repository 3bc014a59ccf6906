"""
ActingWeb goes on working while our cleanup runs: it loses nothing of what it gives out.
"""

from __future__ import annotations

import time
from itertools import cycle, islice
from types import SimpleNamespace
from typing import TYPE_CHECKING

from tests.actingweb.library import Library
from tests.actingweb.logins import (
    MINUTE_S,
    Credential,
    code,
    grant,
    rotated,
    session,
    spa_access,
    spa_refresh,
)
from tests.actingweb.scene import Scene
from tests.actingweb.stores import Table
from tests.safety.index_drive import run
from tests.safety.wire import Call, Wire

if TYPE_CHECKING:
    from tests.cloud import Cloud

ACTIONS = (
    session(0),
    spa_access(0),
    spa_refresh(0),
    spa_refresh(5 * MINUTE_S, 2 * MINUTE_S),
    code(0),
    grant(0),
    rotated(5 * MINUTE_S, 2 * MINUTE_S),
)
AT_A_TIME = 2


def test_cleanup_while_actingweb_is_at_work_takes_nothing_that_it_gives_out(cloud: Cloud) -> None:
    """
    Before each call of a run ActingWeb logs somebody in, or rotates a token: every credential is
    worth afterwards what it was at once, and what was dead has gone.
    """
    library, table, scene = Library("dynamodb"), Table(cloud.account()), Scene()
    scene.build(library, table)
    given: list[Credential] = []
    actions = cycle(ACTIONS)

    def work(_: Call) -> None:
        for act in islice(actions, AT_A_TIME):
            given.extend(act(library, table))

    wire = Wire(before=work)
    clients = SimpleNamespace(dynamodb=table.client)
    place = SimpleNamespace(clients=clients, name=table.name, clock=time.time)
    run(place, wire, environment={"PRESET": "actingweb"})

    assert len(given) > AT_A_TIME * len(wire.calls) > 20
    assert [each.kind for each in given if not each.ask(library)] == []
    assert len(scene.gone(table)) > 50
