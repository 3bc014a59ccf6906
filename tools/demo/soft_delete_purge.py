"""
The purge's story: a database of building instructions, a dry run, a real run, and who survived it.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.postgres.servers import Debian15, PostgresError
from tools.demo.moc_kinds import KINDS, Expected
from tools.demo.moc_scene import PRIVILEGES, Scene
from tools.demo.runs import fired, invoked
from tools.demo.screen import say, step, table
from tools.demo.stage import DemoError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tools.demo.stage import Stage

DRY = '{"dryRun": true}'
SETUP = '{"operation": "setup"}'
EXPECTED = Expected(KINDS)
COUNTERS = tuple(EXPECTED.told)


@contextmanager
def prepared(stage: Stage) -> Iterator[Callable[[Stage], None]]:
    """
    Start a PostgreSQL with TLS, fill it and a bucket, tell the example where they are.

    Raises:
        DemoError: There is no PostgreSQL with TLS on this machine.
    """
    step("Starting PostgreSQL, with TLS, and filling it and a bucket with building instructions")
    try:
        with Debian15() as server:
            owner = server.new_database()
            filled = Scene(owner, stage.account)
            filled.prepare()
            scene = replace(filled, database=owner.new_role(*PRIVILEGES))
            stage.variables.update(scene.variables(scene.secret()))
            say(f"    {owner.host}:{owner.port}/{owner.name}, s3://{scene.bucket}")
            table([(kind.name, kind.count) for kind in KINDS], header=("what", "how many"))
            yield partial(tell, scene=scene)
    except PostgresError as error:
        raise DemoError(str(error)) from error


def tell(stage: Stage, scene: Scene) -> None:
    """
    Set up, run dry, run for real, and compare.

    Raises:
        DemoError: A run did not report, or did something else than its dry run said.
    """
    purge = stage.outputs()["purge"]

    step("The setup: two tables, and the GRANTs that the function's user needs")
    scene.may_make_a_schema(allowed=True)
    setup = invoked(stage, purge, SETUP)
    scene.may_make_a_schema(allowed=False)
    scene.grant(setup["grants"])
    say("\n".join(f"    {statement}" for statement in setup["grants"]))

    step("A dry run: what would go")
    dry = invoked(stage, purge, DRY)
    show(dry)
    table(sorted(dry["preflight"]["blastRadius"].items()), header=("table", "rows by cascade"))

    step(f"Firing the schedule {purge['schedule_name']}, as deployed: the real run")
    before = scene.objects()
    real = fired(stage, purge)
    show(real)
    compare(dry, real, before - scene.objects())

    step("Who survived")
    show_survivors(scene)

    step("Alarms")
    states = stage.account.evaluate_alarms()
    table(sorted((state, name) for name, state in states.items()), header=("state", "alarm"))

    step("Where to look")
    table(
        [
            ("log", f"aws logs filter-log-events --log-group-name {purge['log_group_name']}"),
            *(("saved query", name) for name in purge["query_names"].values()),
            ("dashboard", purge["dashboard_name"]),
            ("dry run", purge["invoke_command"]),
            ("redrive", purge["redrive_command"]),
        ]
    )


def show(report: dict[str, Any]) -> None:
    """Print what a run did, or would do."""
    header = ("what", "would be" if report["dryRun"] else "was")
    table([(name, report[name]) for name in COUNTERS], header=header)


def compare(dry: dict[str, Any], real: dict[str, Any], gone: set[str]) -> None:
    """
    Hold the real run against its dry run, and the bucket against both.

    Raises:
        DemoError: They differ.
    """
    told = {name: real[name] for name in COUNTERS}
    if told != {name: dry[name] for name in COUNTERS} or told != EXPECTED.told:
        raise DemoError(f"the real run did something else: {json.dumps(told)}")
    if gone != EXPECTED.deleted_objects:
        raise DemoError(f"other files are gone: {sorted(gone ^ EXPECTED.deleted_objects)}")
    say("    It did what the dry run said, and nothing else.")


def show_survivors(scene: Scene) -> None:
    """
    Print what is there of each kind.

    Raises:
        DemoError: Something that lives is gone, or something dead is left.
    """
    there, images, bricks = scene.survivors(), scene.images(), scene.bricks()
    rows = [(kind.name, there.get(kind.name, 0)) for kind in KINDS]
    rows += [(f"image: {title}", count) for title, count in sorted(images.items())]
    rows += [(f"bricks: {status}", count) for status, count in sorted(bricks.items())]
    table(rows, header=("what", "there"))
    if (there, images, bricks) != (EXPECTED.survivors, EXPECTED.images, EXPECTED.bricks):
        raise DemoError(f"these are there: {there}, {images}, {bricks}")
