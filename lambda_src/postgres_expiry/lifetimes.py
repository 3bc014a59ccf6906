"""
How long ActingWeb's tokens and sessions live, as its ``constants.py`` says.

Only what carries no expiry of its own needs one: an OAuth session knows when it was made, and the
backfill writes what the application would have written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_S = 100 * 366 * 86_400
TTL_SKEW_S = 3_600  # TTL_CLOCK_SKEW_BUFFER: what ActingWeb adds to each ttl_timestamp
REUSE_S = 172_800  # MCP_REFRESH_TOKEN_REUSE_WINDOW: how long a used refresh token is held


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Seconds, by what lives."""

    oauth_session_s: int = 600
    spa_access_token_s: int = 3_600
    spa_refresh_token_s: int = 1_209_600
    mcp_auth_code_s: int = 600
    mcp_access_token_s: int = 3_600
    mcp_refresh_token_s: int = 2_592_000
    index_buffer_s: int = 7_200

    @classmethod
    def parse(cls, value: object, problem: Callable[[str], None]) -> Self:
        """Read ``LIFETIMES``; what it leaves out has its default. Faults are told to *problem*."""
        known = [field.name for field in fields(cls)]
        if not isinstance(value, Mapping):
            problem(f"LIFETIMES must be an object with {', '.join(known)}")
            return cls()
        given: dict[str, int] = {}
        for name, seconds in value.items():
            if name not in known:
                problem(f"LIFETIMES has unknown {name!r} (known: {', '.join(known)})")
            elif isinstance(seconds, bool) or not isinstance(seconds, int):
                problem(f"LIFETIMES.{name} must be a whole number of seconds, not {seconds!r}")
            elif not 0 < seconds <= MOST_S:
                problem(f"LIFETIMES.{name} must be from 1 to {MOST_S}, not {seconds}")
            else:
                given[name] = seconds
        return cls(**given)
