"""A plan is read whole or not at all: what is misspelt never widens what is deleted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from expiry.errors import SettingsError
from expiry.postgres.names import Relation
from soft_delete_purge.paths import nodes_of
from soft_delete_purge.plan import Hop, Plan
from tests.postgres.purge_scene import PLAN, plan

ROOT = PLAN["root"]
BRICKS = PLAN["release"]["bricks"]
IMAGES = PLAN["shared"]["images"]
FILES = PLAN["objects"]["files"]


def parsed(value: Any) -> Plan:
    """Read a plan as the environment holds it."""
    return Plan.parse(json.dumps(value))


def test_plan_says_what_goes_with_a_record() -> None:
    """Names become tables, paths become steps, and schemas are public where none is said."""
    found = parsed(plan())

    assert found.root.relation == Relation("public", "mocs")
    (bricks,) = found.release
    assert bricks.branch.hops == (
        Hop("list_id", Relation("public", "lists"), "id"),
        Hop("moc_id", Relation("public", "mocs"), "id"),
    )
    assert bricks.values == {"list_id": None, "status": "available"}
    (images,) = found.shared
    assert [each.column for each in images.references] == ["image_id"]
    assert images.own_columns == ("album_id",)
    assert [(each.name, each.relation.name, each.shared) for each in found.files] == [
        ("files", "files", None),
        ("thumbnails", "mocs", None),
        ("images", "images", "images"),
    ]


def test_plan_takes_what_terraform_writes_for_nothing() -> None:
    """Optional attributes that are left out come as null."""
    nulls = {"schema": None, "hold": None, "where": None}
    files = FILES | {"url_prefix": None, "key_prefix": None, "allow_unlocked": None}
    reference = {"table": None, "schema": None, "column": None, "own_column_not_null": "album_id"}
    chosen = plan(
        root=ROOT | nulls,
        objects={"files": files},
        shared={"images": IMAGES | {"also_referenced_by": [reference]}},
    )

    assert parsed(chosen).root.hold is None
    assert parsed(chosen).shared[0].own_columns == ("album_id",)
    assert parsed({"root": ROOT, "release": None, "shared": None, "objects": None}).files == ()


def test_plan_names_tables_that_hold_dots_by_an_object() -> None:
    """Text is table.column or schema.table.column; any other name is written out."""
    path = BRICKS["path"]
    steps = [
        {"column": "list_id", "references": "warehouse.lists.id"},
        {
            "column": "list_id",
            "references": {"schema": "a.b", "table": 'L."x', "column": "the.id"},
        },
    ]
    found = [
        parsed(plan(release={"r": BRICKS | {"path": [step, path[1]]}})).release[0].branch.hops[0]
        for step in steps
    ]

    assert found == [
        Hop("list_id", Relation("warehouse", "lists"), "id"),
        Hop("list_id", Relation("a.b", 'L."x'), "the.id"),
    ]


REFUSALS: dict[str, tuple[Any, str]] = {
    "no object": ([], "PLAN must be an object"),
    "no root": (plan(root=None), "PLAN.root must be an object"),
    "misspelt": (plan(root=ROOT | {"holds": "x"}), "PLAN.root has unknown 'holds'"),
    "misspelt part": (plan(object={}), "PLAN has unknown 'object'"),
    "composite key": (plan(root=ROOT | {"key": ["a", "b"]}), "PLAN.root.key must be a name"),
    "long name": (plan(root=ROOT | {"table": "x" * 64}), "PLAN.root.table must be a name"),
    "operator": (
        plan(root=ROOT | {"where": [{"column": "a", "operator": "like", "value": "%"}]}),
        "PLAN.root.where.operator must be one of",
    ),
    "no path": (plan(release={"r": BRICKS | {"path": []}}), "must end at the root"),
    "path to elsewhere": (
        plan(release={"r": BRICKS | {"path": BRICKS["path"][:1]}}),
        "must end at the root",
    ),
    "path to another column of the root": (
        plan(release={"r": BRICKS | {"path": [{"column": "a", "references": "mocs.title"}]}}),
        "must end at the root",
    ),
    "path through the root": (
        plan(release={"r": BRICKS | {"path": [BRICKS["path"][1]] * 2}}),
        "must meet the root at its end only",
    ),
    "reference without a column": (
        plan(release={"r": BRICKS | {"path": [{"column": "a", "references": "lists"}]}}),
        "references must be an object",
    ),
    "nothing set": (plan(release={"r": BRICKS | {"set": {}}}), "must say which columns"),
    "no value": (plan(release={"r": BRICKS | {"set": {"a": [1]}}}), "must map columns to values"),
    "no name": (plan(release={"": BRICKS}), "which must match"),
    "unlocked by a word": (
        plan(shared={"images": IMAGES | {"allow_unlocked": "yes"}}),
        "allow_unlocked must be true or false",
    ),
    "own column and a table": (
        plan(
            shared={
                "images": IMAGES
                | {"also_referenced_by": [{"table": "flags", "own_column_not_null": "a"}]}
            }
        ),
        "own_column_not_null needs no table and no column",
    ),
    "no link": (plan(shared={"images": IMAGES | {"link": None}}), "link must be an object"),
    "files of nobody": (
        plan(objects={"f": {"of": "shared:tags", "column": "url"}}),
        "names 'tags', which PLAN.shared does not have",
    ),
    "files of a word": (plan(objects={"f": {"of": "mocs", "column": "url"}}), "of must be"),
    "prefix that other hosts begin with": (
        plan(objects={"f": {"of": "root", "column": "url", "url_prefix": "https://cdn.example"}}),
        "url_prefix must end with a slash",
    ),
}


@pytest.mark.parametrize(("value", "message"), REFUSALS.values(), ids=REFUSALS)
def test_plan_refuses_what_it_does_not_understand(value: Any, message: str) -> None:
    """A fault is told by its place, and nothing is guessed."""
    with pytest.raises(SettingsError) as caught:
        parsed(value)
    assert any(message in problem for problem in caught.value.problems), caught.value


def test_plan_names_every_fault_at_once() -> None:
    """Nobody mends one to be told of the next."""
    with pytest.raises(SettingsError) as caught:
        parsed({"root": {"table": 7}, "release": {"r": {}}, "objects": []})
    assert len(caught.value.problems) > 5
    with pytest.raises(SettingsError, match="PLAN is no JSON"):
        Plan.parse("{")


def test_plan_locks_from_the_top_down_in_one_order() -> None:
    """A table on two paths is locked once, and two plans with the same parts lock alike."""
    lists = {"table": "lists", "path": BRICKS["path"][1:]}
    parts = {"table": "parts", "path": BRICKS["path"]}
    notes = {"of": lists, "column": "note"}
    scans = {"of": parts, "column": "scan"}
    orders = [
        [node.relation.name for node in nodes_of(parsed(plan(objects=chosen)))]
        for chosen in ({"f": FILES, "n": notes, "s": scans}, {"s": scans, "n": notes, "f": FILES})
    ]

    assert orders == [["files", "lists", "parts"]] * 2
