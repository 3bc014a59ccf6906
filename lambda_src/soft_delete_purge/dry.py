"""
The actor of a dry run: it takes what the real one takes, and only reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from soft_delete_purge.terms import nothing_seen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expiry.postgres.session import Session
    from soft_delete_purge.paths import Bound
    from soft_delete_purge.record import Purged
    from soft_delete_purge.terms import Look, Terms


def purge(
    session: Session, bound: Bound, keys: Sequence[str], terms: Terms, look: Look = nothing_seen
) -> list[Purged]:
    """Say what a purge of all *keys*, the whole run, would do; ``batch.purge``'s twin."""
    raise NotImplementedError
