"""
Names, keys and graphs of tables that nobody would choose: purged right, or refused in plain words.
"""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest

from expiry.outcomes import Outcome
from soft_delete_purge import batch, dry, due, record, setup
from soft_delete_purge.failures import Failures
from tests.postgres.purge_scene import (
    CDN,
    OUTBOX,
    PLAN,
    TABLES,
    build,
    checked,
    count,
    due_keys,
    lent,
    look,
    moc,
    outbox,
    ready,
    terms,
)
from tests.postgres.sessions import open_session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres.database import Database

SCHEMA = 'Die "Ablage" :x; --'
QUOTED = '"' + SCHEMA.replace('"', '""') + '"'
STRANGE = [
    "",
    " ",
    "NULL",
    "null",
    "{}",
    '{"a",b}',
    "a'b",
    'a"b',
    "a\\b",
    ":key",
    "%s",
    "$1",
    "ключ",
]
TEXT_KEYS = {
    "root": {"table": "notes", "key": "name", "deleted_at": "gone"},
    "objects": {
        "scans": {
            "of": {"table": "scans", "path": [{"column": "note", "references": "root"}]},
            "column": "s3_key",
        }
    },
}


@pytest.fixture(scope="module")
def kept(embedded18: Database) -> Iterator[Database]:
    """Create one database for the tests of this file."""
    database = embedded18.new_database()
    yield database
    database.drop()


@pytest.fixture
def postgres(request: pytest.FixtureRequest, kept: Database) -> Iterator[Database]:
    """Return a database without tables."""
    yield from lent(request, kept)


def elsewhere(part: Any) -> Any:
    """Return a part of the plan with each of its tables in the other schema, in capitals."""
    if isinstance(part, list):
        return [elsewhere(each) for each in part]
    if not isinstance(part, dict):
        return part
    moved = {name: elsewhere(each) for name, each in part.items()}
    if "table" in moved:
        moved |= {"schema": SCHEMA, "table": f"The {moved['table']}"}
    if "." in str(moved.get("references")):
        table, column = moved["references"].split(".")
        moved["references"] = {"schema": SCHEMA, "table": f"The {table}", "column": column}
    return moved


@pytest.mark.parametrize("together", [False, True], ids=["record", "batch"])
def test_purge_of_tables_in_a_schema_of_any_name(postgres: Database, *, together: bool) -> None:
    """Quotes, capitals, a colon, what looks like SQL: in every table that the plan names."""
    postgres.run(OUTBOX)
    postgres.run(f"drop schema if exists {QUOTED} cascade; create schema {QUOTED}")
    postgres.run(f"set search_path = {QUOTED}; {TABLES}")
    fill = (
        "insert into images (image_url) values ('{cdn}i');"
        "insert into mocs (deleted_at, thumbnail_url) select '2020-01-01', '{cdn}t' || n"
        " from generate_series(1, 2) n;"
        "insert into files (moc_id, s3_key) select id, 'f' from mocs;"
        "insert into lists (moc_id) select id from mocs;"
        "insert into parts (list_id) select id from lists;"
        "insert into links (moc_id, image_id) select id, 1 from mocs;"
    )
    rename = "".join(
        f'alter table {name} rename to "The {name}";'
        for name in ("mocs", "files", "lists", "parts", "images", "links", "flags")
    )
    postgres.run(f"set search_path = {QUOTED}; {fill.format(cdn=CDN)} {rename}")

    with ready(postgres, elsewhere(deepcopy(PLAN))) as (session, bound, now):
        keys = due_keys(session, bound, now)
        foreseen = dry.purge(session, bound, keys, now, look)
        if together:
            purged = batch.purge(session, bound, keys, now, look)
        else:
            purged = [record.purge(session, bound, key, now, look) for key in keys]

    assert [each.outcome for each in purged] == [Outcome.DELETED] * 2
    for all_of in (foreseen, purged):
        assert sum((Counter(each.released) for each in all_of), Counter()) == {"bricks": 2}
        assert sum((Counter(each.shared_deleted) for each in all_of), Counter()) == {"images": 1}
    assert {row[0] for row in outbox(postgres)} == {"f", "t1", "t2", "i"}
    assert count(postgres, f'{QUOTED}."The mocs"') == 0
    assert count(postgres, f'{QUOTED}."The parts"', "status = 'available'") == 2


