"""
From what a row holds to a key of S3, and back to the rows that name a key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from expiry.objects import Objects
    from expiry.postgres.session import Session
    from soft_delete_purge.paths import Bound
    from soft_delete_purge.terms import Seen


def named(session: Session, bound: Bound, keys: Collection[str]) -> set[str]:
    """Return those of *keys* that any row names now, soft-deleted or not: the drain keeps them."""
    raise NotImplementedError


def looked_up(objects: Objects, keys: Collection[str], key_prefix: str = "") -> Seen:
    """
    Look what lies at *keys* by listings, several keys a call where they lie close together.

    Calls: s3:ListBucket. What could not be read is left out.
    """
    raise NotImplementedError
