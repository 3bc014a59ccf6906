"""
Many records in one transaction: the same as one by one, in a fraction of the statements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from expiry.errors import ConnectionLostError, LockedError
from expiry.outcomes import Outcome
from soft_delete_purge import batch
from tests.postgres.expiry_runs import Watched
from tests.postgres.purge_scene import (
    CDN,
    build,
    count,
    due_keys,
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


MANY = 100


def fill(database: Database, records: int = MANY) -> None:
    """Create records that are due, each with two files, a list of two parts, and shared images."""
    database.run(
        "with n as (select n from generate_series(1, %s) n), a as ("
        "   insert into images (id, image_url) select n, %s || n from generate_series(0, %s) n),"
        " m as (insert into mocs (title, thumbnail_url, deleted_at)"
        "   select n, %s || n, now() - interval '40 days' from n returning id, title),"
        " f as (insert into files (moc_id, s3_key)"
        "   select id, title || name from m, unnest(array['a', 'b']) name),"
        " k as (insert into links (moc_id, image_id)"
        "   select id, image from m, unnest(array[0, title::int]) image),"
        " l as (insert into lists (moc_id) select id from m returning id)"
        " insert into parts (list_id) select id from l, generate_series(1, 2)",
        records,
        f"{CDN}i/",
        records,
        f"{CDN}t/",
    )


def refuse(database: Database, table: str, where: str) -> None:
    """Keep some rows of *table* from being deleted."""
    database.run(
        "create function refuse() returns trigger language plpgsql as"
        " $$ begin raise exception 'no'; end $$"
    )
    database.run(
        f"create trigger refuse before delete on {table} for each row when ({where})"
        " execute function refuse()"
    )


def test_batch_takes_a_handful_of_statements(postgres: Database) -> None:
    """Not a statement more for a hundred records than for two: a tenth of one for each record."""
    build(postgres)
    fill(postgres)
    statements: list[str] = []
    calls: list[int] = []

    def looking(keys: Collection[str]) -> Seen:
        calls.append(len(keys))
        return look(keys)

    with ready(postgres) as (session, bound, terms):
        keys = due_keys(session, bound, terms)
        watched: Any = Watched(session, statements.append)
        two = batch.purge(watched, bound, keys[:2], terms, looking)
        for_two = len(statements)
        rest = batch.purge(watched, bound, keys[2:], terms, looking)

    assert [each.key for each in two + rest] == keys
    assert {each.outcome for each in two + rest} == {Outcome.DELETED}
    # BEGIN and COMMIT, which the session sends itself, are two more.
    assert for_two == len(statements) - for_two == 11
    assert len(calls) == 2
    assert sum(each.released["bricks"] for each in two + rest) == 2 * MANY
    assert sum(each.shared_deleted["images"] for each in two + rest) == MANY + 1
    assert {each.children["public.files"] for each in two + rest} == {2}
    assert [count(postgres, name) for name in ("mocs", "files", "lists", "images")] == [0] * 4
    assert count(postgres, "parts", "status = 'available'") == 2 * MANY
    assert len(outbox(postgres)) == 4 * MANY + 1


def test_batch_in_which_one_record_fails_loses_that_one_alone(postgres: Database) -> None:
    """One poisoned record among a hundred: 99 go, and its own error is told."""
    build(postgres)
    fill(postgres)
    poisoned = moc(postgres, days=39, parts=1, files=["poisoned"])
    refuse(postgres, "mocs", f"old.id = '{poisoned}'")

    with ready(postgres) as (session, bound, terms):
        purged = batch.purge(session, bound, due_keys(session, bound, terms), terms, look)

    failed = [each for each in purged if each.outcome is not Outcome.DELETED]
    assert [(each.key, each.outcome) for each in failed] == [(poisoned, Outcome.FAILED)]
    assert failed[0].error is not None
    assert len(purged) == MANY + 1
    assert postgres.run("select id::text from mocs") == [(poisoned,)]
    assert count(postgres, "parts", "status = 'used'") == 1
    assert "poisoned" not in {row[0] for row in outbox(postgres)}


def test_batch_gives_way_to_a_lock_for_the_record_that_it_is_on(postgres: Database) -> None:
    """A part that somebody holds: its record is changed, which is no failure; the others go."""
    build(postgres)
    fill(postgres, 8)
    with ready(postgres) as (session, bound, terms), postgres.connect() as owner:
        session.run("set lock_timeout = 20")
        keys = due_keys(session, bound, terms)
        with owner.transaction():
            owner.execute(
                "update parts set status = 'used' where list_id in"
                " (select id from lists where moc_id = %s)",
                (keys[4],),
            )
            purged = batch.purge(session, bound, keys, terms, look, sleep=lambda _: None)

    outcomes = [each.outcome for each in purged]
    assert outcomes == [Outcome.DELETED] * 4 + [Outcome.CHANGED] + [Outcome.DELETED] * 3
    assert isinstance(purged[4].error, LockedError)


def test_batch_tells_the_end_of_each_record(postgres: Database) -> None:
    """Restored, gone, held and no key at all, in the order in which they were given; once each."""
    build(postgres)
    due, alive, held = moc(postgres), moc(postgres, days=None), moc(postgres)
    gone = "00000000-0000-0000-0000-000000000000"
    with ready(postgres) as (session, bound, terms), postgres.connect() as owner:
        with owner.transaction():
            owner.execute("select from mocs where id = %s for update", (held,))
            purged = batch.purge(session, bound, [gone, held, alive, due, due], terms, look)
        broken = batch.purge(session, bound, ["x", held], terms, look)

    assert [(each.key, each.outcome) for each in purged] == [
        (gone, Outcome.GONE),
        (held, Outcome.CHANGED),
        (alive, Outcome.CHANGED),
        (due, Outcome.DELETED),
    ]
    assert [each.outcome for each in broken] == [Outcome.FAILED, Outcome.DELETED]


def test_batch_of_nothing_asks_nothing(postgres: Database) -> None:
    """No statement, no answer."""
    build(postgres)
    with ready(postgres) as (session, bound, terms):
        watched: Any = Watched(session, pytest.fail)
        assert batch.purge(watched, bound, [], terms, look) == []


@pytest.mark.parametrize("moment", ["for update of root", "delete from", "purge_outbox"])
def test_batch_that_loses_its_connection_says_what_is_not_known(
    postgres: Database, moment: str
) -> None:
    """Nothing is told to be gone that was not committed; the next run finds it all."""
    build(postgres)
    fill(postgres, 4)
    with ready(postgres) as (session, bound, terms):
        keys = due_keys(session, bound, terms)

        def cut(sql: str) -> None:
            if moment in sql:
                postgres.run("select pg_terminate_backend(%s)", session.process_id)

        watched: Any = Watched(session, cut)
        purged = batch.purge(watched, bound, keys, terms, look)
        assert not session.is_open

    assert {each.outcome for each in purged} == {Outcome.FAILED}
    assert all(isinstance(each.error, ConnectionLostError) for each in purged)
    with ready(postgres) as (session, bound, terms):
        again = batch.purge(session, bound, keys, terms, look)
    assert {each.outcome for each in again} == {Outcome.DELETED}
    assert len(outbox(postgres)) == 17


def test_batches_are_sized_by_the_time_of_their_transactions(postgres: Database) -> None:
    """A hundred to begin with; less after 50 ms under locks, however long S3 takes."""
    build(postgres)
    fill(postgres, 8)
    now_s, locks_s = 0.0, iter((0.049, 0.051))

    def looking(keys: Collection[str]) -> Seen:
        nonlocal now_s
        now_s += 60
        return look(keys)

    def locking(sql: str) -> None:
        nonlocal now_s
        now_s += next(locks_s) if "skip locked" in sql else 0

    with ready(postgres) as (session, bound, terms):
        keys = due_keys(session, bound, terms)
        watched: Any = Watched(session, locking)
        sizes = []
        for chunk in (keys[:4], keys[4:]):
            size = batch.sized()
            batch.purge(watched, bound, chunk, terms, looking, size=size, clock=lambda: now_s)
            sizes.append(size.rows)

    assert sizes == [100, batch.LEAST_SIZE]
    assert batch.sized().rows == 100
