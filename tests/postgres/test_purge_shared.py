"""
A shared row goes exactly once, with the last that refers to it, and never while anyone does.

The races are forced: one side is stopped in the middle of its transaction until the other one has
done its part, or is seen to wait for it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from expiry.outcomes import Outcome
from soft_delete_purge import batch, dry, record
from tests.postgres.expiry_runs import Watched
from tests.postgres.fixtures import every_version
from tests.postgres.purge_races import Race, waits
from tests.postgres.purge_scene import (
    CDN,
    PLAN,
    build,
    count,
    due_keys,
    image,
    lent,
    look,
    moc,
    outbox,
    plan,
    ready,
)
from tests.waiting import until

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


ROUNDS = 5
# The seed's, as it stands but for the name of the URL's column: it is wrong.
SEEDS_QUERY = """
    SELECT gi.id
    FROM images gi
    JOIN links mgi ON mgi.image_id = gi.id
    WHERE mgi.moc_id = %s
    GROUP BY gi.id
    HAVING COUNT(DISTINCT mgi.moc_id) = 1
"""


def test_the_seeds_query_takes_every_image_for_an_orphan(postgres: Database) -> None:
    """It filters on the one record before it counts: an image that a living record shows, too."""
    build(postgres)
    own, common = image(postgres), image(postgres)
    key = moc(postgres, images=[own, common])
    moc(postgres, days=None, images=[common])

    with ready(postgres) as (session, bound, terms):
        purged = dry.purge(session, bound, [key], terms, look)
        assert record.purge(session, bound, key, terms, look).shared_deleted == {"images": 1}

    assert purged[0].shared_deleted == {"images": 1}
    assert postgres.run("select id from images") == [(common,)]


def test_the_seeds_query_fails_where_this_one_holds(postgres: Database) -> None:
    """What the test above proves is no accident of its data: the seed's answer is another."""
    build(postgres)
    own, common = image(postgres), image(postgres)
    key = moc(postgres, images=[own, common])
    moc(postgres, days=None, images=[common])

    assert {row[0] for row in postgres.run(SEEDS_QUERY, key)} == {own, common}


@pytest.mark.parametrize(
    "reference",
    [
        "insert into flags (image_id) select id from images",
        "insert into albums default values; update images set album_id = (select id from albums)",
        "insert into links (moc_id, image_id) select %s, id from images",
    ],
    ids=["flag", "album", "link of a record that is soft-deleted too"],
)
def test_shared_row_stays_while_anything_refers_to_it(postgres: Database, reference: str) -> None:
    """Another link table, its own column, a link of any other record: each alone keeps it."""
    build(postgres)
    kept = image(postgres, f"{CDN}a")
    key, other = moc(postgres, images=[kept]), moc(postgres, days=1)
    for statement in reference.split(";"):
        postgres.run(statement, *([other] if "%s" in statement else []))

    with ready(postgres) as (session, bound, terms):
        (foreseen,) = dry.purge(session, bound, [key], terms, look)
        purged = record.purge(session, bound, key, terms, look)

    assert purged.outcome is Outcome.DELETED
    assert purged.shared_kept == foreseen.shared_kept == {"images": 1}
    assert count(postgres, "images") == 1
    assert outbox(postgres) == set()


def test_shared_row_goes_with_the_last_record_of_a_batch(postgres: Database) -> None:
    """Whoever shares it within the batch: it is counted once, and so is its file."""
    build(postgres)
    common = image(postgres, f"{CDN}a")
    for _ in range(3):
        moc(postgres, images=[common, common])

    with ready(postgres) as (session, bound, terms):
        keys = due_keys(session, bound, terms)
        foreseen = dry.purge(session, bound, keys, terms, look)
        purged = batch.purge(session, bound, keys, terms, look)

    for each in (foreseen, purged):
        assert sum(one.shared_deleted.get("images", 0) for one in each) == 1
        assert sum(len(one.objects) for one in each) == 1
    assert count(postgres, "images") == 0


def test_shared_row_with_a_hundred_thousand_links_is_judged_by_one(postgres: Database) -> None:
    """The first link that is found keeps it; the others are not read."""
    build(postgres)
    common = image(postgres)
    key = moc(postgres, images=[common])
    postgres.run(
        "with alive as (insert into mocs default values returning id)"
        " insert into links (moc_id, image_id)"
        " select id, %s from alive, generate_series(1, 100000)",
        common,
    )

    with ready(postgres) as (session, bound, terms):
        session.run("set statement_timeout = '5s'")
        assert record.purge(session, bound, key, terms, look).shared_kept == {"images": 1}

    assert count(postgres, "links") == 100_000


