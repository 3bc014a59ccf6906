"""
ActingWeb's rules on its table: what has died goes with what it owns; what lives is not touched.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from expiry.errors import CapExceededError, EventError, MismatchError
from tests.postgres.expiry_runs import expire, is_batch, watching
from tests.postgres.fixtures import every_version

if TYPE_CHECKING:
    from tests.postgres.database import Database

SYSTEM = "_actingweb_oauth2"
CREATE = """
    create table attributes (
        id varchar(255), bucket_name varchar(255), bucket varchar(255) not null,
        name varchar(255) not null, data jsonb, timestamp timestamp, ttl_timestamp bigint,
        primary key (id, bucket_name));
    create index idx_attributes_ttl on attributes (ttl_timestamp) where ttl_timestamp is not null;
"""
HOUR_S = 3_600


class Store:
    """The table, with rows as ActingWeb writes them."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now_s = int(time.time())
        database.run(CREATE)

    def put(self, actor: str, bucket: str, name: str, data: Any, ttl_s: int | None = None) -> None:
        """Store an attribute; *ttl_s* counts from now."""
        ttl = None if ttl_s is None else self.now_s + ttl_s
        self.database.run(
            "insert into attributes values (%s, %s, %s, %s, %s, now(), %s)",
            *(actor, f"{bucket}:{name}", bucket, name, json.dumps(data), ttl),
        )

    def token(self, name: str, ends_s: int | None, ttl_s: int | None = None, **more: Any) -> None:
        """Store an access token of actor ``a1`` with its index row."""
        times = {} if ends_s is None else {"expires_at": self.now_s + ends_s}
        self.put(SYSTEM, "_access_token_index", name, "a1")
        self.put("a1", "mcp_tokens", name, times | more, ttl_s)

    def rows(self) -> set[str]:
        """Return the names that are there."""
        return {name for (name,) in self.database.run("select bucket_name from attributes")}

    def ttls(self) -> dict[str, int | None]:
        """Return how long from now each row has, where it has a TTL."""
        found = self.database.run("select bucket_name, ttl_timestamp from attributes")
        return {name: None if ttl is None else ttl - self.now_s for name, ttl in found}


def filled(database: Database) -> Store:
    """Return a store with one row of each sort."""
    store = Store(database)
    store.token("alive", HOUR_S, google_token_key="g3")  # noqa: S106 - a row's name
    store.put("a1", "mcp_google_tokens", "g3", {"token": "x"})
    store.put("a1", "mcp_google_tokens", "g4", {"token": "x"})
    store.token("dead", -100, HOUR_S, google_token_key="g1")  # noqa: S106 - a row's name
    store.put("a1", "mcp_google_tokens", "g1", {"token": "x"}, HOUR_S)
    store.put("a1", "mcp_google_tokens", "g2", {"token": "x"}, HOUR_S)
    store.token("stale", -9_999, -HOUR_S)
    store.token("without-end", None)
    store.token("end-as-text", None, expires_at="1000")
    store.put(SYSTEM, "_access_token_index", "orphan", "a1")
    store.put(SYSTEM, "_access_token_index", "no-actor", None)
    # One key for two buckets: it is no target, and nobody's to delete.
    store.put(SYSTEM, "_access_token_index", "two", "a2")
    store.database.run(
        "insert into attributes values ('a2', 'mcp_tokens:two', 'mcp_tokens:t', 'wo', '{}')"
    )
    for name, used_s in (("used-long", -172_900), ("used-lately", -172_000)):
        store.put(SYSTEM, "_refresh_token_index", name, "a1")
        used = {"expires_at": store.now_s + HOUR_S, "used": True, "used_at": store.now_s + used_s}
        store.put("a1", "mcp_refresh_tokens", name, used)
    unused = {"expires_at": store.now_s + HOUR_S, "used": False, "used_at": 1}
    store.put("a1", "mcp_refresh_tokens", "unused", unused, HOUR_S)
    store.put(SYSTEM, "_refresh_token_index", "unused", "a1", HOUR_S)
    store.put(SYSTEM, "_auth_code_index", "code", "a1")
    store.put("a1", "mcp_auth_codes", "code", {"expires_at": store.now_s - 100})
    store.put(SYSTEM, "_oauth_sessions", "old", {"created_at": store.now_s - 700})
    store.put(SYSTEM, "_oauth_sessions", "young", {"created_at": store.now_s - 600})
    store.put(SYSTEM, "_oauth_sessions", "odd", ["created_at", 1])
    store.put(SYSTEM, "spa_access_tokens", "old", {"expires_at": store.now_s - 70})
    store.put(SYSTEM, "spa_access_tokens", "skew", {"expires_at": store.now_s - 40})
    store.put(SYSTEM, "spa_refresh_tokens", "old", {"expires_at": 1.5e9})
    store.put("a3", "mine", "forever", {"expires_at": 1})
    store.put("a3", "mine", "gone", {}, -HOUR_S)
    return store


