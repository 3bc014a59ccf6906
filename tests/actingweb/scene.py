"""
What ActingWeb stores in a month: through its own API, at the time it says.

A thing is one login, or one row that is not as it should be.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.actingweb.logins import (
    ACTOR,
    DAY_S,
    HOUR_S,
    MINUTE_S,
    REUSE_S,
    Credential,
    attribute,
    code,
    grant,
    marked,
    raw,
    rotated,
    session,
    spa_access,
    spa_refresh,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.actingweb.library import Library
    from tests.actingweb.stores import Key, Store


@dataclass(frozen=True, slots=True)
class Thing:
    """One login, or one odd row."""

    label: str
    store: Callable[[Library, Store], list[Credential]]
    before_ttl: bool = False  # it was there when TTL last came by


ACCESS, REFRESH, CODE = "_access_token_index", "_refresh_token_index", "_auth_code_index"
LONG_AGO = 1_600_000_000

THINGS = (
    Thing("session, 5 minutes old", session(5 * MINUTE_S)),
    Thing("session, 12 minutes old", session(12 * MINUTE_S)),
    Thing("session, past its TTL", session(2 * HOUR_S)),
    Thing("browser, 30 minutes", spa_access(30 * MINUTE_S)),
    Thing("browser, 62 minutes", spa_access(62 * MINUTE_S)),
    Thing("browser, past its TTL", spa_access(3 * HOUR_S)),
    Thing("browser, longer by its own", spa_access(3 * HOUR_S, 8 * HOUR_S)),
    Thing("browser's refresh, 1 day", spa_refresh(DAY_S)),
    Thing("browser's refresh, 14 days", spa_refresh(14 * DAY_S + 30 * MINUTE_S)),
    Thing("browser's refresh, past its TTL", spa_refresh(15 * DAY_S)),
    Thing("browser's refresh, used today", spa_refresh(5 * DAY_S, HOUR_S)),
    Thing("browser's refresh, used 2 days ago", spa_refresh(5 * DAY_S, REUSE_S + 30 * MINUTE_S)),
    Thing("browser's refresh, used and past its TTL", spa_refresh(5 * DAY_S, 3 * DAY_S)),
    Thing("browser's refresh, marked used today", marked(5 * DAY_S, HOUR_S)),
    Thing("browser's refresh, marked used 3 days ago", marked(5 * DAY_S, 3 * DAY_S)),
    Thing("code, 5 minutes", code(5 * MINUTE_S)),
    Thing("code, 12 minutes", code(12 * MINUTE_S)),
    Thing("code, past its TTL", code(150 * MINUTE_S)),
    Thing("code, and its index past their TTL", code(4 * HOUR_S)),
    Thing("code, removed by TTL", code(150 * MINUTE_S), before_ttl=True),
    Thing("client, 30 minutes", grant(30 * MINUTE_S)),
    Thing("client, 90 minutes", grant(90 * MINUTE_S)),
    Thing("client, past its TTL", grant(3 * HOUR_S)),
    Thing("client, and its index past their TTL", grant(5 * HOUR_S)),
    Thing("client, removed by TTL", grant(3 * HOUR_S), before_ttl=True),
    Thing("client, 30 days", grant(30 * DAY_S + 30 * MINUTE_S)),
    Thing("client, 30 days, past its TTL", grant(30 * DAY_S + 2 * HOUR_S)),
    Thing("client, 31 days", grant(31 * DAY_S)),
    Thing("client, 30 days, removed by TTL", grant(30 * DAY_S + 2 * HOUR_S), before_ttl=True),
    Thing("client, rotated today", rotated(5 * DAY_S, 30 * MINUTE_S)),
    Thing("client, rotated 2 days ago", rotated(5 * DAY_S, REUSE_S + 30 * MINUTE_S)),
    Thing("client, rotated, used past its TTL", rotated(5 * DAY_S, REUSE_S + 2 * HOUR_S)),
    Thing(
        "client, rotated, used removed by TTL",
        rotated(5 * DAY_S, REUSE_S + 2 * HOUR_S),
        before_ttl=True,
    ),
    Thing("index row without data", raw(ACCESS, None)),
    Thing("index row with a number", raw(ACCESS, 42)),
    Thing("token without expiry", attribute("mcp_tokens", {"a": 1}, actor=ACTOR, index=ACCESS)),
    Thing(
        "token with expiry as text",
        attribute("mcp_tokens", {"expires_at": "1"}, actor=ACTOR, index=ACCESS),
    ),
    Thing("token that is a list", attribute("mcp_tokens", [1], actor=ACTOR, index=ACCESS)),
    Thing("session without a time", attribute("_oauth_sessions", {"state": ""})),
    Thing("browser's token without expiry", attribute("spa_access_tokens", {"actor_id": ACTOR})),
    Thing("bucket like an index", attribute(f"{ACCESS}:copy", ACTOR)),
    Thing("bucket like a browser's", attribute("spa_access_tokens_kept", {"expires_at": LONG_AGO})),
    Thing("bucket of an application", attribute("settings", {"expires_at": 1}, actor=ACTOR)),
    Thing("bucket of an application, past its TTL", raw("seen", {"by": "us"}, LONG_AGO)),
    # The last one: within the minute that clocks may differ by, our run has to come.
    Thing("session, just over", session(10 * MINUTE_S + 2)),
)


@dataclass
class Scene:
    """Everything stored, and whose each row is."""

    credentials: dict[str, Credential] = field(default_factory=dict)
    labels: dict[Key, str] = field(default_factory=dict)

    def build(self, library: Library, store: Store) -> None:
        """Store everything; TTL comes by once in between."""
        store.use()
        for early in (True, False):
            for thing in THINGS:
                if thing.before_ttl is early:
                    self._store(thing, library, store)
            if early:
                store.drop_expired()
        there = store.rows().keys()
        self.labels = {key: label for key, label in self.labels.items() if key in there}

    def _store(self, thing: Thing, library: Library, store: Store) -> None:
        before = store.rows().keys()
        made = {each.name: each for each in thing.store(library, store)}
        new = {key: row for key, row in store.rows().items() if key not in before}
        owners = {  # of a row of the upstream provider's: who names it
            row.data["google_token_key"]: row.name
            for row in new.values()
            if isinstance(row.data, dict) and row.data.get("google_token_key")
        }
        for key, row in new.items():
            name = owners.get(row.name, row.name)
            self.labels[key] = f"{thing.label} | {made[name].kind} | {row.bucket}"
        for each in made.values():
            self.credentials[f"{thing.label} | {each.kind}"] = each

    def answers(self, library: Library, store: Store) -> dict[str, str]:
        """Ask ActingWeb what each credential is worth; some of that changes the store."""
        store.use()
        return {label: each.ask(library) for label, each in self.credentials.items()}

    def gone(self, store: Store) -> set[str]:
        """Return the labels of the rows that are not there any more."""
        there = store.rows().keys()
        return {label for key, label in self.labels.items() if key not in there}
