"""
What is due goes, in batches that each are a transaction; everything else stays.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from expiry.errors import DatabaseError
from tests.postgres.expiry_runs import (
    CREATE_ROWS,
    ROWS,
    expire,
    fill,
    ids,
    is_batch,
    watching,
)
from tests.postgres.fixtures import every_version

if TYPE_CHECKING:
    from tests.postgres.database import Database


def rule(**more: Any) -> dict[str, Any]:
    """Return the rule for the table of CREATE_ROWS, with *more*."""
    return {"rows": ROWS["rows"] | more}


@every_version
def test_deletion_takes_what_is_due_and_nothing_else(postgres: Database) -> None:
    """What expired in the past goes; what has not, or never does, stays: on each version."""
    postgres.run(CREATE_ROWS)
    fill(postgres, expired=1_500, alive=20)
    postgres.run("insert into rows values (5000, null)")

    found = expire(postgres)

    assert found["body"] == {"deleted": 1_500, "tables": {"rows": 1_500}}
    assert found["statusCode"] == 200
    assert found["complete"]
    assert ids(postgres) == {*range(1_501, 1_521), 5_000}
    assert found["health"]["rows"]["expired_rows"] == 0


@pytest.mark.parametrize(
    ("kind", "column", "value"),
    [
        ("epoch_seconds", "bigint", "{s}"),
        ("epoch_seconds", "numeric(20,3)", "{s}"),
        ("epoch_milliseconds", "bigint", "{s} * 1000::bigint"),
        ("timestamptz", "timestamptz", "to_timestamp({s})"),
        ("timestamp", "timestamp", "to_timestamp({s}) at time zone 'UTC'"),
    ],
)
def test_deletion_of_each_kind_holds_to_lifetime_and_grace(
    postgres: Database, kind: str, column: str, value: str
) -> None:
    """A row goes once its time, its lifetime, the grace and the clock skew have passed."""
    postgres.run(f"create table t (id int primary key, made {column})")
    postgres.run(f"alter database {postgres.name} set timezone = 'Asia/Tokyo'")
    ages = {1: 7_200 + 600 + 60 + 30, 2: 7_200 + 600 + 60 - 30}
    for row, age_s in ages.items():
        made = value.format(s=f"(extract(epoch from now())::bigint - {age_s})")
        postgres.run(f"insert into t values ({row}, {made})")  # noqa: S608 - the test's own names
    expiry = {"column": "made", "kind": kind, "lifetime_s": 7_200}

    expire(postgres, tables={"t": {"table": "t", "expiry": expiry, "grace_s": 600}})

    assert postgres.run("select id from t") == [(2,)]


def test_deletion_quotes_names_and_passes_values(postgres: Database) -> None:
    """No name and no value of a configuration is ever read as SQL."""
    evil = "x'; drop table rows; --"
    postgres.run(CREATE_ROWS)
    postgres.run('create schema "My ""Schema"')
    name = '"My ""Schema"."We;ird: Table"'
    postgres.run(
        f'create table {name} ("Key : 1" int, "sel""ect" text, "Ex pires" bigint,'
        ' "status" text, n numeric, primary key ("Key : 1", "sel""ect"))'
    )
    for key, status, number in ((1, evil, 1), (2, "other", 1), (3, evil, 5)):
        postgres.run(f"insert into {name} values (%s, 'a', 1, %s, %s)", key, status, number)  # noqa: S608 - the test's own names
    conditions = [
        {"column": "status", "operator": "=", "value": evil},
        {"column": "n", "operator": "<", "value": 4.5},
        {"column": "n", "operator": "is not null"},
    ]
    table = {
        "schema": 'My "Schema',
        "table": "We;ird: Table",
        "expiry": {"column": "Ex pires", "kind": "epoch_seconds"},
        "where": conditions,
        "key": ["Key : 1", 'sel"ect'],
        "batch_size": 1,
    }

    found = expire(postgres, tables={"t": table})

    assert found["body"]["deleted"] == 1
    assert postgres.run(f'select "Key : 1" from {name} order by 1') == [(2,), (3,)]  # noqa: S608 - the test's own names
    assert ids(postgres) == set()


def test_deletion_is_at_most_a_tenth_of_a_statement_a_row(postgres: Database) -> None:
    """A batch is one statement, and each commits by itself."""
    postgres.run(CREATE_ROWS)
    fill(postgres, expired=3_000)
    left_at_batch: list[int] = []

    def look(sql: str) -> None:
        if is_batch(sql):
            left_at_batch.append(len(ids(postgres)))

    found = expire(postgres, around=watching(look), LATENCY_TARGET_MS="60000")

    assert left_at_batch == [3_000, 2_500, 1_750, 625]  # 500, 750, 1,125 …: they were quick
    assert found["rules"]["rows"]["batches"] == 4


def test_deletion_of_rows_that_expired_at_once_leaves_none(postgres: Database) -> None:
    """The cursor is expiry and key: rows of the same second are told apart."""
    postgres.run(CREATE_ROWS)
    postgres.run("insert into rows select n, 1000 from generate_series(1, 500) n")

    found = expire(postgres, tables=rule(batch_size=7))

    assert found["body"]["deleted"] == 500
    assert ids(postgres) == set()


def test_deletion_passes_by_a_row_that_somebody_holds(postgres: Database) -> None:
    """A row that is being renewed is not waited for, is counted as changed, and lives on."""
    postgres.run(CREATE_ROWS)
    fill(postgres, expired=100)
    with postgres.connect(autocommit=False) as writer:
        writer.execute("update rows set expires_at = 99999999999 where id in (1, 50, 100)")
        found = expire(postgres)

    assert (found["outcomes"]["deleted"], found["outcomes"]["changed"]) == (97, 3)
    assert ids(postgres) == {1, 50, 100}


def test_deletion_of_two_runs_at_once_is_shared(postgres: Database) -> None:
    """Each row is deleted by one of them, and counted by that one alone."""
    postgres.run(CREATE_ROWS)
    fill(postgres, expired=10_000)

    with ThreadPoolExecutor() as pool:
        found = list(pool.map(lambda _: expire(postgres, tables=rule(batch_size=50)), range(2)))

    assert sum(each["body"]["deleted"] for each in found) == 10_000
    assert all(each["body"]["deleted"] for each in found)
    assert ids(postgres) == set()


def test_deletion_beside_an_old_snapshot_reads_each_row_once(postgres: Database) -> None:
    """Rows that are deleted, but kept for somebody's old snapshot, are not walked over again."""
    postgres.run(CREATE_ROWS)
    fill(postgres, expired=20_000)
    postgres.run("analyze rows")
    with postgres.connect(autocommit=False) as reader:
        reader.execute("set transaction isolation level repeatable read")
        reader.execute("select 1 from rows limit 1")
        found = expire(postgres, tables=rule(batch_size=100))

    assert found["body"]["deleted"] == 20_000
    assert found["rules"]["rows"]["batches"] > 10
    ((read,),) = postgres.run(
        "select idx_tup_read from pg_stat_user_indexes where indexrelname = 'rows_expiry'"
    )
    # The walk itself; the measuring before and after reads them once more, each.
    assert 20_000 <= read < 3 * 20_000


