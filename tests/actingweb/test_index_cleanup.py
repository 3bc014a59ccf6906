"""
ActingWeb's table in the embedded cloud, cleaned up by our handler and by ActingWeb itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.actingweb.differences import OF_NO_USE_BUT_LEFT, ONLY_ACTINGWEB, ONLY_OURS
from tests.actingweb.worlds import World, played

if TYPE_CHECKING:
    from tests.actingweb.conftest import Deployment


@pytest.fixture(scope="module")
def world(on_dynamodb: Deployment) -> World:
    """Play the scene."""
    return played(on_dynamodb)


def test_scene_has_what_is_of_use_and_what_is_not(world: World) -> None:
    """
    The scene would show what is lost and what is left: it has enough of both, of each kind.
    """
    kinds = {label.rpartition(" | ")[2] for label in world.before}
    for kind in kinds - {"odd", "used refresh"}:
        worth = {bool(w) for label, w in world.before.items() if label.endswith(f"| {kind}")}

        assert worth == {True, False}, kind


def test_cleanup_what_actingweb_can_use_it_can_still_use(world: World) -> None:
    """
    Through ActingWeb's own API, each credential is worth after our run what it was before.
    """
    assert world.after == world.before


def test_cleanup_what_actingweb_could_not_use_is_gone(world: World) -> None:
    """
    No row of a worthless credential is left, but for those in the table, each with its reason.
    """
    left = world.useless - world.ours_gone

    assert left == OF_NO_USE_BUT_LEFT.keys()


def test_cleanup_takes_the_rows_that_actingweb_takes(world: World) -> None:
    """
    The same rows go as with ActingWeb's own methods, but for the differences in the tables.
    """
    assert world.peers_gone - world.ours_gone == ONLY_ACTINGWEB.keys()
    assert world.ours_gone - world.peers_gone == ONLY_OURS.keys()
    assert len(world.ours_gone & world.peers_gone) > 30


def test_cleanup_leaves_other_rows_alone(world: World) -> None:
    """
    Rows of an application, and of buckets whose names only begin alike, are there still.
    """
    others = {label for label in world.scene.labels.values() if label.startswith("bucket ")}

    assert len(others) == 4
    assert not others & world.ours_gone


def test_result_has_the_shape_of_the_guide_and_says_what_went(world: World) -> None:
    """
    The counts are those of the rows that went, in the shape that ActingWeb's guide returns.
    """
    gone = world.ours_gone
    body = world.ours["body"]

    def went(bucket: str) -> int:
        return sum(label.endswith(f"| {bucket}") for label in gone)

    assert world.ours["statusCode"] == 200
    assert body["oauth_sessions"] == went("_oauth_sessions")
    assert body["spa_tokens"] == went("spa_access_tokens") + went("spa_refresh_tokens")
    assert body.keys() == world.peers.keys()
    assert body["mcp_tokens"].keys() <= world.peers["mcp_tokens"].keys()
    assert world.ours["outcomes"]["deleted"] == len(gone)


def test_result_counts_tokens_and_index_entries_as_actingweb_does(world: World) -> None:
    """
    Expired tokens and orphaned entries are counted alike, but for the entry without data that
    ActingWeb takes and we keep.
    """
    ours, peers = world.ours["body"]["mcp_tokens"], world.peers["mcp_tokens"]
    unlike = {"access_tokens": 1, "index_entries": 1}  # "token without expiry", "… without data"

    for name, count in ours.items():
        assert peers[name] - count == unlike.get(name, 0), name


def test_dry_run_says_what_the_real_run_did_and_does_nothing(world: World) -> None:
    """
    The same body; no row gone.
    """
    assert world.dry["body"] == world.ours["body"]
    assert world.dry_gone == set()


def test_second_run_finds_nothing_more(world: World) -> None:
    """
    What is left after one run is what is alive, or unknown.
    """
    assert world.again_gone == world.ours_gone
    assert world.again["outcomes"].get("deleted", 0) == 0
