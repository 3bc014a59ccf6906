"""
Whatever is wrong is found before anything is deleted, all of it at once, and says what to change.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from expiry.errors import MismatchError
from tests.postgres.expiry_runs import CREATE_ROWS, NOW_S, ROWS, expire, fill, ids

if TYPE_CHECKING:
    from tests.postgres.database import Database

RULE: dict[str, Any] = ROWS["rows"]
BIG = """
    create table rows (id bigint primary key, expires_at bigint, note text);
    insert into rows select n, n from generate_series(1, 10001) n;
    analyze rows;
"""
INVALID = """
    create table rows (id bigint primary key, expires_at bigint, note text);
    insert into rows select n, n from generate_series(1, 10001) n;
    analyze rows;
    create index rows_expiry on rows (expires_at);
    update pg_index set indisvalid = false where indexrelid = 'rows_expiry'::regclass;
"""
PARTITIONED = """
    create table rows (id bigint, expires_at bigint, primary key (id, expires_at))
        partition by range (expires_at);
    create table rows_1 partition of rows for values from (0) to (99999999999);
"""
HASHED = """
    create table rows (id bigint primary key, expires_at bigint) partition by hash (id);
    create table rows_1 partition of rows for values with (modulus 1, remainder 0);
"""
REFERRED = f"{CREATE_ROWS}; create table parts (id int primary key, row_id bigint references rows)"

REFUSALS = {
    "no table": ("create table row (id int)", {}, "there is no table public.rows"),
    "view": ("create view rows as select 1 as id", {}, "is a view, not a table"),
    "materialized": (
        "create materialized view rows as select 1 as id",
        {},
        "is a materialized view",
    ),
    "no key": ("create table rows (id int, expires_at bigint)", {}, "has no primary key"),
    "another key": (CREATE_ROWS, {"key": ["note"]}, "key is note, but the primary key"),
    "no column": ("create table rows (id int primary key)", {}, "has no column expires_at"),
    "no condition's column": (
        CREATE_ROWS,
        {"where": [{"column": "state", "operator": "=", "value": "x"}]},
        "has no column state",
    ),
    "wrong type": (
        "create table rows (id int primary key, expires_at text)",
        {},
        "expires_at is text, and epoch_seconds needs",
    ),
    "time for a number": (
        "create table rows (id int primary key, expires_at timestamptz)",
        {},
        "expires_at is timestamp with time zone",
    ),
    "time without a zone": (
        "create table rows (id int primary key, expires_at timestamp(3))",
        {"expiry": {"column": "expires_at", "kind": "timestamptz"}},
        "expires_at is timestamp",
    ),
    "value of another type": (
        CREATE_ROWS,
        {"where": [{"column": "id", "operator": "=", "value": "seven"}]},
        "a value of where is none that its column",
    ),
    "big without an index": (BIG, {}, "no usable index leads with expires_at"),
    "invalid index": (INVALID, {}, "index rows_expiry is invalid"),
    "index on something else": (
        f"{BIG}; create index rows_other on rows (note, expires_at)",
        {},
        "no usable index",
    ),
    "partial index": (
        f"{BIG}; create index rows_some on rows (expires_at) where note = 'x'",
        {},
        "index rows_some is partial",
    ),
    "unindexed reference": (
        REFERRED,
        {},
        r"CREATE INDEX ON public.parts \(row_id\)",
    ),
    "partitioned by expiry": (PARTITIONED, {}, "dropping whole partitions is the better way"),
    "partitioned": (HASHED, {}, "name its partitions, each as a table"),
    "seconds for milliseconds": (
        f"{CREATE_ROWS}; insert into rows values (1, {NOW_S + 86_400})",  # noqa: S608 - the test's own names
        {"expiry": {"column": "expires_at", "kind": "epoch_milliseconds"}},
        "holds seconds, not milliseconds",
    ),
}


@pytest.mark.parametrize(("ddl", "more", "message"), REFUSALS.values(), ids=REFUSALS)
def test_preflight_refuses_what_cannot_be_deleted_from_safely(
    postgres: Database, ddl: str, more: dict[str, Any], message: str
) -> None:
    """One clear error, before a single row is gone; in a dry run the same."""
    postgres.run("create table other (id int primary key, expires_at bigint)")
    postgres.run("insert into other values (1, 1)")
    postgres.run(ddl)
    tables = {"other": RULE | {"table": "other"}, "bad": RULE | more}

    for event in ({}, {"dryRun": True}):
        with pytest.raises(MismatchError, match=message) as caught:
            expire(postgres, event, tables=tables)
        assert str(caught.value).count("bad: ") == 1
    assert postgres.run("select id from other") == [(1,)]


def test_preflight_names_all_that_is_wrong_at_once(postgres: Database) -> None:
    """One error, for all tables."""
    postgres.run("create view rows as select 1 as id")
    tables = {"one": RULE, "two": RULE | {"table": "two"}, "three": RULE | {"schema": "three"}}

    with pytest.raises(MismatchError, match=r"one: .*; two: .*; three: ") as caught:
        expire(postgres, tables=tables)

    assert str(caught.value).startswith("preflight, nothing was deleted: ")


@pytest.mark.parametrize(
    "index",
    [
        "create index on rows (expires_at)",
        "create index on rows (expires_at, id)",
        "create index on rows (expires_at) where expires_at is not null",
        "create index on rows (expires_at) where note = 'x'",
    ],
)
def test_preflight_takes_any_index_that_answers(postgres: Database, index: str) -> None:
    """Also a partial one, where its predicate holds for all that the rule means."""
    postgres.run(f"{BIG}; update rows set note = 'x'; {index}")  # noqa: S608 - the test's own names
    where = [{"column": "note", "operator": "=", "value": "x"}] if "= 'x'" in index else []

    assert expire(postgres, tables={"rows": RULE | {"where": where}})["complete"]


def test_preflight_lets_a_big_table_be_scanned_where_it_is_allowed(postgres: Database) -> None:
    """``allow_sequential_scan`` is the operator's word."""
    postgres.run(BIG)
    found = expire(postgres, tables={"rows": RULE | {"allow_sequential_scan": True}})

    assert found["body"]["deleted"] == 10_001


