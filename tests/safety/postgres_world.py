"""
Tables with every kind of row that may come to harm, and what must be left of them.

``tokens`` has an epoch column, a grace and a condition; ``drafts`` a timestamp with a lifetime and
a key of two columns. Many rows share one expiry, so that a batch ends among them. ``uses`` refers
to tokens and keeps them; ``archived`` inherits from them, and nobody named it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.postgres.database import Database

GRACE_S = 3600
LIFETIME_S = 86_400
SKEW_S = 60
BATCH_SIZE = 7

RULES = {
    "tokens": {
        "table": "tokens",
        "expiry": {"column": "expires_at", "kind": "epoch_seconds"},
        "where": [{"column": "kind", "operator": "=", "value": "session"}],
        "grace_s": GRACE_S,
        "batch_size": BATCH_SIZE,
    },
    "drafts": {
        "table": "drafts",
        "expiry": {"column": "touched_at", "kind": "timestamptz", "lifetime_s": LIFETIME_S},
        "batch_size": BATCH_SIZE,
    },
}
TABLES = json.dumps(RULES)

SCHEMA = """
create table tokens (
    id bigint primary key,
    expires_at bigint,
    kind text not null default 'session',
    note text not null
);
create index tokens_expiry on tokens (expires_at, id);
create table archived () inherits (tokens);
create table uses (token_id bigint references tokens);
create index on uses (token_id);
create table drafts (
    tenant text,
    name text,
    touched_at timestamptz,
    note text not null,
    primary key (tenant, name)
);
create index drafts_expiry on drafts (touched_at, tenant, name);
"""

DEAD, ALIVE = "dead", "alive"
REFERRED = "referred"
# note, how many, seconds from now to the column's time (None: null), kind
TOKENS: tuple[tuple[str, int, int | None, str], ...] = (
    (DEAD, 16, -GRACE_S - SKEW_S - 60, "session"),  # one expiry, more than two batches
    (DEAD, 5, -GRACE_S - SKEW_S - 3600, "session"),
    (ALIVE, 3, -GRACE_S - 20, "session"),  # within what clocks may differ by
    (ALIVE, 3, -GRACE_S + 600, "session"),  # within the grace
    (ALIVE, 3, 600, "session"),
    (ALIVE, 3, None, "session"),
    (ALIVE, 3, -GRACE_S - 7200, "kept"),  # long expired, and not meant
    (REFERRED, 2, -GRACE_S - 7200, "session"),
)
DRAFTS: tuple[tuple[str, int, int | None], ...] = (
    (DEAD, 9, -LIFETIME_S - SKEW_S - 600),
    (ALIVE, 3, -LIFETIME_S + 600),  # written long ago, and not yet at its end
    (ALIVE, 3, None),
)

State = dict[str, list[tuple[Any, ...]]]


def build(database: Database) -> None:
    """Make the tables where they are missing, and fill them afresh."""
    with database.connect() as connection, connection.transaction():
        if not connection.execute("select to_regclass('tokens') is not null").fetchall()[0][0]:
            connection.execute(SCHEMA)
        connection.execute("truncate tokens, archived, uses, drafts")
        for note, count, offset_s, kind in TOKENS:
            connection.execute(
                "insert into tokens select (select count(*) from tokens) + n,"
                " extract(epoch from now())::bigint + %s, %s, %s from generate_series(1, %s) as n",
                [offset_s, kind, note, count],
            )
        connection.execute("insert into uses select id from tokens where note = %s", [REFERRED])
        connection.execute(
            "insert into archived select id + 1000, expires_at, kind, %s from tokens"
            " where note = %s limit 9",
            [ALIVE, DEAD],
        )
        for note, count, offset_s in DRAFTS:
            connection.execute(
                "insert into drafts select 't' || n %% 2, 'd' || ((select count(*) from drafts)"
                " + n), now() + make_interval(secs => %s), %s from generate_series(1, %s) as n",
                [offset_s, note, count],
            )


def snapshot(database: Database) -> State:
    """Return every row; a token that something refers to is marked so."""
    with database.connect() as connection:
        return {
            "tokens": connection.execute(TOKENS_NOW, [REFERRED]).fetchall(),
            "drafts": connection.execute("select * from drafts order by name").fetchall(),
            "uses": connection.execute("select * from uses order by token_id").fetchall(),
        }


TOKENS_NOW = """
select id, expires_at, kind,
    case when id in (select token_id from uses) then %s else note end
from tokens order by id
"""


def living(state: State) -> State:
    """Return what of *state* must survive."""
    return {table: [row for row in rows if row[-1] != DEAD] for table, rows in state.items()}


def dead(state: State) -> int:
    """Return how many rows of *state* are due."""
    return sum(len(rows) for rows in state.values()) - sum(map(len, living(state).values()))
