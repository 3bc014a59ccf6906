"""
ActingWeb's layout, row by row: tokens, sessions, their index rows, and what nobody can read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.safety.index_stage import ACTOR, SYSTEM
from tests.safety.index_world import DEAD_H, LIVING_H, Case, Rows, World, moments

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.safety.index_stage import IndexStage
    from tests.safety.stage import Item

ACCESS, REFRESH, CODE = "_access_token_index", "_refresh_token_index", "_auth_code_index"
TARGETS = {ACCESS: "mcp_tokens", REFRESH: "mcp_refresh_tokens", CODE: "mcp_auth_codes"}
PROVIDER = "mcp_google_tokens"
SESSIONS, SPA_ACCESS, SPA_REFRESH = "_oauth_sessions", "spa_access_tokens", "spa_refresh_tokens"
USED_LONG_AGO_H, USED_H = -49.0, -47.0  # a used refresh token is kept for two days


def index_row(
    stage: IndexStage, name: str, index: str = ACCESS, *, ttl_h: float | None = 26
) -> Item:
    """Make an index row as ActingWeb does: its data is the actor's id as JSON."""
    return stage.row(SYSTEM, index, name, ACTOR, ttl_h=ttl_h)


def token(
    stage: IndexStage, name: str, index: str = ACCESS, *, ttl_h: float | None = 24, **data: Any
) -> Item:
    """Make the row that an index row points at."""
    return stage.row(ACTOR, TARGETS[index], name, {"token": name, **data}, ttl_h=ttl_h)


def provider(stage: IndexStage, name: str) -> Item:
    """Make the upstream provider's row that a token names."""
    return stage.row(ACTOR, PROVIDER, f"google_{name}", {"access_token": "ya29"})


def living(index: str = ACCESS, **data: Any) -> Callable[[IndexStage, str], Rows]:
    """Make a token that is good, with all that belongs to it."""

    def make(stage: IndexStage, name: str) -> Rows:
        about: dict[str, Any] = {
            "expires_at": stage.at(LIVING_H),
            "google_token_key": f"google_{name}",
        }
        about |= moments(stage, data)
        rows = (index_row(stage, name, index), token(stage, name, index, **about))
        return Rows(alive=(*rows, provider(stage, name)))

    return make


def expired(index: str = ACCESS, **data: Any) -> Callable[[IndexStage, str], Rows]:
    """Make a token that has had its time, with all that goes with it."""

    def make(stage: IndexStage, name: str) -> Rows:
        about: dict[str, Any] = {"expires_at": stage.at(DEAD_H)} | moments(stage, data)
        linked: tuple[Item, ...] = ()
        if index == ACCESS:
            about["google_token_key"] = f"google_{name}"
            linked = (provider(stage, name),)
        rows = (index_row(stage, name, index), token(stage, name, index, **about))
        return Rows(dead=(*rows, *linked))

    return make


def orphan(index: str = ACCESS) -> Callable[[IndexStage, str], Rows]:
    """Make an index row whose target is gone."""
    return lambda stage, name: Rows(dead=(index_row(stage, name, index),))


def past_ttl(stage: IndexStage, name: str) -> Rows:
    """Make a token past its TTL that the store has not removed yet: it counts as absent."""
    dead = token(stage, name, ttl_h=DEAD_H, expires_at=stage.at(LIVING_H))
    return Rows(dead=(index_row(stage, name), dead))


def unlinked(stage: IndexStage, name: str) -> Rows:
    """Make an expired token whose provider's row went before it."""
    about: dict[str, Any] = {"expires_at": stage.at(DEAD_H), "google_token_key": f"google_{name}"}
    return Rows(dead=(index_row(stage, name), token(stage, name, **about)))


def odd_index(**row: Any) -> Callable[[IndexStage, str], Rows]:
    """Make an index row of which nobody can tell what it points at."""
    return lambda stage, name: Rows(alive=(stage.row(SYSTEM, ACCESS, name, **row),))


def odd_token(index: str = ACCESS, **row: Any) -> Callable[[IndexStage, str], Rows]:
    """Make a token of which nobody can tell when it ends."""

    def make(stage: IndexStage, name: str) -> Rows:
        target = stage.row(ACTOR, TARGETS[index], name, **row)
        return Rows(alive=(index_row(stage, name, index), target))

    return make


def alone(bucket: str, *, dead: bool, ttl_h: float | None = 24, **data: Any) -> Any:
    """Make a row that says itself when it ends."""

    def make(stage: IndexStage, name: str) -> Rows:
        row = stage.row(SYSTEM, bucket, name, moments(stage, data), ttl_h=ttl_h)
        return Rows(dead=(row,)) if dead else Rows(alive=(row,))

    return make


