"""
Whatever is wrong is found before anything is deleted, all of it at once, and says what to change.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from expiry.errors import MismatchError
from expiry.postgres.connection import Limits
from soft_delete_purge import dry, record
from tests.postgres.fixtures import every_version
from tests.postgres.purge_scene import (
    CDN,
    OUTBOX,
    PLAN,
    TABLES,
    build,
    checked,
    count,
    due_keys,
    image,
    lent,
    look,
    moc,
    plan,
    ready,
    terms,
)
from tests.postgres.sessions import open_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres.database import Database


@pytest.fixture(scope="module")
def kept(embedded18: Database) -> Iterator[Database]:
    """Create one database for the tests of this file."""
    database = embedded18.new_database()
    yield database
    database.drop()


@pytest.fixture
def postgres(request: pytest.FixtureRequest, kept: Database) -> Iterator[Database]:
    """Return a database without tables; on another server where the test says so."""
    yield from lent(request, kept)


ROOT = PLAN["root"]
BRICKS = PLAN["release"]["bricks"]
IMAGES = PLAN["shared"]["images"]
FILES = PLAN["objects"]["files"]
OTHER = {"root": {"table": "t", "key": "id", "deleted_at": "d"}}


def bricks(**changes: Any) -> dict[str, Any]:
    """Return the plan with another release."""
    return plan(release={"bricks": BRICKS | changes})


def images(**changes: Any) -> dict[str, Any]:
    """Return the plan with another rule for shared rows."""
    return plan(shared={"images": IMAGES | changes})


REFUSALS: dict[str, tuple[str, dict[str, Any], str]] = {
    "no table": (
        "",
        plan(root=ROOT | {"table": "Mocs"}, release={}, shared={}, objects={}),
        "there is no table public.Mocs; there is public.mocs",
    ),
    "no column": (
        "",
        bricks(set={"state": "free"}),
        "public.parts has no column state",
    ),
    "view": ("create view t as select id, deleted_at d from mocs", OTHER, "t is a view"),
    "no index": (
        "create table t (id int primary key, d timestamptz)",
        OTHER,
        r"no index leads with d: CREATE INDEX CONCURRENTLY ON public.t \(d\) WHERE d IS NOT NULL",
    ),
    "invalid index": (
        (
            "create table t (id int primary key, d timestamptz); create index t_d on t (d);"
            "update pg_index set indisvalid = false where indexrelid = 't_d'::regclass"
        ),
        OTHER,
        "index t_d is invalid: drop it",
    ),
    "composite key": (
        (
            "create table t (id int, tenant int, d timestamptz, primary key (id, tenant));"
            "create index on t (d)"
        ),
        OTHER,
        r"id of public.t is not unique by itself \(its primary key is composite: id, tenant\)",
    ),
    "key that may be null": (
        "create table t (id int unique, d timestamptz); create index on t (d)",
        OTHER,
        "id of public.t may be null",
    ),
    "no time": (
        "create table t (id int primary key, d date); create index on t (d)",
        OTHER,
        "d of public.t is date, and must be a timestamp",
    ),
    "always deleted": (
        "alter table mocs alter deleted_at set default now(), alter deleted_at set not null",
        plan(),
        "deleted_at of public.mocs is NOT NULL: every record would be deleted",
    ),
    "release of a column that is not null": (
        "alter table parts alter list_id set not null",
        plan(),
        "release.bricks: list_id of public.parts is NOT NULL",
    ),
    "release that changes nothing": (
        "",
        bricks(set={"status": "available"}),
        "release.bricks: rows given back go all the same, by parts_list_id_fkey",
    ),
    "release of a part that goes by another way": (
        (
            "alter table parts add moc_id uuid references mocs on delete cascade;"
            "create index on parts (moc_id)"
        ),
        plan(),
        "release.bricks: rows given back go all the same, by parts_moc_id_fkey",
    ),
    "list that goes by another way": (
        (
            "alter table lists add copied_from uuid references mocs on delete cascade;"
            "create index on lists (copied_from)"
        ),
        plan(),
        "release.bricks: rows of public.lists go by lists_copied_from_fkey",
    ),
    "value of a release that does not fit": (
        "create type state as enum ('used', 'free'); alter table parts add state state",
        bricks(set={"list_id": None, "state": "available"}),
        "release.bricks: .*SQLSTATE 22P02",
    ),
    "step without a foreign key": (
        "alter table parts drop constraint parts_list_id_fkey",
        plan(),
        "release.bricks: public.parts.list_id refers without a foreign key.*allow_unlocked",
    ),
    "file's step without a foreign key": (
        "alter table files drop constraint files_moc_id_fkey",
        plan(),
        "objects.files: public.files.moc_id refers without a foreign key",
    ),
    "link without a foreign key": (
        "alter table links drop constraint links_image_id_fkey",
        plan(),
        "shared.images: public.links.image_id refers without a foreign key",
    ),
    "reference without a foreign key": (
        "alter table flags drop constraint flags_image_id_fkey",
        plan(),
        "shared.images: public.flags.image_id refers without a foreign key",
    ),
    "reference that the plan does not know": (
        (
            "create table covers (id int primary key, image_id int references images);"
            "create index on covers (image_id)"
        ),
        plan(),
        "covers_image_id_fkey .* refers to it: name it in also_referenced_by",
    ),
    "reference that would be forgotten": (
        (
            "alter table mocs add cover int references images on delete set null;"
            "create index on mocs (cover)"
        ),
        plan(),
        "mocs_cover_fkey .* refers to it: name it in also_referenced_by",
    ),
    "image that takes records along": (
        (
            "alter table mocs add cover int references images on delete cascade;"
            "create index on mocs (cover)"
        ),
        images(also_referenced_by=[{"table": "mocs", "column": "cover"}]),
        "shared.images: a row of public.images would take records of public.mocs along",
    ),
    "always in use": (
        "alter table images add owner int not null default 1",
        images(also_referenced_by=[{"own_column_not_null": "owner"}]),
        "each row would always be in use",
    ),
    "record that takes others along": (
        (
            "alter table mocs add parent uuid references mocs on delete cascade;"
            "create index on mocs (parent)"
        ),
        plan(),
        "mocs_parent_fkey .*: deleting a record would delete other records with it",
    ),
    "circle through the root": (
        (
            "alter table mocs add main_file int references files on delete cascade;"
            "create index on mocs (main_file)"
        ),
        plan(),
        "mocs_main_file_fkey .*: deleting a record would delete other records with it",
    ),
    "big table without an index": (
        (
            "create table notes (id int, moc_id uuid references mocs on delete cascade);"
            "insert into notes select n from generate_series(1, 10001) n; analyze notes"
        ),
        plan(),
        r"notes_moc_id_fkey .*costs a scan: CREATE INDEX ON public.notes \(moc_id\)",
    ),
    "file that is no text": (
        "",
        plan(objects={"files": FILES | {"column": "id"}}),
        "objects.files: id of public.files is integer, not text",
    ),
    "no primary key to lock by": (
        "alter table files drop constraint files_pkey cascade",
        plan(release={}),
        "public.files has no primary key, in whose order",
    ),
    "predicate that does not fit": (
        "",
        plan(root=ROOT | {"where": [{"column": "held", "operator": "=", "value": "perhaps"}]}),
        "root: .*SQLSTATE 22P02",
    ),
    "no outbox": ("drop schema expiry cascade", plan(), '"operation": "setup"'),
}


@pytest.mark.parametrize(("ddl", "chosen", "message"), REFUSALS.values(), ids=REFUSALS)
def test_preflight_refuses_what_cannot_be_purged_safely(
    postgres: Database, ddl: str, chosen: dict[str, Any], message: str
) -> None:
    """One clear error before anything is touched."""
    build(postgres)
    if ddl:
        postgres.run(ddl)

    with open_session(postgres) as session:
        found = checked(session, chosen)
        with pytest.raises(MismatchError, match=message):
            _ = found.bound
        assert [bool(re.search(message, problem)) for problem in found.problems].count(True) == 1


def test_preflight_names_all_that_is_wrong_at_once(postgres: Database) -> None:
    """Nobody mends one fault to be told of the next."""
    build(postgres)
    postgres.run("drop schema expiry cascade")
    postgres.run("alter table parts alter list_id set not null")
    postgres.run("alter table flags drop constraint flags_image_id_fkey")
    postgres.run("drop index mocs_deleted_at_idx")

    with open_session(postgres) as session:
        problems = checked(session).problems

    for part in ("list_id of public.parts is NOT NULL", "flags.image_id", "no index leads"):
        assert any(part in problem for problem in problems)


@every_version
def test_preflight_counts_what_a_reference_without_an_action_blocks(postgres: Database) -> None:
    """The real schema has one: said before anything is touched, with the number of its rows."""
    build(postgres)
    due, alive = moc(postgres), moc(postgres, days=None)
    for key in (alive, alive, None):
        postgres.run("insert into uploads (moc_id) values (%s)", key)

    with open_session(postgres) as session:
        found = checked(session)
        assert [(each.foreign_key.table.name, each.rows) for each in found.blocked] == [
            ("uploads", 0)
        ]
        assert any("uploads_moc_id_fkey" in warning for warning in found.warnings)
        assert found.problems == ()

        postgres.run("insert into uploads (moc_id) values (%s), (%s)", due, due)
        found = checked(session)
        assert [each.rows for each in found.blocked] == [2]
        assert found.problems == ()
        assert any("2 of its rows keep records from being" in text for text in found.warnings)

        chosen = plan()
        chosen["release"]["uploads"] = {
            "table": "uploads",
            "path": [{"column": "moc_id", "references": "root"}],
            "set": {"moc_id": None},
        }
        found = checked(session, chosen)
        assert (found.problems, found.blocked) == ((), ())
        purged = record.purge(session, found.bound, due, terms(session), look)

    assert purged.released == {"uploads": 2}
    assert count(postgres, "uploads", "moc_id is null") == 3


@pytest.mark.parametrize(("action", "rows"), [("no action", 0), ("restrict", 2)])
def test_preflight_knows_which_references_fall_by_themselves(
    postgres: Database, action: str, rows: int
) -> None:
    """NO ACTION looks once everything has fallen, RESTRICT does not wait for that."""
    build(postgres)
    postgres.run(
        f"alter table lists drop constraint lists_file_id_fkey, add constraint of_file"
        f" foreign key (file_id) references files on delete {action}"
    )
    key = moc(postgres, files=["a"], parts=1)
    postgres.run("update lists set file_id = (select id from files)")
    postgres.run("insert into lists (moc_id, file_id) select moc_id, id from files")

    with open_session(postgres) as session:
        found = checked(session)
        assert [each.rows for each in found.blocked if each.foreign_key.name == "of_file"] == [rows]
        if not rows:
            purged = record.purge(session, found.bound, key, terms(session), look)
            assert (purged.outcome, purged.children["public.lists"]) == ("deleted", 2)


def test_preflight_counts_the_blast_radius_of_the_run(postgres: Database) -> None:
    """Rows by table, through all cascades, of those records that this run would take."""
    build(postgres)
    postgres.run(
        "create table pages (id serial primary key, file_id int references files on delete cascade,"
        " over int references pages on delete cascade);"
        "create index on pages (file_id); create index on pages (over)"
    )
    for days in (50, 40, 40, 10):
        moc(postgres, days=days, files=["a", "b"], parts=3, images=[image(postgres)])
    # A circle: each page lies over the one before, and the first over the last.
    postgres.run("insert into pages (id, file_id) select id, id from files")
    postgres.run("update pages set over = id % 8 + 1")
    postgres.run("insert into pages (id, over) values (100, 1), (101, 100)")

    with open_session(postgres) as session:
        found = checked(session, limit=2)
        assert found.problems == ()
        assert found.blast_radius == {
            "public.mocs": 2,
            "public.files": 4,
            "public.lists": 2,
            "public.links": 2,
            # Round the circle, into records that are alive: this is what a dry run is for.
            "public.pages": 10,
        }
        assert any("closes a circle" in warning for warning in found.warnings)
        assert any("pages_over_fkey" in warning for warning in found.warnings)
        purged = record.purge(
            session, found.bound, due_keys(session, found.bound, terms(session))[0], terms(session)
        )

    assert purged.children["public.pages"] == 10
    assert count(postgres, "pages") == 0
    assert count(postgres, "parts") == 12


@every_version
def test_preflight_counts_through_partitions_and_keys_of_several_columns(
    postgres: Database,
) -> None:
    """Rows of two partitions may lie at the same place: they are two, and both go."""
    build(postgres)
    postgres.run(
        "create unique index on files (id, moc_id);"
        "create table marks (file int, moc uuid, day int,"
        "  foreign key (file, moc) references files (id, moc_id) on delete cascade)"
        "  partition by list (day);"
        "create table marks_1 partition of marks for values in (1);"
        "create table marks_2 partition of marks for values in (2);"
        "create index on marks (file, moc)"
    )
    key = moc(postgres, files=["a", "b"])
    moc(postgres, days=None, files=["c"])
    postgres.run("insert into marks select id, moc_id, day from files, generate_series(1, 2) day")

    with open_session(postgres) as session:
        found = checked(session)
        assert found.problems == ()
        assert found.blast_radius["public.marks"] == 4
        purged = record.purge(session, found.bound, key, terms(session), look)

    assert purged.children == {"public.files": 2, "public.marks": 4}
    assert count(postgres, "marks") == 2


def test_preflight_lists_every_reference_with_its_action_and_index(postgres: Database) -> None:
    """All that point at a table that is deleted from, those of shared rows too."""
    build(postgres)
    postgres.run("create table notes (id int primary key, moc_id uuid references mocs)")

    with open_session(postgres) as session:
        found = checked(session)

    assert {(key.table.name, str(key.on_delete), key.indexed) for key in found.references} == {
        ("files", "CASCADE", True),
        ("lists", "CASCADE", True),
        ("lists", "SET NULL", True),
        ("parts", "CASCADE", True),
        ("links", "CASCADE", True),
        ("flags", "CASCADE", True),
        ("uploads", "NO ACTION", True),
        ("notes", "NO ACTION", False),
    }
    assert any(re.search(r"CREATE INDEX ON public.notes", note) for note in found.warnings)


def test_preflight_says_which_index_finds_who_names_a_file(postgres: Database) -> None:
    """The drain asks it of each file; the index that is told is the one that answers."""
    build(postgres)
    with open_session(postgres) as session:
        told = [text for text in checked(session).warnings if "who else names" in text]
        assert len(told) == 3
        for text in told:
            postgres.run(text.partition("a scan: ")[2])
        assert not [text for text in checked(session).warnings if "who else names" in text]


def test_preflight_allows_unlocked_references_where_the_plan_does(postgres: Database) -> None:
    """No lock holds off a new one: the operator has said that nothing makes one meanwhile."""
    build(postgres)
    postgres.run("alter table flags drop constraint flags_image_id_fkey")
    postgres.run("alter table parts drop constraint parts_list_id_fkey")
    chosen = plan(
        shared={"images": IMAGES | {"allow_unlocked": True}},
        release={"bricks": BRICKS | {"allow_unlocked": True}},
    )
    flagged = image(postgres)
    key = moc(postgres, images=[flagged], parts=2)
    postgres.run("insert into flags (image_id) values (%s)", flagged)

    with ready(postgres, chosen) as (session, bound, now):
        purged = record.purge(session, bound, key, now, look)

    assert (purged.released, purged.shared_kept) == ({"bricks": 2}, {"images": 1})


def test_preflight_asks_for_no_more_than_the_plan_needs(postgres: Database) -> None:
    """The role may do what the purge does, and nothing else; what is missing is named."""
    build(postgres)
    key = moc(postgres, files=["a"], images=[image(postgres, f"{CDN}b")], parts=1)
    role = postgres.new_role()

    with open_session(role) as session:
        problems = checked(session).problems
    assert any("GRANT SELECT, UPDATE, DELETE ON public.mocs" in each for each in problems)

    for table, words in {
        "mocs": "select, update (deleted_at), delete",
        "files": "select, update (id)",
        "lists": "select, update (id)",
        "parts": "select, update",
        "links": "select",
        "flags": "select",
        "uploads": "select",
        "images": "select, update (id), delete",
        "expiry.purge_outbox": "insert",
    }.items():
        postgres.run(f'grant {words} on {table} to "{role.user}"')
    with open_session(role) as session:
        assert checked(session).problems == (
            "the user may not write to expiry.purge_outbox: run the GRANTs that setup prints",
        )
    postgres.run(f'grant usage on schema expiry to "{role.user}"')
    with ready(role) as (session, bound, now):
        assert record.purge(session, bound, key, now, look).outcome == "deleted"


def test_dry_run_needs_only_to_read(postgres: Database) -> None:
    """A role that may not write, in a session that may not either, before setup."""
    build(postgres)
    postgres.run("drop schema expiry cascade")
    key = moc(postgres, files=["a"], images=[image(postgres, f"{CDN}b")], parts=1)
    tables = "mocs, files, lists, parts, links, flags, images, uploads"
    role = postgres.new_role(f"select on {tables}")

    with open_session(role, Limits(read_only=True)) as session:
        bound = checked(session, dry_run=True).bound
        (foreseen,) = dry.purge(session, bound, [key], terms(session), look)

    assert (foreseen.outcome, len(foreseen.objects)) == ("would_delete", 2)
    assert foreseen.shared_deleted == {"images": 1}
    assert count(postgres, "mocs") == 1


def test_preflight_refuses_a_role_that_row_security_hides_rows_from(postgres: Database) -> None:
    """What is hidden looks gone: an image that a hidden link shows would be deleted."""
    postgres.run(OUTBOX)
    postgres.run(TABLES)
    role = postgres.new_role("select, update, delete on all tables in schema public")
    postgres.run("alter table links enable row level security")

    with open_session(role) as session:
        assert any(
            "row security hides rows of public.links" in p for p in checked(session).problems
        )
