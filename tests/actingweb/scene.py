"""
What ActingWeb stores in a month: through its own API, at the time it says, and what is of use yet.

A thing is one login, or one row that is not as it should be. Its credentials say what ActingWeb
can still do with them: "" is nothing, and whatever is of no use ought to go.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from actingweb.constants import OAUTH2_SYSTEM_ACTOR

from tests.actingweb.library import CLIENT
from tests.actingweb.stores import Key, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.actingweb.library import Library
    from tests.actingweb.stores import Store

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400
REUSE_S = 2 * DAY_S  # so long does ActingWeb tell a stolen refresh token
ACTOR = "3f2a9c51d0"
PROVIDER = {"access_token": "ya29.provider", "expires_in": 3_599}


@dataclass(frozen=True, slots=True)
class Credential:
    """Something that ActingWeb gave out, and how to ask it what that is worth."""

    kind: str
    name: str  # the rows' name too
    ask: Callable[[Library], str] = lambda _: ""


@dataclass(frozen=True, slots=True)
class Thing:
    """One login, or one odd row."""

    label: str
    store: Callable[[Library, Store], list[Credential]]
    before_ttl: bool = False  # it was there when TTL last came by


# Logins


def session(age_s: float) -> Callable[[Library, Store], list[Credential]]:
    """Wait for an e-mail address since so long."""

    def stored(library: Library, _: Store) -> list[Credential]:
        with library.ago(age_s):
            name = library.sessions.store_session(PROVIDER, {"sub": "1"})
        return [
            Credential(
                "session",
                name,
                lambda library: "known" if library.sessions.get_session(name) else "",
            )
        ]

    return stored


def spa_access(age_s: float, ttl_s: int | None = None) -> Callable[..., list[Credential]]:
    """Log a browser in, so long ago."""

    def stored(library: Library, _: Store) -> list[Credential]:
        name = secrets.token_urlsafe(32)
        with library.ago(age_s):
            library.sessions.store_access_token(name, ACTOR, "me@example.com", ttl=ttl_s)
        return [
            Credential(
                "spa access",
                name,
                lambda library: "valid" if library.sessions.validate_access_token(name) else "",
            )
        ]

    return stored


def spa_refresh(age_s: float, used_s: float | None = None) -> Callable[..., list[Credential]]:
    """Give a browser a refresh token; it was used so long ago."""

    def stored(library: Library, _: Store) -> list[Credential]:
        with library.ago(age_s):
            name = library.sessions.create_refresh_token(ACTOR, "me@example.com")
        if used_s is not None:
            with library.ago(used_s):
                assert library.sessions.try_mark_refresh_token_used(name)[0]
        return [Credential("spa refresh", name, lambda library: spa_worth(library, name))]

    return stored


def spa_worth(library: Library, name: str) -> str:
    """Say what a browser's refresh token is worth: another one, or knowing a thief."""
    fresh, data = library.sessions.try_mark_refresh_token_used(name)
    if fresh:
        return "rotates"
    used_at = (data or {}).get("used_at")
    young = used_at is not None and library.now() - used_at <= REUSE_S
    return "tells a thief" if young else ""


def marked(age_s: float, used_s: float) -> Callable[..., list[Credential]]:
    """Use a refresh token by the older way, which takes its TTL away."""

    def stored(library: Library, store: Store) -> list[Credential]:
        made = spa_refresh(age_s)(library, store)
        with library.ago(used_s):
            assert library.sessions.mark_refresh_token_used(made[0].name)
        return made

    return stored


def code(age_s: float) -> Callable[..., list[Credential]]:
    """Let a client begin to log in, so long ago."""

    def stored(library: Library, _: Store) -> list[Credential]:
        with library.ago(age_s):
            name = library.tokens.create_authorization_code(ACTOR, CLIENT, dict(PROVIDER))
        return [Credential("code", name, lambda library: exchanged(library, name))]

    return stored


def exchanged(library: Library, name: str) -> str:
    """Say whether a code is exchanged for tokens."""
    return "exchanges" if library.tokens.exchange_authorization_code(name, CLIENT) else ""


def grant(age_s: float) -> Callable[..., list[Credential]]:
    """Let a client log in, so long ago."""

    def stored(library: Library, _: Store) -> list[Credential]:
        with library.ago(age_s):
            name = library.tokens.create_authorization_code(ACTOR, CLIENT, dict(PROVIDER))
            given = library.tokens.exchange_authorization_code(name, CLIENT)
        assert given
        return pair(given)

    return stored


def pair(given: Mapping[str, Any]) -> list[Credential]:
    """Return what a client was given."""
    access, refresh = given["access_token"], given["refresh_token"]
    return [
        Credential(
            "access",
            access,
            lambda library: "valid" if library.tokens.validate_access_token(access) else "",
        ),
        Credential(
            "refresh",
            refresh,
            lambda library: (
                "rotates" if library.tokens.refresh_access_token(refresh, CLIENT) else ""
            ),
        ),
    ]


def rotated(age_s: float, rotated_s: float) -> Callable[..., list[Credential]]:
    """Log in so long ago, and rotate the refresh token so long ago: the old one tells a thief."""

    def stored(library: Library, store: Store) -> list[Credential]:
        first = grant(age_s)(library, store)[1]
        with library.ago(rotated_s):
            given = library.tokens.refresh_access_token(first.name, CLIENT)
        assert given
        access, second = pair(given)
        used = Credential("used refresh", first.name, lambda lib: thief(lib, first.name, second))
        return [access, second, used]  # the last one ends the chain when it is asked

    return stored


def thief(library: Library, used: str, successor: Credential) -> str:
    """Say whether a used token, presented again, ends the chain that it began."""
    there = library.tokens._load_refresh_token(successor.name)  # noqa: SLF001 - reads, no more
    library.tokens.refresh_access_token(used, CLIENT)
    gone = library.tokens._load_refresh_token(successor.name) is None  # noqa: SLF001
    return "tells a thief" if there and gone else ""


# Rows that are not as they should be


def attribute(
    bucket: str, data: Any, *, actor: str = OAUTH2_SYSTEM_ACTOR, index: str = ""
) -> Callable[..., list[Credential]]:
    """Store something by the API for attributes; with *index* also a row that points there."""

    def stored(library: Library, _: Store) -> list[Credential]:
        name = f"odd_{secrets.token_urlsafe(16)}"
        library.store(bucket, name, data, actor=actor)
        if index:
            library.store(index, name, actor)
        return [Credential("odd", name, lambda _: "not ours to judge")]

    return stored


def raw(bucket: str, data: Any, ttl: int | None = None) -> Callable[..., list[Credential]]:
    """Write a row that ActingWeb itself would not write."""

    def stored(_: Library, store: Store) -> list[Credential]:
        name = f"odd_{secrets.token_urlsafe(16)}"
        row = Row(bucket, name, data, ttl)
        store.put((OAUTH2_SYSTEM_ACTOR, f"{bucket}:{name}"), row)
        return [Credential("odd", name, lambda _: "not ours to judge")]

    return stored


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
