"""
The PostgreSQL expiry's story: a shop's database, a dry run, a real run, and who survived it.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.postgres.servers import Debian15, PostgresError
from tools.demo.postgres_scene import GOES, KINDS, PRIVILEGES, TOLD, Scene
from tools.demo.runs import fired, invoked
from tools.demo.screen import say, step, table
from tools.demo.stage import DemoError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tools.demo.stage import Stage

DRY = '{"dryRun": true}'


@contextmanager
def prepared(stage: Stage) -> Iterator[Callable[[Stage], None]]:
    """
    Start a PostgreSQL with TLS, fill it, tell the example where it is; give the story of it.

    Raises:
        DemoError: There is no PostgreSQL with TLS on this machine.
    """
    step("Starting PostgreSQL, with TLS, and filling a shop's database")
    try:
        with Debian15() as server:
            owner = server.new_database()
            Scene(owner).fill()
            scene = Scene(owner.new_role(*PRIVILEGES))
            stage.variables.update(scene.variables(scene.secret(stage.account)))
            say(f"    {owner.host}:{owner.port}/{owner.name}")
            table([(kind, count) for kind, count in scene.survivors().items()])
            yield partial(tell, scene=scene)
    except PostgresError as error:
        raise DemoError(str(error)) from error


def tell(stage: Stage, scene: Scene) -> None:
    """
    Run dry, run for real, and compare; show what the module renders for the other two ways.

    Raises:
        DemoError: A run did not report, or did something else than its dry run said.
    """
    expiry = stage.outputs()["expiry"]

    step("A dry run: what would go")
    dry = invoked(stage, expiry, DRY)
    show(dry)

    step(f"Firing the schedule {expiry['schedule_name']}, as deployed: the real run")
    real = fired(stage, expiry)
    show(real)
    if real["body"] != dry["body"] or real["body"]["tables"] != TOLD:
        raise DemoError(f"the real run did something else: {json.dumps(real['body'])}")
    say("    It did what the dry run said, and nothing else.")

    step("Who survived")
    show_survivors(scene)

    step("Alarms")
    states = stage.account.evaluate_alarms()
    table(sorted((state, name) for name, state in states.items()), header=("state", "alarm"))

    step("Where to look")
    table(
        [
            ("log", f"aws logs filter-log-events --log-group-name {expiry['log_group_name']}"),
            *(("saved query", name) for name in expiry["query_names"].values()),
            ("dashboard", expiry["dashboard_name"]),
            ("dry run", expiry["invoke_command"]),
        ]
    )


def show(report: dict[str, Any]) -> None:
    """Print what a run did, or would do, and what it leaves."""
    table(
        [
            (name, count, report["health"][name]["expired_rows"])
            for name, count in report["body"]["tables"].items()
        ],
        header=("table", "would go" if report["dryRun"] else "gone", "expired and there"),
    )


def show_survivors(scene: Scene) -> None:
    """
    Print what is there of each kind.

    Raises:
        DemoError: Something that lives is gone, or something dead is left.
    """
    there = scene.survivors()
    table([(kind, there.get(kind, 0)) for kind in KINDS], header=("what", "there"))
    if there != scene.living or set(there) & set(GOES):
        raise DemoError(f"these are there: {there}, and not {scene.living}")
