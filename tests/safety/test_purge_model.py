"""A purge removes, gives back and keeps exactly what the slow, obvious model says."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, note, seed, settings
from hypothesis import strategies as st

from tests.safety.purge_graphs import CDN, COLUMNS, graphs, variants
from tests.safety.purge_ground import Ground, children, comparable, counts, in_order
from tests.safety.purge_model import BLOCKED, DELETED, purge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres.database import Database
    from tests.safety.purge_graphs import Variant
    from tests.safety.purge_model import Tables

EXAMPLES = 250
VARIANTS = variants(12, seed=4)


@pytest.fixture(scope="module")
def ground(embedded18: Database) -> Iterator[Ground]:
    """Return a database that all tries share."""
    database = embedded18.new_database()
    with Ground(database) as ground:
        yield ground
    database.drop()


def agree(
    ground: Ground, variant: Variant, tables: Tables, objects: frozenset[str], *, together: bool
) -> Counter[str]:
    """Purge, and hold everything against the model; return what there was to prove."""
    keys = in_order(tables)
    wanted = purge(variant.rules, tables, objects, keys, batch=together)
    found = ground.purge(variant, tables, objects, together=together)
    note(f"reasons: { {key: each.reason for key, each in found.purged.items()} }")
    assert found.due == keys
    assert found.outcomes() == wanted.outcomes
    assert found.tables == comparable(wanted.tables)
    assert found.objects == objects - wanted.deleted
    assert found.pending == 0
    assert counts(found.purged) == (wanted.released, wanted.shared)
    if not together:
        assert children(found.purged) == wanted.children
    return Counter(wanted.outcomes.values()) + Counter(
        {
            "released": wanted.released.total(),
            "shared": wanted.shared,
            "children": sum(each.total() for each in wanted.children.values()),
            "objects": len(wanted.deleted),
            "named": len(wanted.doomed & objects - wanted.deleted),
        }
    )


@pytest.mark.parametrize("mode", ["record", "batch"])
def test_purge_of_any_graph_ends_as_the_model_says(ground: Ground, mode: str) -> None:
    """
    Whatever refers to what, and whatever a foreign key does: rows, files and counts agree.
    """
    met: Counter[str] = Counter()

    @seed(4)
    @settings(settings.get_profile("steady"), max_examples=EXAMPLES)
    @given(number=st.integers(0, len(VARIANTS) - 1), graph=graphs())
    def proof(number: int, graph: tuple[Tables, frozenset[str]]) -> None:
        met.update(agree(ground, VARIANTS[number], *graph, together=mode == "batch"))

    proof()
    least = {"deleted": 50, "blocked": 10, "released": 20, "shared": 10, "objects": 10, "named": 10}
    assert {name: met[name] for name in least if met[name] < least[name]} == {}


@pytest.mark.parametrize("spelling", ["m/3", "m%2F3", "m%2f3", "m/3?v=1", "m/3#top", "m/3?w=1#top"])
def test_file_that_a_living_row_spells_otherwise_stays(ground: Ground, spelling: str) -> None:
    """
    However its URL is written, a living record keeps the file that a dead one names, too.
    """
    variant = VARIANTS[0]
    tables: Tables = {name: {} for name in COLUMNS}
    dead = {"held": False, "cover": f"{CDN}m/3", "deleted_at": "2001-01-01T00:00:00Z", "due": True}
    living = {"held": False, "cover": f"{CDN}{spelling}", "deleted_at": None, "due": False}
    tables["records"] = {1: dead, 2: living}

    found = ground.purge(variant, tables, {"m/3"}, together=False)

    assert found.outcomes() == {1: DELETED}
    assert found.objects == {"m/3"}


def test_dry_run_of_any_graph_names_what_the_purge_takes(ground: Ground) -> None:
    """
    Where no reference keeps a record, a dry run counts and names just what a batch removes.
    """
    met: Counter[str] = Counter()

    @seed(5)
    @settings(settings.get_profile("steady"), max_examples=EXAMPLES // 2)
    @given(number=st.integers(0, len(VARIANTS) - 1), graph=graphs())
    def proof(number: int, graph: tuple[Tables, frozenset[str]]) -> None:
        variant, (tables, objects) = VARIANTS[number], graph
        keys = in_order(tables)
        wanted = purge(variant.rules, tables, objects, keys, batch=True)
        assume(BLOCKED not in wanted.outcomes.values())
        planned = ground.plan(variant, tables, objects)
        assert [each.outcome for each in planned.values()] == ["would_delete"] * len(keys)
        released, shared = counts(planned)
        once = "sheets" not in released  # a row that two releases mean is told of twice
        assert (released if once else wanted.released, shared) == (wanted.released, wanted.shared)
        named = {each.key for purged in planned.values() for each in purged.objects}
        assert named == wanted.deleted
        for key in keys:
            alone = purge(variant.rules, tables, objects, [key])
            if alone.outcomes[key] == DELETED:  # together more is possible than one by one
                assert children(planned)[key] == alone.children[key]
        assert ground.tables(variant) == comparable(tables)
        met.update(shared=wanted.shared, objects=len(wanted.deleted))

    proof()
    assert min(met["shared"], met["objects"]) >= 5
