"""
Rows that an older ActingWeb wrote without TTL: they get the one that today's would have written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.actingweb.library import Library
from tests.actingweb.scene import Scene

if TYPE_CHECKING:
    from tests.actingweb.conftest import Deployment
    from tests.actingweb.stores import Key, Row

# ActingWeb opens its pool as psycopg_pool allowed it until now.
pytestmark = pytest.mark.filterwarnings("ignore:the default for the ConnectionPool 'open'")

A_MOMENT_S = 2  # ActingWeb looks at the clock for each stamp of a row
PROVIDER = "mcp_google_tokens"  # goes a while after its token: who else would find it then?
UNDATED = {
    "_access_token_index:copy": "an application's own",
    "spa_access_tokens_kept": "an application's own",
    "settings": "an application's own",
    "seen": "an application's own",
}
ORPHANED = "removed by TTL"  # an index row has no date without its target: the cleanup takes it
LONGER = {
    "browser's refresh, used": "a used browser's token is dated by its own expiry: never too early"
}


@dataclass(frozen=True, slots=True)
class World:
    """The scene without TTL, before and after a backfill, and once TTL has come by."""

    scene: Scene
    written: dict[Key, Row]  # by ActingWeb, with its TTL
    after_dry: dict[Key, Row]
    dated: dict[Key, Row]
    again: dict[Key, Row]
    before: dict[str, str]  # what each credential was worth without TTL
    after: dict[str, str]  # and is worth when what is past its new TTL has gone


@pytest.fixture(scope="module", params=["on_dynamodb", "on_postgresql"])
def world(request: pytest.FixtureRequest) -> World:
    """Store the scene, take the TTL away, and fill it in again."""
    deployment: Deployment = request.getfixturevalue(request.param)
    library, scene, store = Library(deployment.backend), Scene(), deployment.store
    scene.build(library, store)
    written = store.rows()
    store.forget_ttl()
    before = scene.answers(library, store.copy())
    bare = store.rows()
    deployment.run(store, {"operation": "backfill", "dryRun": True})
    after_dry = store.rows()
    assert after_dry == bare
    deployment.run(store, {"operation": "backfill"})
    dated = store.rows()
    deployment.run(store, {"operation": "backfill"})
    again = store.rows()
    store.drop_expired()
    after = scene.answers(library, store)
    return World(scene, written, after_dry, dated, again, before, after)


def test_backfill_gives_the_ttl_that_actingweb_would_have_written(world: World) -> None:
    """
    Row by row, but for those that say nothing of their end, and such as get a longer one.
    """
    wrong = {}
    for key, label in world.scene.labels.items():
        wanted, given = world.written[key].ttl, world.dated[key].ttl
        if wanted is None or world.written[key].bucket in UNDATED:
            continue
        longer = (label.startswith(start) for start in LONGER)
        if world.written[key].bucket == PROVIDER or any(longer):
            assert given is not None
            assert given >= wanted, label
        elif ORPHANED in label and world.written[key].bucket.endswith("_index"):
            assert given is None or abs(given - wanted) <= A_MOMENT_S, label
        elif given is None or abs(given - wanted) > A_MOMENT_S:
            wrong[label] = (wanted, given)

    assert wrong == {}
    assert sum(row.ttl is not None for row in world.dated.values()) > 50


def test_backfill_leaves_what_says_nothing_of_its_end(world: World) -> None:
    """
    Rows of other buckets, and such as cannot be read, have no TTL afterwards either.
    """
    undated = [row for row in world.dated.values() if row.bucket in UNDATED]
    odd = [world.dated[key] for key, label in world.scene.labels.items() if "| odd |" in label]

    assert len(undated) > 3
    assert {row.ttl for row in [*undated, *odd]} == {None}


def test_backfill_changes_nothing_but_the_ttl_and_does_nothing_twice(world: World) -> None:
    """
    Every row is as it was, but for its TTL; a second backfill changes nothing.
    """
    assert world.dated.keys() == world.written.keys()
    for key, row in world.dated.items():
        before = world.written[key]
        assert (row.bucket, row.name, row.data) == (before.bucket, before.name, before.data)
    assert world.again == world.dated


def test_backfill_what_actingweb_can_use_survives_the_ttl_to_come(world: World) -> None:
    """
    Once TTL has removed what is past its new stamp, each credential is worth what it was.
    """
    assert world.after == world.before
    assert {"known", "valid", "rotates", "exchanges", "tells a thief"} <= set(world.after.values())
