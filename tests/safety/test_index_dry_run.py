"""A dry run says what a real run would do, and needs no right to write."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from expiry.errors import StoreError
from tests.safety.index_drive import run
from tests.safety.index_worlds import WORLDS
from tests.safety.wire import Wire

if TYPE_CHECKING:
    from tests.safety.index_stage import IndexStage
    from tests.safety.index_world import World
    from tests.safety.stage import Clients

READER = "index-reader"
READS = ("Query", "BatchGetItem", "DescribeTable", "DescribeTimeToLive")
every_world = pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)


@pytest.fixture(scope="module")
def reader(clients: Clients) -> Any:
    """Return a client under a role that may read, and nothing else."""
    iam = clients.account.client("iam")
    iam.create_role(RoleName=READER, AssumeRolePolicyDocument="{}")
    allowed = {"Effect": "Allow", "Action": [f"dynamodb:{name}" for name in READS], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_role_policy(RoleName=READER, PolicyName="reads", PolicyDocument=policy)
    return clients.account.client("dynamodb", role=READER)


def rows(stage: IndexStage) -> Any:
    """Return all there is."""
    return stage.rows()


@every_world
def test_dry_run_without_the_right_to_write_counts_what_a_real_run_does(
    clients: Clients, world: World, reader: Any
) -> None:
    """
    Under a role that may only read: no call is denied, nothing is written, the same counts.
    """
    stage, fate = world.build(clients)
    before, wire = rows(stage), Wire()
    dry = run(stage, wire, environment=world.environment, event={"dryRun": True}, client=reader)
    assert [call.operation for call in wire.writes()] == []
    assert rows(stage) == before
    assert clients.account.denied(READER) == set()
    assert dry["dryRun"] is True

    real = run(stage, environment=world.environment)

    assert dry["outcomes"]["would_delete"] == real["outcomes"]["deleted"] >= len(fate.dead)
    assert dry["body"] == real["body"]
    assert real["dryRun"] is False


@every_world
def test_dry_run_by_the_environment_cannot_be_undone_by_the_event(
    clients: Clients, world: World, reader: Any
) -> None:
    """
    ``DRY_RUN=true`` holds whatever an event says.
    """
    stage, _ = world.build(clients)
    before, wire = rows(stage), Wire()

    run(
        stage,
        wire,
        environment={**world.environment, "DRY_RUN": "true"},
        event={"dryRun": False},
        client=reader,
    )

    assert wire.writes() == []
    assert rows(stage) == before


def test_role_that_may_only_read_cannot_write(clients: Clients, reader: Any) -> None:
    """
    The proof above proves something: under that role a real run deletes nothing, and says so.
    """
    world = WORLDS[0]
    stage, fate = world.build(clients)
    before = rows(stage)

    with pytest.raises(StoreError, match=f"{len(fate.dead)} failed, none was done"):
        run(stage, environment=world.environment, client=reader)

    assert rows(stage) == before
    denied = {action for action, _ in clients.account.denied(READER)}
    assert {"dynamodb:PartiQLDelete", "dynamodb:DeleteItem"} <= denied