@pytest.mark.parametrize("together", [False, True], ids=["record", "batch"])
def test_purge_of_keys_that_are_any_text(postgres: Database, *, together: bool) -> None:
    """Empty, quotes, braces, the word NULL, what looks like a parameter: each is its own record."""
    postgres.run(OUTBOX)
    postgres.run(
        "create table notes (name text primary key, gone timestamptz);"
        "create index on notes (gone);"
        "create table scans (id serial primary key, s3_key text,"
        " note text references notes on delete cascade); create index on scans (note);"
        "insert into notes values ('alive', null)"
    )
    with postgres.connect() as connection:
        for key in STRANGE:
            connection.execute("insert into notes values (%s, '2020-01-01')", (key,))
            connection.execute("insert into scans (note, s3_key) values (%s, %s)", (key, f"x{key}"))

    with ready(postgres, TEXT_KEYS) as (session, bound, now):
        keys = due_keys(session, bound, now)
        assert sorted(keys) == sorted(STRANGE)
        if together:
            purged = batch.purge(session, bound, keys, now, look)
        else:
            purged = [record.purge(session, bound, key, now, look) for key in keys]

    assert {each.key: [it.key for it in each.objects] for each in purged} == {
        key: [f"x{key}"] for key in STRANGE
    }
    assert postgres.run("select name from notes") == [("alive",)]
    assert count(postgres, "scans") == 0


def test_failure_of_a_key_that_is_any_text_is_known_again(postgres: Database) -> None:
    """Each is counted, found, left out and forgotten by itself."""
    build(postgres)
    postgres.run("drop schema expiry cascade")
    postgres.run("create table notes (name text primary key, gone timestamptz, s3_key text)")
    postgres.run("create index on notes (gone)")
    with postgres.connect() as connection:
        for key in STRANGE:
            connection.execute("insert into notes values (%s, '2020-01-01')", (key,))
    plan = {"root": TEXT_KEYS["root"]}

    with open_session(postgres) as session:
        setup.make(session)
        bound, now = checked(session, plan).bound, terms(session)
        failures = Failures(bound, 1)
        for key in STRANGE:
            failures.note(session, key, "no", "run")
            assert failures.note(session, key, "no", "run").resting
        assert due.keys(session, bound, now, 100, failures.resting) == []
        for place, key in enumerate(STRANGE, 1):
            failures.settle(session, [key])
            assert failures.find(session, key) is None
            assert len(due.keys(session, bound, now, 100, failures.resting)) == place


@pytest.mark.parametrize("action", ["cascade", "set null", "no action"])
def test_purge_of_a_circle_of_foreign_keys_below_a_record_ends(
    postgres: Database, action: str
) -> None:
    """Files refer to lists and lists to files: each row goes once, and is counted once."""
    build(postgres)
    postgres.run(
        f"alter table files add list_id int references lists on delete {action};"
        "create index on files (list_id);"
        "alter table files add before int references files on delete cascade;"
        "create index on files (before)"
    )
    key = moc(postgres, files=["a", "b"], parts=1)
    other = moc(postgres, days=None, files=["c"], parts=1)
    postgres.run("update files set list_id = lists.id from lists where lists.moc_id = files.moc_id")
    postgres.run(
        "update lists set file_id = (select min(id) from files where moc_id = lists.moc_id)"
    )
    postgres.run("update files set before = id")  # itself

    with ready(postgres) as (session, bound, now):
        (foreseen,) = dry.purge(session, bound, [key], now, look)
        purged = record.purge(session, bound, key, now, look)

    assert purged.outcome is Outcome.DELETED, purged.reason
    assert purged.children == foreseen.children
    assert purged.children == {"public.files": 2, "public.lists": 1}
    assert purged.released == {"bricks": 1}
    assert [str(row[0]) for row in postgres.run("select id from mocs")] == [other]
    assert (count(postgres, "files"), count(postgres, "lists")) == (1, 1)
    assert count(postgres, "parts", "list_id is not null") == 1
