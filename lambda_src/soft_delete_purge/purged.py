"""
What became of a record.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from expiry.errors import DatabaseError
    from expiry.outcomes import Outcome


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
    """What became of one record, and of what hung on it; all is empty unless it was deleted."""

    key: str  # as text, whatever its type is
    outcome: Outcome  # deleted, gone, changed, failed; would_delete in a dry run
    reason: str = ""
    error: DatabaseError | None = None
    children: Mapping[str, int] = field(default_factory=dict)  # rows by table, the root left out
    released: Mapping[str, int] = field(default_factory=dict)  # rows by the plan's names
    shared_deleted: Mapping[str, int] = field(default_factory=dict)  # likewise
    shared_kept: Mapping[str, int] = field(default_factory=dict)
    objects: tuple[DoomedObject, ...] = ()
    kept: Mapping[str, int] = field(default_factory=dict)  # values that are foreign, or absent
