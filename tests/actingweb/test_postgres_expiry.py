"""
ActingWeb's schema on a real PostgreSQL, cleaned up by our handler and by ActingWeb itself.

Beside ActingWeb's own methods its guide has a daily DELETE of what is past its TTL: the peer is
both, one after the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.actingweb import differences
from tests.actingweb.worlds import World, played

if TYPE_CHECKING:
    from tests.actingweb.conftest import Deployment

# ActingWeb opens its pool as psycopg_pool allowed it until now.
pytestmark = pytest.mark.filterwarnings("ignore:the default for the ConnectionPool 'open'")


@pytest.fixture(scope="module")
def world(on_postgresql: Deployment) -> World:
    """Play the scene."""
    return played(on_postgresql, daily_job=True)


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
