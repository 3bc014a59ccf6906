"""
Purge many records in one transaction, each statement for all of them; bisect where one fails.
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
    """
    Purge all of *keys* that are still due; return what became of each, in their order.

    Never raises a DatabaseError: who fails alone is ``failed`` with its own error, and the others
    go. Where the session is lost, all that is not known to be committed is ``failed``.
    """
    raise NotImplementedError