def elsewhere(partition: str, bucket: str) -> Callable[[IndexStage, str], Rows]:
    """Make a row of no rule, which looks like one of those that go."""
    return lambda stage, name: Rows(
        alive=(stage.row(partition, bucket, name, {"expires_at": 1, "created_at": 1}, ttl_h=-1),)
    )


def colliding(stage: IndexStage, name: str) -> Rows:
    """Make a bucket whose rows have sort keys like an index's."""
    return Rows(alive=(stage.row(SYSTEM, f"{ACCESS}:{name}", "x", "nobody"),))


def colliding_target(stage: IndexStage, name: str) -> Rows:
    """Make an index row whose target's key is held by a row of another bucket."""
    held = stage.row(ACTOR, f"mcp_tokens:{name}", "x", {"expires_at": 1}, ttl_h=-1)
    return Rows(alive=(held,), either=(index_row(stage, f"{name}:x"),))


ACTINGWEB = World(
    "actingweb",
    ("id", "bucket_name"),
    {"PRESET": "actingweb"},
    (
        Case("living-access", living()),
        Case("living-refresh", living(REFRESH, used=False)),
        Case("living-refresh-used", living(REFRESH, used=True, used_h=USED_H)),
        Case("living-refresh-unused-long", living(REFRESH, used=False, used_h=USED_LONG_AGO_H)),
        Case("living-code", living(CODE)),
        Case("living-a-moment-longer", living(expires_h=-0.01)),
        Case("orphan-access", orphan()),
        Case("orphan-refresh", orphan(REFRESH)),
        Case("orphan-code", orphan(CODE)),
        Case("orphan:with:colons", orphan()),
        Case("orphan-unicode-ü€'\"", orphan()),
        Case("expired-access", expired()),
        Case("expired-access-fraction", expired(expires_at=1_600_000_000.5)),
        Case("expired-access-unlinked", unlinked),
        Case("expired-refresh", expired(REFRESH, used=False)),
        Case(
            "expired-refresh-used",
            expired(REFRESH, expires_h=LIVING_H, used=True, used_h=USED_LONG_AGO_H),
        ),
        Case("expired-code", expired(CODE)),
        Case("past-ttl", past_ttl),
        Case("odd-index-without-data", odd_index()),
        Case("odd-index-no-json", odd_index(text="no JSON")),
        Case("odd-index-null", odd_index(text="null")),
        Case("odd-index-a-list", odd_index(data=[ACTOR])),
        Case("odd-index-a-flag", odd_index(data=True)),
        Case("odd-index-empty", odd_index(text='""')),
        Case("odd-token-without-data", odd_token()),
        Case("odd-token-no-json", odd_token(text="{")),
        Case("odd-token-a-list", odd_token(data=[1])),
        Case("odd-token-without-expiry", odd_token(data={"a": 1})),
        Case("odd-token-expiry-as-text", odd_token(data={"expires_at": "1"})),
        Case("odd-token-expiry-a-flag", odd_token(data={"expires_at": True})),
        Case("odd-token-expiry-endless", odd_token(text='{"expires_at": -Infinity}')),
        Case("odd-token-expiry-zero", odd_token(data={"expires_at": 0})),
        Case(
            "odd-token-used-without-a-time",
            odd_token(REFRESH, data={"used": True, "used_at": None}),
        ),
        Case("session-living", alone(SESSIONS, dead=False, created_h=-0.1)),
        Case("session-expired", alone(SESSIONS, dead=True, created_h=-1)),
        Case("session-past-ttl", alone(SESSIONS, dead=True, ttl_h=-1, created_h=-0.1)),
        Case("session-without-a-time", alone(SESSIONS, dead=False, state="")),
        Case("spa-living", alone(SPA_ACCESS, dead=False, expires_h=1)),
        Case("spa-expired", alone(SPA_ACCESS, dead=True, expires_h=-1)),
        Case("spa-without-expiry", alone(SPA_ACCESS, dead=False, ttl_h=None)),
        Case("spa-refresh-living", alone(SPA_REFRESH, dead=False, expires_h=1)),
        Case("spa-refresh-expired", alone(SPA_REFRESH, dead=True, expires_h=-1)),
        Case("colliding", colliding),
        Case("colliding-target", colliding_target),
        Case("other-bucket", elsewhere(SYSTEM, "_client_index")),
        Case("bucket-like-a-rule's", elsewhere(SYSTEM, "spa_access_tokens_kept")),
        Case("other-partition", elsewhere("someone", ACCESS)),
        Case("other-actor's-attribute", elsewhere(ACTOR, "settings")),
    ),
)