GONE = {
    "mcp_tokens:dead",
    "_access_token_index:dead",
    "mcp_google_tokens:g1",
    "mcp_tokens:stale",
    "_access_token_index:stale",
    "_access_token_index:orphan",
    "_access_token_index:two",
    "mcp_refresh_tokens:used-long",
    "_refresh_token_index:used-long",
    "mcp_auth_codes:code",
    "_auth_code_index:code",
    "_oauth_sessions:old",
    "spa_access_tokens:old",
    "spa_refresh_tokens:old",
    "mine:gone",
}
BODY = {
    "oauth_sessions": 1,
    "spa_tokens": 2,
    "mcp_tokens": {"access_tokens": 1, "refresh_tokens": 1, "auth_codes": 1, "index_entries": 3},
}


@every_version
def test_preset_takes_the_dead_and_what_they_own(postgres: Database) -> None:
    """Exactly the rows that nobody can use any more go, and are counted as ActingWeb counts."""
    store = filled(postgres)
    before = store.rows()

    found = expire(postgres, tables=None)

    assert before - store.rows() == GONE
    assert found["body"] == BODY | {"deleted": len(GONE), "tables": {"attributes": 1}}
    assert found["rules"]["mcp_access_tokens"]["unknown"] == 3
    assert found["rules"]["oauth_sessions"]["unknown"] == 1
    assert expire(postgres, tables=None)["body"]["deleted"] == 0


def test_preset_in_a_dry_run_counts_the_same(postgres: Database) -> None:
    """A role that only reads is enough, and the counts are those of the real run."""
    store = filled(postgres)
    before = store.rows()
    reader = postgres.new_role("select on attributes", "usage on schema public")

    found = expire(reader, {"dryRun": True}, tables=None)

    assert store.rows() == before
    assert {name: found["body"][name] for name in BODY} == BODY


def test_preset_refuses_index_rows_of_which_none_has_a_target(postgres: Database) -> None:
    """Over a hundred orphans and not one target is a wrong table; the other rules go on."""
    store = Store(postgres)
    for number in range(101):
        store.put(SYSTEM, "_access_token_index", str(number), "a1")
    store.put(SYSTEM, "_oauth_sessions", "old", {"created_at": 1})

    with pytest.raises(CapExceededError, match="mcp_access_tokens: no index row has a target"):
        expire(postgres, tables=None)
    assert len(store.rows()) == 101

    store.token("alive", HOUR_S)
    assert expire(postgres, tables=None)["body"]["mcp_tokens"]["index_entries"] == 101


def test_preset_is_a_statement_for_hundreds_of_index_rows(postgres: Database) -> None:
    """Each batch is one round trip, whatever it has to look up; nothing is passed by."""
    store = Store(postgres)
    postgres.run(
        "insert into attributes select %s, '_access_token_index:' || n, '_access_token_index',"
        " n::text, '\"a1\"' from generate_series(1, 2000) n",
        SYSTEM,
    )
    store.token("alive", HOUR_S)
    batches = []

    def look(sql: str) -> None:
        if is_batch(sql):
            batches.append(sql)

    found = expire(postgres, tables=None, around=watching(look))

    assert found["body"]["mcp_tokens"]["index_entries"] == 2_000
    assert len(batches) <= 20
    assert store.rows() == {"mcp_tokens:alive", "_access_token_index:alive"}


