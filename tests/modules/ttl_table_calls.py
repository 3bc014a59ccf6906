"""The calls of the module `ttl-table` that its tests are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.modules.plan import Arguments


MODULE = "ttl-table"
LIMITS = {
    "read": {"min": 2, "max": 20},
    "write": {"min": 1, "max": 10, "target_percent": 50},
}


def call(**arguments: Any) -> Arguments:
    """Return a call that is accepted, with *arguments* put in."""
    return {"name": "sessions", "hash_key": {"name": "id"}, **arguments}


def index(hash_key: str = "user_id", **arguments: Any) -> dict[str, Any]:
    """Return a global index that is accepted, with *arguments* put in."""
    return {"hash_key": {"name": hash_key}, **arguments}
