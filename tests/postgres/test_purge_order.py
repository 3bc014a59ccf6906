"""
One record, in one transaction: what is its own goes, what it borrowed or shares stays.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from expiry.errors import LockedError, StoreError
from expiry.outcomes import Outcome
from soft_delete_purge import dry, record
from tests.postgres.expiry_runs import Watched
from tests.postgres.fixtures import every_version
from tests.postgres.purge_races import Race
from tests.postgres.purge_scene import (
    CDN,
    build,
    count,
    due_keys,
    image,
    lent,
    look,
    moc,
    outbox,
    ready,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from soft_delete_purge.terms import Seen
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


@every_version
def test_purge_of_a_record_takes_its_own_and_gives_back_the_rest(postgres: Database) -> None:
    """On each version: children by cascade, parts given back, the last link's image, its files."""
    build(postgres)
    own, common = image(postgres, f"{CDN}i/own.jpg"), image(postgres, f"{CDN}i/common.jpg")
    alive = moc(postgres, days=None, images=[common], files=["mocs/alive"])
    key = moc(
        postgres,
        files=["mocs/1/a", "mocs/1/b"],
        images=[own, own, common],
        parts=3,
        thumbnail=f"{CDN}t/1%20x.png?v=2",
    )

    with ready(postgres) as (session, bound, terms):
        assert due_keys(session, bound, terms) == [key]
        (foreseen,) = dry.purge(session, bound, [key], terms, look)
        purged = record.purge(session, bound, key, terms, look)

    assert purged.outcome is Outcome.DELETED
    assert purged.children == {"public.files": 2, "public.lists": 1, "public.links": 3}
    assert purged.released == {"bricks": 3}
    assert purged.shared_deleted == {"images": 1}
    assert purged.shared_kept == {"images": 1}
    assert outbox(postgres) == {
        ("mocs/1/a", '"mocs/1/a"', 8, "files"),
        ("mocs/1/b", '"mocs/1/b"', 8, "files"),
        ("t/1 x.png", '"t/1 x.png"', 9, "thumbnails"),
        ("i/own.jpg", '"i/own.jpg"', 9, "images"),
    }
    assert postgres.run("select id::text from mocs") == [(alive,)]
    assert postgres.run("select id from images") == [(common,)]
    assert count(postgres, "parts", "list_id is null and status = 'available'") == 3
    assert foreseen.outcome is Outcome.WOULD_DELETE
    for part in ("children", "released", "shared_deleted", "shared_kept", "objects", "kept"):
        assert getattr(foreseen, part) == getattr(purged, part), part


def test_purge_of_a_record_that_is_alive_does_nothing(postgres: Database) -> None:
    """Not deleted, deleted lately or in the future, on hold, at no real time: all of it stays."""
    build(postgres)
    keys = {
        "alive": moc(postgres, days=None, parts=1),
        "lately": moc(postgres, days=29, parts=1),
        "future": moc(postgres, days=-1_000, parts=1),
        "held": moc(postgres, held=True, parts=1),
        "never": moc(postgres, parts=1),
    }
    postgres.run("update mocs set deleted_at = '-infinity' where id = %s", keys["never"])

    with ready(postgres) as (session, bound, terms):
        assert due_keys(session, bound, terms) == []
        for key in keys.values():
            purged = record.purge(session, bound, key, terms, look)
            assert (purged.outcome, purged.reason) == (Outcome.CHANGED, "it is not due any more")

    assert count(postgres, "mocs") == 5
    assert count(postgres, "parts", "list_id is not null and status = 'used'") == 5
    assert outbox(postgres) == set()


def test_purge_of_a_record_that_is_not_there_says_gone(postgres: Database) -> None:
    """Twice does no harm; a key in other letters is the same record."""
    build(postgres)
    key = moc(postgres)

    with ready(postgres) as (session, bound, terms):
        first = record.purge(session, bound, key.upper(), terms, look)
        again = record.purge(session, bound, key, terms, look)

    assert (first.key, first.outcome) == (key.upper(), Outcome.DELETED)
    assert again.outcome is Outcome.GONE


def test_purge_of_what_is_no_key_fails_and_says_so(postgres: Database) -> None:
    """A message with a broken key is one failed record, whatever its text; nothing else."""
    build(postgres)
    moc(postgres)

    with ready(postgres) as (session, bound, terms):
        for key in ("no-uuid", "", "'; drop table mocs; --", "{}"):
            purged = record.purge(session, bound, key, terms, look)
            assert purged.outcome is Outcome.FAILED
            assert purged.error is not None
            assert purged.error.sqlstate == "22P02"

    assert count(postgres, "mocs") == 1


