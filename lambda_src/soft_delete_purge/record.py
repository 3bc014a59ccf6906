"""
Purge one record, in one transaction; see ``_transaction`` for the order, which is what keeps the
living alive.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from soft_delete_purge.terms import nothing_seen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from expiry.errors import DatabaseError
    from expiry.outcomes import Outcome
    from expiry.postgres.session import Session
    from soft_delete_purge.paths import Bound
    from soft_delete_purge.terms import Look, Terms


@dataclass(frozen=True, slots=True)
class DoomedObject:
    """An object that goes once no row names its key; its row of the outbox is written."""

    bucket: str
    key: str
    etag: str | None  # as it was before the transaction; None: S3 did not say
    size: int | None
    source: str  # the name in the plan's objects


@dataclass(frozen=True, slots=True)
class Purged:
    """What became of one record, and of what hung on it; counts are 0 unless it was deleted."""

    key: str  # as text, whatever its type is
    outcome: Outcome  # deleted, gone, changed, failed; would_delete in a dry run
    reason: str = ""
    error: DatabaseError | None = None
    children: Mapping[str, int] = field(default_factory=dict)  # rows by table, the root left out
    released: Mapping[str, int] = field(default_factory=dict)  # rows by the plan's names
    shared_deleted: Mapping[str, int] = field(default_factory=dict)
    shared_kept: Mapping[str, int] = field(default_factory=dict)
    objects: tuple[DoomedObject, ...] = ()
    kept: Mapping[str, int] = field(default_factory=dict)  # of values: foreign, empty, absent


def purge(
    session: Session, bound: Bound, key: str, terms: Terms, look: Look = nothing_seen
) -> Purged:
    """
    Purge the record with this *key*, if it is still due; never raises a DatabaseError.

    The files that it names are looked at before the transaction begins: no lock waits for S3.
    """
    raise NotImplementedError