def test_deletion_stops_at_the_limit_and_says_so(postgres: Database) -> None:
    """The smaller of the cap and the request's limit counts, to the row."""
    postgres.run(CREATE_ROWS)
    fill(postgres, expired=100)

    dry = expire(postgres, {"limit": 30, "dryRun": True})
    first = expire(postgres, {"limit": 30})
    second = expire(postgres, {"limit": 1_000}, MAX_DELETES_PER_RUN="40")

    assert (first["body"]["deleted"], first["complete"], first["stopped"]) == (30, False, "limit")
    assert (dry["body"], dry["stopped"]) == (first["body"], "limit")
    assert second["body"]["deleted"] == 40
    assert len(ids(postgres)) == 30
    assert second["health"]["rows"]["expired_rows"] == 30


def test_deletion_stops_in_time_and_the_next_run_ends_it(postgres: Database) -> None:
    """A run out of time has deleted what it says, and needs no cursor to be gone on with."""
    postgres.run(CREATE_ROWS)
    fill(postgres, expired=1_000)
    left_s = iter([100.0, 100.0, 100.0])

    found = expire(postgres, tables=rule(batch_size=100), left_s=lambda: next(left_s, 0.0))
    deleted = found["body"]["deleted"]

    assert (found["complete"], found["stopped"]) == (False, "time")
    assert 0 < deleted < 1_000
    assert len(ids(postgres)) == 1_000 - deleted
    assert expire(postgres)["body"]["deleted"] == 1_000 - deleted