def test_purge_passes_by_a_record_that_somebody_holds(postgres: Database) -> None:
    """Whoever edits or restores it right now wins, at once: it is skipped, not waited for."""
    build(postgres)
    key = moc(postgres)

    with ready(postgres) as (session, bound, terms), postgres.connect() as owner:
        with owner.transaction():
            owner.execute("update mocs set deleted_at = null")
            purged = record.purge(session, bound, key, terms, look, sleep=_never)
        restored = record.purge(session, bound, key, terms, look)

    assert (purged.outcome, purged.reason) == (Outcome.CHANGED, "another transaction holds it")
    assert (restored.outcome, restored.reason) == (Outcome.CHANGED, "it is not due any more")


def test_purge_that_loses_a_lock_tries_again_and_is_changed(postgres: Database) -> None:
    """A part that its owner holds: the purge gives way each time, and has changed nothing."""
    build(postgres)
    key = moc(postgres, parts=1)
    pauses: list[float] = []

    with ready(postgres) as (session, bound, terms), postgres.connect() as owner:
        with owner.transaction():
            owner.execute("update parts set status = 'used'")
            session.run("set lock_timeout = 20")
            purged = record.purge(session, bound, key, terms, look, sleep=pauses.append)
        assert purged.outcome is Outcome.CHANGED
        assert isinstance(purged.error, LockedError)
        assert len(pauses) == 2
        assert record.purge(session, bound, key, terms, look).outcome is Outcome.DELETED


def test_purge_that_fails_at_its_end_leaves_everything(postgres: Database) -> None:
    """A trigger that refuses the last delete: parts, lists, links and outbox are as before."""
    build(postgres)
    key = moc(postgres, parts=2, files=["a"], images=[image(postgres)])
    postgres.run(
        "create function refuse() returns trigger language plpgsql as"
        " $$ begin raise exception 'secret title'; end $$"
    )
    postgres.run("create trigger refuse before delete on images execute function refuse()")

    with ready(postgres) as (session, bound, terms):
        purged = record.purge(session, bound, key, terms, look)

    assert purged.outcome is Outcome.FAILED
    assert "secret" not in purged.reason
    assert count(postgres, "parts", "status = 'used' and list_id is not null") == 2
    assert [count(postgres, name) for name in ("mocs", "files", "links", "images")] == [1] * 4
    assert outbox(postgres) == set()


def test_purge_that_a_trigger_keeps_silently_from_deleting_is_undone(postgres: Database) -> None:
    """A record that stays keeps its parts: the count of deleted rows is believed, nothing else."""
    build(postgres)
    key = moc(postgres, parts=1)
    postgres.run(
        "create function keep() returns trigger language plpgsql as $$ begin return null; end $$"
    )
    postgres.run("create trigger keep before delete on mocs for each row execute function keep()")

    with ready(postgres) as (session, bound, terms):
        purged = record.purge(session, bound, key, terms, look)

    assert purged.outcome is Outcome.FAILED
    assert "trigger" in purged.reason
    assert count(postgres, "parts", "status = 'used'") == 1


def test_part_that_is_attached_between_release_and_delete_is_refused(postgres: Database) -> None:
    """Its list is locked: who attaches it waits, and is told that the list is gone."""
    build(postgres)
    key = moc(postgres, parts=1)
    attach = "insert into parts (list_id) select max(id) from lists"

    with ready(postgres) as (session, bound, terms), postgres.connect() as owner:
        race = Race(postgres, owner.info.backend_pid)
        held: Any = Watched(session, race.before("delete from"))
        with ThreadPoolExecutor(1) as pool:
            purged = pool.submit(record.purge, held, bound, key, terms, look)
            race.reached()
            with pytest.raises(psycopg.errors.ForeignKeyViolation):
                owner.execute(attach)
            assert purged.result(30).released == {"bricks": 1}

    assert race.waited
    assert count(postgres, "parts") == 1


def test_file_whose_key_changes_while_it_is_purged_is_changed_before_or_not(
    postgres: Database,
) -> None:
    """Its row is locked once its key is read: no other key is lost with it."""
    build(postgres)
    key = moc(postgres, files=["old"])

    with ready(postgres) as (session, bound, terms), postgres.connect() as owner:
        race = Race(postgres, owner.info.backend_pid)
        held: Any = Watched(session, race.before("with recursive due"))
        with ThreadPoolExecutor(1) as pool:
            purged = pool.submit(record.purge, held, bound, key, terms, look)
            race.reached()
            renamed = owner.execute("update files set s3_key = 'new'").rowcount
            assert purged.result(30).outcome is Outcome.DELETED

    assert race.waited
    assert renamed == 0
    assert {row[0] for row in outbox(postgres)} == {"old"}