@pytest.mark.parametrize(
    "held", ["mcp_tokens:dead", "mcp_google_tokens:g1", "_access_token_index:dead"]
)
def test_preset_passes_by_what_somebody_holds(postgres: Database, held: str) -> None:
    """A token that is being written on stays whole; the next run takes it with all that is its."""
    store = filled(postgres)
    with postgres.connect(autocommit=False) as writer:
        writer.execute("select 1 from attributes where bucket_name = %s for update", (held,))
        found = expire(postgres, {"tables": ["mcp_access_tokens"]}, tables=None)
    token = "mcp_tokens:dead" in store.rows()

    assert held in store.rows()
    assert token == ("mcp_google_tokens:g1" in store.rows())
    assert found["outcomes"]["changed"] == 1
    expire(postgres, tables=None)
    assert not GONE & store.rows()


def test_backfill_gives_each_row_the_ttl_that_it_would_have(postgres: Database) -> None:
    """By its own times, or its target's; dry run first; a second run has nothing to do."""
    store = filled(postgres)
    before = store.ttls()

    dry = expire(postgres, {"operation": "backfill", "dryRun": True}, tables=None)
    assert store.ttls() == before
    found = expire(postgres, {"operation": "backfill"}, tables=None)
    ttls = store.ttls()

    assert found["body"] == dry["body"]
    assert {n: ttl for n, ttl in before.items() if ttl is not None}.items() <= ttls.items()
    filled_in = {name: ttls[name] for name in ttls if before[name] is None and ttls[name]}
    assert found["body"]["backfilled"] == len(filled_in)
    assert filled_in.pop("spa_refresh_tokens:old") == 1_500_000_000 + HOUR_S - store.now_s
    assert filled_in == {
        "mcp_tokens:alive": 2 * HOUR_S,
        "_access_token_index:alive": 4 * HOUR_S,
        "mcp_google_tokens:g3": 4 * HOUR_S,
        "_access_token_index:dead": 3 * HOUR_S,
        "_access_token_index:stale": HOUR_S,
        "mcp_refresh_tokens:used-long": -172_900 + 172_800 + HOUR_S,
        "_refresh_token_index:used-long": -172_900 + 172_800 + 3 * HOUR_S,
        "mcp_refresh_tokens:used-lately": -172_000 + 172_800 + HOUR_S,
        "_refresh_token_index:used-lately": -172_000 + 172_800 + 3 * HOUR_S,
        "mcp_auth_codes:code": HOUR_S - 100,
        "_auth_code_index:code": 3 * HOUR_S - 100,
        "_oauth_sessions:old": HOUR_S - 100,
        "_oauth_sessions:young": HOUR_S,
        "spa_access_tokens:old": HOUR_S - 70,
        "spa_access_tokens:skew": HOUR_S - 40,
    }
    assert found["rules"]["oauth_sessions"]["rows"] == 0  # none was deleted
    assert expire(postgres, {"operation": "backfill"}, tables=None)["body"]["backfilled"] == 0


@pytest.mark.parametrize("limit", [1, 4, 5, 6, 7])
def test_preset_keeps_to_the_limit(postgres: Database, limit: int) -> None:
    """Rows that go with an index row count too, and never go over it; the next run goes on."""
    store = filled(postgres)
    before = store.rows()

    found = expire(postgres, {"limit": limit}, tables=None)

    assert (found["complete"], found["stopped"]) == (False, "limit")
    assert limit - 2 <= len(before - store.rows()) == found["body"]["deleted"] <= limit
    expire(postgres, tables=None)
    assert before - store.rows() == GONE


def test_preset_on_a_table_that_is_not_actingwebs_is_refused(postgres: Database) -> None:
    """The rules know the columns; another table of that name is left alone."""
    postgres.run(
        "create table attributes (id text, bucket_name text, ttl_timestamp bigint, data text,"
        " primary key (id, bucket_name))"
    )
    postgres.run("insert into attributes values ('a', 'b', 1)")

    with pytest.raises(MismatchError, match="data is text, and must be jsonb"):
        expire(postgres, tables=None)

    assert postgres.run("select count(*) from attributes") == [(1,)]


def test_backfill_without_the_preset_is_refused(postgres: Database) -> None:
    """No other table says how its expiry is made."""
    with pytest.raises(EventError, match="backfill needs PRESET"):
        expire(postgres, {"operation": "backfill"})