def test_deletion_keeps_to_the_rows_a_second(postgres: Database) -> None:
    """Batches are no larger than a second's worth, and wait for each other."""
    postgres.run(CREATE_ROWS)
    fill(postgres, expired=1_000)
    clock, slept = [0.0], list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += seconds

    found = expire(postgres, MAX_ROWS_PER_SECOND="100", clock=lambda: clock[0], sleep=sleep)

    assert found["rules"]["rows"]["batches"] == 11  # the last one finds nothing
    assert sum(slept) == pytest.approx(10.0)


def test_deletion_leaves_rows_that_something_refers_to(postgres: Database) -> None:
    """Where the foreign key forbids it the row stays, is counted, and holds nobody else up."""
    postgres.run(CREATE_ROWS)
    postgres.run("create table parts (id int primary key, row_id bigint references rows)")
    postgres.run("create index on parts (row_id)")
    fill(postgres, expired=600)
    postgres.run("insert into parts values (1, 1), (2, 300)")

    found = expire(postgres)

    assert found["body"]["deleted"] == 598
    assert ids(postgres) == {1, 300}
    assert found["health"]["rows"]["protected_rows"] == 2
    assert found["notes"] == {
        "rows": ["foreign key parts_row_id_fkey of public.parts: rows that it refers to stay"]
    }


def test_deletion_of_a_row_that_comes_to_be_referred_to_is_tried_again(postgres: Database) -> None:
    """A reference that is checked at COMMIT fails the batch; the next look sees it."""
    postgres.run(CREATE_ROWS)
    postgres.run(
        "create table parts (id int primary key, row_id bigint"
        " references rows deferrable initially deferred)"
    )
    postgres.run("create index on parts (row_id)")
    fill(postgres, expired=10)
    postgres.run(
        "create function refer() returns trigger language plpgsql as"
        " $$ begin insert into parts values (1, old.id) on conflict do nothing; return old; end $$"
    )
    postgres.run(
        "create trigger refer before delete on rows for each row when (old.id = 7)"
        " execute function refer()"
    )
    ended = []

    def look(sql: str) -> None:
        if is_batch(sql):
            ended.append(sql)
            if len(ended) == 2:
                postgres.run("insert into parts values (1, 7)")

    found = expire(postgres, around=watching(look))

    assert ids(postgres) == {7}
    assert found["body"]["deleted"] == 9


def test_deletion_that_a_trigger_suppresses_comes_to_an_end(postgres: Database) -> None:
    """The cursor moves on past rows that cannot be deleted; they are counted as changed."""
    postgres.run(CREATE_ROWS)
    fill(postgres, expired=50)
    postgres.run(
        "create function keep() returns trigger language plpgsql as $$ begin return null; end $$"
    )
    postgres.run("create trigger keep before delete on rows for each row execute function keep()")

    found = expire(postgres, tables=rule(batch_size=10))

    assert found["outcomes"]["changed"] == 50
    assert found["notes"] == {"rows": ["triggers run for each deleted row: keep"]}


