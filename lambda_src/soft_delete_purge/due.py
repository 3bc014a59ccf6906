"""
Which records are due: soft-deleted before the cutoff, on no hold, and meant by the plan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from expiry.postgres.session import Session
    from soft_delete_purge.paths import Bound
    from soft_delete_purge.terms import Terms


def predicate(bound: Bound) -> str:
    """Write what is true of a due record, whose alias is ``root``; see ``parameters``."""
    raise NotImplementedError


def parameters(bound: Bound, terms: Terms) -> dict[str, Any]:
    """Return the parameters of ``predicate``."""
    raise NotImplementedError


def keys(
    session: Session, bound: Bound, terms: Terms, limit: int, leaving_out: str = "false"
) -> list[str]:
    """
    List what is due, the longest dead first.

    Args:
        leaving_out: A predicate of SQL on ``root`` for what is not to be tried.
    """
    raise NotImplementedError
