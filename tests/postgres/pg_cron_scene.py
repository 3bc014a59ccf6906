"""
The tables that pg_cron's SQL is proven on, and what the module renders for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.modules.plan import plan_variants
from tests.modules.postgres_expiry_calls import DATABASE, EVERY_KIND, INSIDE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.postgres.database import Database

# Seconds around now, in each kind: well past, just past grace and lifetime, not yet, far ahead.
SCHEMA = r"""
create schema "of ""quotes"" and $";
create table seconds (id bigint primary key, expires bigint);
create index on seconds (expires);
create table "of ""quotes"" and $"."it's" (
    id uuid default gen_random_uuid(), "Made At" bigint not null, state text, weight numeric,
    held date, primary key ("Made At", id)
);
create table zoned (
    id int, part text, expires timestamptz, kept boolean not null default false,
    primary key (id, part)
);
create table unzoned (id int primary key, expires timestamp);
"""
FILL = r"""
insert into seconds
select n, case when n > 70 then null when n > 35 then extract(epoch from now())::bigint + 1000 + n
               else extract(epoch from now())::bigint - 1000 - n % 7 end
from generate_series(1, 80) n;
insert into "of ""quotes"" and $"."it's" ("Made At", state, weight, held)
select (extract(epoch from now())::bigint - 3600 - 60 - age) * 1000, state, weight, held
from (values
    (1000, 'it''s done', 2, null::date), (1001, 'it''s done', 2, null),
    (1002, 'it''s done', 1.5, null), (1003, 'it''s done', 9, null),
    (1003, 'it''s done', 9, null), (1004, 'it''s done', 9, null),
    (-500, 'it''s done', 2, null), (1000, 'open', 2, null), (1000, null, 2, null),
    (1000, 'it''s done', 1.4, null), (1000, 'it''s done', 2, '2026-01-01')
) as rows (age, state, weight, held);
insert into zoned
select n, 'p', now() + case when n > 4 then interval '1 hour' else interval '-1 hour' end, n = 1
from generate_series(1, 9) n;
insert into unzoned
select n, now() at time zone 'UTC' + case when n > 3 then 1 else -1 end * interval '1 hour'
from generate_series(1, 9) n;
"""
# Rule → how many of its rows are expired, and how many are there.
EXPIRED = {"seconds": 35, "millis": 6, "zoned": 3, "unzoned": 3}
THERE = {"seconds": 80, "millis": 11, "zoned": 9, "unzoned": 9}
TABLES = {
    "seconds": "seconds",
    "millis": '"of ""quotes"" and $"."it\'s"',
    "zoned": "zoned",
    "unzoned": "unzoned",
}
SECONDS = {"seconds": EVERY_KIND["seconds"]}
CALLS = {
    "all": {**INSIDE, "tables": EVERY_KIND},
    "seconds": {**INSIDE, "name": "sessions-cleanup", "tables": SECONDS},
    "dry": {**INSIDE, "name": "dry", "tables": SECONDS, "dry_run": True},
    "limited": {
        **INSIDE,
        "name": "limited",
        "tables": SECONDS,
        "limits": {
            "max_deletes_per_run": 25,
            "max_rows_per_second": 100_000,
            "max_replica_lag_s": 9,
        },
    },
    "elsewhere": {
        **INSIDE,
        "name": "elsewhere",
        "database": {**DATABASE, "name": "app"},
        "tables": SECONDS,
        "pg_cron": {"cron_database": "postgres"},
    },
    "beside": {
        **INSIDE,
        "name": "beside",
        "database": {**DATABASE, "name": "postgres"},
        "tables": SECONDS,
    },
}


@dataclass(frozen=True, slots=True)
class Rendered:
    """What the module renders for one call."""

    files: Mapping[str, str]
    queries: Mapping[str, str]


def rendered_calls() -> dict[str, Rendered]:
    """Render every call, in one plan; nothing of it is made in AWS."""
    planned = plan_variants("postgres-expiry", CALLS)
    return {call: Rendered(**module.outputs["pg_cron"]) for call, module in planned.items()}


def fill(database: Database) -> None:
    """Make the tables, and their rows."""
    run_script(database, SCHEMA)
    run_script(database, FILL)


def run_script(database: Database, script: str) -> None:
    """Run a file as psql does: statement by statement, in the transactions that it says itself."""
    with database.connect() as connection:
        connection.execute(script.encode())


def counts(database: Database) -> dict[str, int]:
    """Count the rows of every table, by rule."""
    return {rule: one(database, f"table {name}", counted=True) for rule, name in TABLES.items()}


def one(database: Database, query: str, *, counted: bool = False) -> Any:
    """Return the one value of a query, or how many rows it has."""
    rows = database.run(query)
    if counted:
        return len(rows)
    ((value,),) = rows
    return value


def everything(database: Database) -> list[tuple[Any, ...]]:
    """List all that is in the catalog and not PostgreSQL's own."""
    return database.run(
        """
        select 'schema', nspname, '' from pg_namespace where nspname !~ '^pg_(toast|temp)'
        union all
        select 'routine', n.nspname, p.oid::regprocedure::text
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname not in ('pg_catalog', 'information_schema')
        union all
        select 'relation', n.nspname, c.relname
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^pg_toast'
        order by 1, 2, 3
        """
    )