def test_two_kinds_of_shared_rows_are_judged_each_by_its_own(postgres: Database) -> None:
    """Tags beside images, in a table with a key of text that has quotes in it."""
    build(postgres)
    postgres.run(
        "create table tags (name text primary key);"
        "create table tagged (moc_id uuid references mocs on delete cascade,"
        " tag text references tags);"
        "create index on tagged (moc_id); create index on tagged (tag);"
        """insert into tags values ('a"{,}'), ('NULL'), ('kept')"""
    )
    tags = {
        "table": "tags",
        "key": "name",
        "link": {"table": "tagged", "root_column": "moc_id", "shared_column": "tag"},
    }
    key, other = moc(postgres, images=[image(postgres)]), moc(postgres, days=None)
    postgres.run("insert into tagged select %s, name from tags", key)
    postgres.run("insert into tagged values (%s, 'kept')", other)

    with ready(postgres, plan(shared=PLAN["shared"] | {"tags": tags})) as (session, bound, terms):
        purged = record.purge(session, bound, key, terms, look)

    assert purged.shared_deleted == {"images": 1, "tags": 2}
    assert purged.shared_kept == {"images": 0, "tags": 1}
    assert postgres.run("select name from tags") == [("kept",)]


@every_version
def test_two_purges_that_share_images_leak_none_and_lose_none(postgres: Database) -> None:
    """Each stops right before it deletes, until the other one waits: the images go once."""
    build(postgres)
    with ready(postgres) as (one, bound, terms), ready(postgres) as (two, _, _):
        for session in (one, two):
            session.run("set lock_timeout = '10s'")
        for _ in range(ROUNDS):
            common = [image(postgres, f"{CDN}{name}") for name in "ab"]
            keys = [moc(postgres, images=common), moc(postgres, images=common[::-1])]
            race = Race(postgres, two)
            held: Any = Watched(one, race.before("delete from"))
            with ThreadPoolExecutor(2) as pool:
                first = pool.submit(record.purge, held, bound, keys[0], terms, look)
                race.reached()
                second = pool.submit(record.purge, two, bound, keys[1], terms, look)
                gone = [ended.result(30).shared_deleted["images"] for ended in (first, second)]
            assert race.waited
            assert sorted(gone) == [0, 2]
            assert [count(postgres, name) for name in ("mocs", "images", "links")] == [0, 0, 0]


def test_the_race_of_two_purges_leaks_where_the_lock_is_missing(postgres: Database) -> None:
    """The test above proves the lock: without it each sees the other's link; neither deletes."""
    build(postgres)
    common = image(postgres)
    keys = [moc(postgres, images=[common], files=[name]) for name in "ab"]
    with ready(postgres) as (one, bound, terms), ready(postgres) as (two, _, _):
        other: list[Outcome] = []
        behind: Any = _Unlocked(two, lambda _: None)

        def meanwhile(sql: str) -> None:
            if "purge_outbox" in sql and not other:  # it has judged, and not committed yet
                other.append(record.purge(behind, bound, keys[1], terms, look).outcome)

        held: Any = _Unlocked(one, meanwhile)
        assert record.purge(held, bound, keys[0], terms, look).outcome is Outcome.DELETED

    assert other == [Outcome.DELETED]
    assert count(postgres, "images") == 1  # leaked: nothing links it any more
    assert count(postgres, "links") == 0


@every_version
def test_new_link_to_an_image_that_is_judged_never_vanishes(postgres: Database) -> None:
    """Who links it while it is judged waits, and is told that it is gone: no link dies silently."""
    build(postgres)
    with ready(postgres) as (session, bound, terms), postgres.connect() as owner:
        for _ in range(ROUNDS):
            judged = image(postgres)
            key, alive = moc(postgres, images=[judged]), moc(postgres, days=None)
            race = Race(postgres, owner.info.backend_pid)
            held: Any = Watched(session, race.before('delete from "public"."images"'))
            with ThreadPoolExecutor(1) as pool:
                purged = pool.submit(record.purge, held, bound, key, terms, look)
                race.reached()
                with pytest.raises(psycopg.errors.ForeignKeyViolation):
                    owner.execute(
                        "insert into links (moc_id, image_id) values (%s, %s)", (alive, judged)
                    )
                assert purged.result(30).shared_deleted == {"images": 1}
            assert race.waited


def test_link_that_was_first_keeps_the_image(postgres: Database) -> None:
    """The purge waits for who links it, and sees the link once it has the lock."""
    build(postgres)
    judged = image(postgres)
    key, alive = moc(postgres, images=[judged]), moc(postgres, days=None)
    with (
        ready(postgres) as (session, bound, terms),
        postgres.connect() as owner,
        ThreadPoolExecutor(1) as pool,
    ):
        session.run("set lock_timeout = '10s'")
        with owner.transaction():
            owner.execute("insert into links (moc_id, image_id) values (%s, %s)", (alive, judged))
            purged = pool.submit(record.purge, session, bound, key, terms, look)
            until(lambda: waits(postgres, session.process_id), "the purge waits for the link")
        assert purged.result(30).shared_kept == {"images": 1}

    assert count(postgres, "links") == 1


class _Unlocked(Watched):
    """A session that does not lock shared rows."""

    def run(self, sql: str, /, **parameters: Any) -> Any:
        self._seen(sql)
        return self._session.run(sql.replace("for update of item", ""), **parameters)