def test_deletion_goes_on_after_a_lost_connection(postgres: Database) -> None:
    """The session is opened again, and the walk goes on where the last answer left it."""
    postgres.run(CREATE_ROWS)
    fill(postgres, expired=1_000)
    batches = []

    def look(sql: str) -> None:
        if is_batch(sql):
            batches.append(sql)
            if len(batches) == 3:
                postgres.run(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where application_name = 'postgres-expiry' and datname = %s",
                    postgres.name,
                )

    found = expire(postgres, tables=rule(batch_size=100), around=watching(look))

    assert (found["body"]["deleted"], found["reconnects"]) == (1_000, 1)
    assert ids(postgres) == set()


FAIL = """
    create function fail() returns trigger language plpgsql as
        $$ begin raise exception 'secret of %', old.id; end $$
"""


def test_deletion_of_a_row_that_fails_does_not_stop_the_others(postgres: Database) -> None:
    """It is found by halving, passed by, and told; all the others go."""
    postgres.run(CREATE_ROWS)
    fill(postgres, expired=1_000)
    postgres.run(FAIL)
    postgres.run(
        "create trigger fail before delete on rows for each row when (old.id in (7, 8, 500))"
        " execute function fail()"
    )

    found = expire(postgres)

    assert ids(postgres) == {7, 8, 500}
    assert (found["outcomes"]["deleted"], found["outcomes"]["failed"]) == (997, 3)
    assert found["rules"]["rows"]["listed"] == 1_000
    assert len(found["errors"]) == 3
    assert "P0001" in found["errors"][0]["message"]
    assert "secret" not in str(found)


def test_deletion_keeps_a_row_on_whose_children_something_rests(postgres: Database) -> None:
    """What would cascade may be forbidden further down: that row stays, the others go."""
    postgres.run(CREATE_ROWS)
    postgres.run(
        "create table parts (id int primary key, row_id bigint references rows on delete cascade);"
        "create index on parts (row_id);"
        "create table notes (id int primary key, part_id int references parts);"
        "create index on notes (part_id)"
    )
    fill(postgres, expired=40)
    postgres.run("insert into parts values (1, 20), (2, 21); insert into notes values (1, 1)")

    found = expire(postgres)

    assert ids(postgres) == {20}
    assert found["outcomes"]["failed"] == 1


def test_deletion_of_one_table_that_fails_does_not_stop_the_others(postgres: Database) -> None:
    """A table of which nothing goes is left, and raised for when all the others are done."""
    postgres.run(CREATE_ROWS)
    fill(postgres, expired=10)
    postgres.run("create table bad (id int primary key, expires_at bigint)")
    postgres.run("insert into bad select n, n from generate_series(1, 150) n")
    postgres.run(FAIL)
    postgres.run("create trigger fail before delete on bad for each row execute function fail()")
    tables = {"bad": ROWS["rows"] | {"table": "bad"}, **ROWS}

    with pytest.raises(DatabaseError, match="P0001"):
        expire(postgres, tables=tables)

    assert ids(postgres) == set()
    assert postgres.run("select count(*) from bad") == [(150,)]


def test_dry_run_counts_what_the_real_one_deletes(postgres: Database) -> None:
    """It answers the real run's counts, with a role that may only read, and writes nothing."""
    postgres.run(CREATE_ROWS)
    fill(postgres, expired=700, alive=5)
    reader = postgres.new_role("select on rows", "usage on schema public")

    dry = expire(reader, {"dryRun": True})

    assert (dry["outcomes"]["deleted"], dry["outcomes"]["would_delete"]) == (0, 700)
    assert len(ids(postgres)) == 705
    assert expire(postgres)["body"] == dry["body"]


def test_run_of_the_rules_that_are_named_leaves_the_others(postgres: Database) -> None:
    """``tables`` narrows a run."""
    postgres.run(CREATE_ROWS)
    postgres.run("create table more (id int primary key, expires_at bigint)")
    postgres.run("insert into more values (1, 1)")
    fill(postgres, expired=5)
    tables = {"more": ROWS["rows"] | {"table": "more"}, **ROWS}

    found = expire(postgres, {"tables": ["more"]}, tables=tables)

    assert found["body"] == {"deleted": 1, "tables": {"more": 1}}
    assert len(ids(postgres)) == 5
