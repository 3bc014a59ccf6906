"""
The kinds of things that an ActingWeb table holds: what stays, and what a cleanup may take.

Each function makes the rows of one thing; the table at the end says how many, and of what count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.demo.token_scene import DAY_S, HOUR_S, SYSTEM, Kind, Maker, actor_of, provider_key

if TYPE_CHECKING:
    from tools.demo.token_scene import Item

ACCESS, ACCESS_INDEX = "mcp_tokens", "_access_token_index"
REFRESH, REFRESH_INDEX = "mcp_refresh_tokens", "_refresh_token_index"
CODES, CODE_INDEX = "mcp_auth_codes", "_auth_code_index"
SESSIONS = "_oauth_sessions"
LATE_S = -600.0  # past its end, and not past its row's TTL


def access(maker: Maker, name: str, left_s: float) -> list[Item]:
    """Return an access token with its provider's token and its index row."""
    token = maker.token(ACCESS, name, left_s, google_token_key=provider_key(name))
    return [token, maker.provider(name, left_s + HOUR_S), maker.index(ACCESS_INDEX, name, left_s)]


def living_access(maker: Maker, name: str) -> list[Item]:
    """An access token that somebody uses, its provider's token and its index row."""
    return access(maker, name, 1_800)


def expired_access(maker: Maker, name: str) -> list[Item]:
    """An access token past its end, and all that belongs to it."""
    return access(maker, name, LATE_S)


def swept_access(maker: Maker, name: str) -> list[Item]:
    """TTL has taken the token; its index row is left."""
    return [maker.index(ACCESS_INDEX, name, -2 * HOUR_S)]


def unswept_access(maker: Maker, name: str) -> list[Item]:
    """The token is past its TTL, which has not come yet: it counts as absent."""
    left_s = -2.0 * HOUR_S
    return [maker.token(ACCESS, name, left_s), maker.index(ACCESS_INDEX, name, left_s)]


def endless_access(maker: Maker, name: str) -> list[Item]:
    """A token that says nothing of its end, and has no TTL: nobody knows."""
    token = maker.row(actor_of(name), ACCESS, name, {"token": name}, None)
    return [token, maker.index(ACCESS_INDEX, name, 1_800)]


def dataless_index(maker: Maker, name: str) -> list[Item]:
    """An index row that says nothing of whom it points at."""
    row = maker.index(ACCESS_INDEX, name, 1_800)
    return [{key: value for key, value in row.items() if key != "data"}]


def living_refresh(maker: Maker, name: str) -> list[Item]:
    """A refresh token that was not used yet."""
    left_s = 20.0 * DAY_S
    token = maker.token(REFRESH, name, left_s, used=False)
    return [token, maker.index(REFRESH_INDEX, name, left_s)]


def used(maker: Maker, name: str, days_ago: float) -> list[Item]:
    """Return a refresh token that was used some days ago."""
    left_s, used_at = 20.0 * DAY_S, int(maker.now_s - days_ago * DAY_S)
    token = maker.token(REFRESH, name, left_s, used=True, used_at=used_at)
    return [token, maker.index(REFRESH_INDEX, name, left_s)]


def just_used_refresh(maker: Maker, name: str) -> list[Item]:
    """Used yesterday: whoever uses it again is a thief, and must be recognised."""
    return used(maker, name, 1)


def long_used_refresh(maker: Maker, name: str) -> list[Item]:
    """Used three days ago: of no use to anybody."""
    return used(maker, name, 3)


def expired_refresh(maker: Maker, name: str) -> list[Item]:
    """A refresh token past its end."""
    token = maker.token(REFRESH, name, LATE_S, used=False)
    return [token, maker.index(REFRESH_INDEX, name, LATE_S)]


def living_code(maker: Maker, name: str) -> list[Item]:
    """A code that a client is about to exchange."""
    return [maker.token(CODES, name, 300.0), maker.index(CODE_INDEX, name, 300.0)]


def expired_code(maker: Maker, name: str) -> list[Item]:
    """A code that no client came for, and the provider's token that it names."""
    token = maker.token(CODES, name, LATE_S, google_token_key=provider_key(name))
    return [token, maker.provider(name, HOUR_S), maker.index(CODE_INDEX, name, LATE_S)]


def living_session(maker: Maker, name: str) -> list[Item]:
    """A sign-in that was begun a minute ago."""
    return [maker.row(SYSTEM, SESSIONS, name, {"created_at": maker.now_s - 60}, HOUR_S)]


def expired_session(maker: Maker, name: str) -> list[Item]:
    """A sign-in that nobody has finished within ten minutes."""
    return [maker.row(SYSTEM, SESSIONS, name, {"created_at": maker.now_s - 1_200}, HOUR_S)]


def old_session(maker: Maker, name: str) -> list[Item]:
    """The same, from before the library wrote a TTL: TTL will never take it."""
    return [maker.row(SYSTEM, SESSIONS, name, {"created_at": maker.now_s - 90 * DAY_S}, None)]


def spa(maker: Maker, bucket: str, name: str, left_s: float) -> list[Item]:
    """Return a web application's token."""
    return [
        maker.row(SYSTEM, bucket, name, {"expires_at": int(maker.now_s + left_s)}, left_s + HOUR_S)
    ]


def living_spa(maker: Maker, name: str) -> list[Item]:
    """A web application's access token that somebody uses."""
    return spa(maker, "spa_access_tokens", name, 1_800)


def expired_spa(maker: Maker, name: str) -> list[Item]:
    """A web application's access token past its end."""
    return spa(maker, "spa_access_tokens", name, LATE_S)


def expired_spa_refresh(maker: Maker, name: str) -> list[Item]:
    """A web application's refresh token past its end."""
    return spa(maker, "spa_refresh_tokens", name, LATE_S)


def client(maker: Maker, name: str) -> list[Item]:
    """A registered client, in the same partition: no rule is about it."""
    return [maker.row(SYSTEM, "_client_index", name, "actor-1", None)]


def profile(maker: Maker, name: str) -> list[Item]:
    """What the application itself keeps of an actor."""
    return [maker.row(actor_of(name), "settings", name, {"language": "en"}, None)]


KINDS = (
    Kind("living access token", 30, living_access),
    Kind("expired access token", 12, expired_access, "access_tokens"),
    Kind("orphaned index row", 25, swept_access, entries=1),
    Kind("token past its TTL", 5, unswept_access, entries=1),
    Kind("token without an end", 2, endless_access),
    Kind("index row without data", 2, dataless_index),
    Kind("living refresh token", 10, living_refresh),
    Kind("refresh token used yesterday", 4, just_used_refresh),
    Kind("refresh token used long ago", 6, long_used_refresh, "refresh_tokens"),
    Kind("expired refresh token", 3, expired_refresh, "refresh_tokens"),
    Kind("living code", 2, living_code),
    Kind("expired code", 4, expired_code, "auth_codes"),
    Kind("living sign-in", 3, living_session),
    Kind("expired sign-in", 7, expired_session, "oauth_sessions"),
    Kind("sign-in from before TTL", 3, old_session, "oauth_sessions"),
    Kind("living web token", 5, living_spa),
    Kind("expired web token", 6, expired_spa, "spa_tokens"),
    Kind("expired web refresh token", 2, expired_spa_refresh, "spa_tokens"),
    Kind("registered client", 2, client),
    Kind("actor's own setting", 5, profile),
)
