"""
ActingWeb's schema on a real PostgreSQL, cleaned up by our handler and by ActingWeb itself.

Beside ActingWeb's own methods its guide has a daily DELETE of what is past its TTL: the peer is
both, one after the other.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, cast

import pytest

from postgres_expiry.handler import handler
from tests.actingweb import differences
from tests.actingweb.stores import Postgres, let_go
from tests.actingweb.worlds import World, played

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from tests.actingweb.stores import Store
    from tests.cloud import Cloud
    from tests.postgres.database import Database

# ActingWeb opens its pool as psycopg_pool allowed it until now.
pytestmark = pytest.mark.filterwarnings("ignore:the default for the ConnectionPool 'open'")
OURS = ("PG_DB_HOST", "PG_DB_PORT", "PG_DB_NAME", "PG_DB_USER", "PG_SECRET_ARN", "PG_TLS", "PRESET")


@pytest.fixture(scope="module")
def world(
    cloud: Cloud, embedded18: Database, context: LambdaContext, environment: pytest.MonkeyPatch
) -> Iterator[World]:
    """Play the scene; our function gets the guide's variables, and a secret for the password."""
    account, kept = cloud.account(), dict(os.environ)
    for name, value in account.env().items():
        environment.setenv(name, value)
    secret = account.client("secretsmanager").create_secret(
        Name="attributes",
        SecretString=json.dumps({"username": embedded18.user, "password": embedded18.password}),
    )

    def run(store: Store, event: dict[str, Any]) -> dict[str, Any]:
        let_go()
        database = cast("Postgres", store).database
        values = (
            database.host,
            str(database.port),
            database.name,
            database.user,
            secret["ARN"],
            "disable",  # the embedded server has no TLS, and is on this machine
            "actingweb",
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("PG_DB_PASSWORD", raising=False)
            for name, value in zip(OURS, values, strict=True):
                patch.setenv(name, value)
            return handler(event, context)

    yield played("postgresql", Postgres.fresh(embedded18.new_database()), run, daily_job=True)
    let_go()
    os.environ.clear()
    os.environ.update(kept)


def test_cleanup_what_actingweb_can_use_it_can_still_use(world: World) -> None:
    """
    Through ActingWeb's own API, each credential is worth after our run what it was before.
    """
    assert world.after == world.before
    assert {"known", "valid", "rotates", "exchanges", "tells a thief"} <= set(world.after.values())


def test_cleanup_what_actingweb_could_not_use_is_gone(world: World) -> None:
    """
    No row of a worthless credential is left, but for those in the table, each with its reason.
    """
    left = world.useless - world.ours_gone

    assert left == differences.OF_NO_USE_BUT_LEFT_IN_POSTGRES.keys()


def test_cleanup_takes_the_rows_that_actingweb_takes(world: World) -> None:
    """
    The same rows go as with ActingWeb's methods and its guide's DELETE, but for the differences in
    the tables.
    """
    assert world.peers_gone - world.ours_gone == differences.ONLY_ACTINGWEB_IN_POSTGRES.keys()
    assert world.ours_gone - world.peers_gone == differences.ONLY_OURS_IN_POSTGRES.keys()
    assert len(world.ours_gone & world.peers_gone) > 40


def test_result_has_the_shape_of_the_guide(world: World) -> None:
    """
    The counts come in the shape that ActingWeb's guide returns, and add up to what went.
    """
    body = world.ours["body"]

    assert world.ours["statusCode"] == 200
    assert world.peers.keys() <= body.keys()
    assert body["mcp_tokens"].keys() <= world.peers["mcp_tokens"].keys()
    assert body["deleted"] == len(world.ours_gone)


def test_dry_run_says_what_the_real_run_did_and_does_nothing(world: World) -> None:
    """
    The guide's counts are the real run's. The total is no less: a row that has died and is past
    its TTL is found by two rules, and nothing of it goes before the second looks. No row gone.
    """
    for name in world.peers:
        assert world.dry["body"][name] == world.ours["body"][name]
    assert world.dry["body"]["deleted"] >= world.ours["body"]["deleted"]
    assert world.dry_gone == set()


def test_second_run_finds_nothing_more(world: World) -> None:
    """
    What is left after one run is what is alive, or unknown.
    """
    assert world.again_gone == world.ours_gone
    assert world.again["body"]["deleted"] == 0
