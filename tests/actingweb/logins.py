"""
Log in as people, browsers and clients do, so long ago; and ask what is still to be had for it.

A credential says what ActingWeb can do with it: "" is nothing, and whatever is of no use ought to
go.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actingweb.constants import OAUTH2_SYSTEM_ACTOR

from tests.actingweb.library import CLIENT
from tests.actingweb.stores import Row

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