@pytest.mark.parametrize(
    ("granted", "missing"),
    [("select", "UPDATE, DELETE"), ("select, delete", "UPDATE"), ("delete, update", "SELECT")],
)
def test_preflight_names_the_privileges_that_are_missing(
    postgres: Database, granted: str, missing: str
) -> None:
    """And the GRANT that mends it."""
    postgres.run(CREATE_ROWS)
    fill(postgres, expired=3)
    role = postgres.new_role(f"{granted} on rows", "usage on schema public")

    with pytest.raises(MismatchError, match=re.escape(f"GRANT {missing} ON the table")):
        expire(role)

    assert len(ids(postgres)) == 3


def test_preflight_reports_what_goes_with_a_row(postgres: Database) -> None:
    """Rows that cascade are in the report of a dry run, before they go."""
    postgres.run(CREATE_ROWS)
    postgres.run(
        "create table parts (id int primary key, row_id bigint references rows on delete cascade);"
        "create index on parts (row_id)"
    )
    fill(postgres, expired=2)
    postgres.run("insert into parts values (1, 1)")

    dry = expire(postgres, {"dryRun": True})
    expire(postgres)

    assert dry["notes"] == {
        "rows": ["foreign key parts_row_id_fkey of public.parts: ON DELETE CASCADE"]
    }
    assert postgres.run("select count(*) from parts") == [(0,)]


def test_preflight_of_an_inherited_table_leaves_the_children(postgres: Database) -> None:
    """A rule means the table that it names."""
    postgres.run(CREATE_ROWS)
    postgres.run("create table child (primary key (id)) inherits (rows)")
    fill(postgres, expired=2)
    postgres.run("insert into child values (9, 1)")

    assert expire(postgres)["body"]["deleted"] == 2
    assert postgres.run("select id from child") == [(9,)]