def test_purge_locks_before_it_checks_and_checks_before_it_writes(postgres: Database) -> None:
    """The order is exact: each step is a statement of its own, and S3 is asked before them all."""
    build(postgres)
    key = moc(postgres, parts=1, files=["a"], images=[image(postgres, f"{CDN}i")])
    steps: list[str] = []

    def looking(keys: Collection[str]) -> Seen:
        steps.append("S3")
        return look(keys)

    with ready(postgres) as (session, bound, terms):
        watched: Any = Watched(session, lambda sql: steps.append(_step(sql)))
        assert record.purge(watched, bound, key, terms, looking).outcome is Outcome.DELETED

    assert steps == [
        "read files root images",
        "S3",
        "lock root",
        "lock files",
        "lock lists",
        "lock parts",
        "check",
        "release parts",
        "lock images",
        "delete mocs",
        "delete images",
        "outbox",
    ]


def test_purge_keeps_what_is_no_file_of_ours(postgres: Database) -> None:
    """Empty keys, keys that begin with a slash, other people's URLs, keys that cannot be."""
    build(postgres)
    values = ["", "/etc/a", "x" * 1_025, "fine", "fine", "ключ"]
    key = moc(postgres, files=values, thumbnail="https://elsewhere.example/a.png")
    broken = moc(postgres, thumbnail=f"{CDN}%ff")

    with ready(postgres) as (session, bound, terms):
        purged = record.purge(session, bound, key, terms, look)
        unread = record.purge(session, bound, broken, terms, look)

    assert purged.kept == {"foreign": 4}
    assert unread.kept == {"foreign": 1}
    assert [each.key for each in purged.objects] == ["fine", "ключ"]
    assert {row[0] for row in outbox(postgres)} == {"fine", "ключ"}


def test_purge_believes_s3_about_what_is_there(postgres: Database) -> None:
    """What lay nowhere before the purge is never deleted later; what S3 did not say is open."""
    build(postgres)
    key = moc(postgres, files=["absent", "unknown", "there"])

    with ready(postgres) as (session, bound, terms):
        seen = {"absent": None, **look(["there"])}
        purged = record.purge(session, bound, key, terms, lambda _: seen)

    assert purged.kept == {"absent": 1}
    assert outbox(postgres) == {
        ("there", '"there"', 5, "files"),
        ("unknown", None, None, "files"),
    }


def test_purge_goes_on_where_s3_does_not_answer(postgres: Database) -> None:
    """Trouble with S3 never blocks the database: the drain looks itself, later."""
    build(postgres)
    key = moc(postgres, files=["a"])

    def down(_: Collection[str]) -> Seen:
        raise StoreError("s3:ListBucket", "files", "down")

    with ready(postgres) as (session, bound, terms):
        assert record.purge(session, bound, key, terms, down).outcome is Outcome.DELETED

    assert outbox(postgres) == {("a", None, None, "files")}


@pytest.mark.parametrize("postgres", ["embedded18"], indirect=True)
def test_purge_knows_tables_of_any_name(postgres: Database) -> None:
    """Another schema, capitals, quotes, a colon: names are never read as SQL."""
    build(postgres)
    postgres.run(f"alter database {postgres.name} set timezone = 'Asia/Tokyo'")
    postgres.run('create schema "My ""Schema"')
    postgres.run(
        'create table "My ""Schema"."The :Root"" ; --" ("Id :x" int primary key, "D" timestamp,'  # noqa: S608 - the test's own names
        ' "U" char(40));'
        ' create index on "My ""Schema"."The :Root"" ; --" ("D");'
        ' insert into "My ""Schema"."The :Root"" ; --" values'
        f" (1, now() at time zone 'UTC' - interval '30 days 1 hour', '{CDN}a'),"
        " (2, now() at time zone 'UTC' - interval '29 days 23 hours', null)"
    )
    chosen = {
        "root": {
            "schema": 'My "Schema',
            "table": 'The :Root" ; --',
            "key": "Id :x",
            "deleted_at": "D",
        },
        "objects": {"u": {"of": "root", "column": "U", "url_prefix": CDN}},
    }

    with ready(postgres, chosen) as (session, bound, terms):
        assert due_keys(session, bound, terms) == ["1"]
        assert record.purge(session, bound, "2", terms, look).outcome is Outcome.CHANGED
        assert record.purge(session, bound, "1", terms, look).outcome is Outcome.DELETED

    assert outbox(postgres) == {("a", '"a"', 1, "u")}


def _never(_: float) -> None:
    raise AssertionError


def _step(sql: str) -> str:
    """Name a statement of the plan of TABLES."""
    if sql.startswith("select cast(0 as integer)"):
        return "read files root images"
    if sql.startswith("with recursive due"):
        return "check"
    if "purge_outbox" in sql:
        return "outbox"
    if "for update" in sql:
        (table,) = re.findall(r'join "public"\."(\w+)" as (?:root|held|item)', sql)
        return f"lock {table.replace('mocs', 'root')}"
    (word, table) = re.findall(r'^(update|delete from) "public"\."(\w+)"', sql)[0]
    return f"{'release' if word == 'update' else 'delete'} {table}"
