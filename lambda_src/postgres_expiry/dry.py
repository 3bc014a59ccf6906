"""
The actors of a dry run: they take what the real ones take, and only count.

Their session is read-only by the server's own word, so that a fault here cannot delete either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postgres_expiry.deletion import Stop

if TYPE_CHECKING:
    from postgres_expiry.deletion import Means, Tally
    from postgres_expiry.predicates import Doomed


def delete(means: Means, victims: Doomed, batch_size: int, tally: Tally) -> None:  # noqa: ARG001 - the real one's
    """Count what is due, up to the limit that the real run would stop at."""
    ((due, _),) = means.link.attempt(
        lambda session: session.run(victims.count(), cutoff=means.cutoff, **victims.parameters)
    )
    counted = min(due, means.left)
    means.left -= counted
    tally.listed += counted
    tally.would_delete += counted
    if due > counted:
        tally.stopped = Stop.LIMIT
