"""
Keep which files are to go, from the purge's own transaction on until S3 has said how each ended.

The purge writes the rows (``objects.enqueue``). Two drains share them: each claims some under an
advisory lock, which ends with its session, however that ends; so what a killed run had claimed is
free at once, and no row is locked while S3 is asked. A claim ends by time, too, for a server that
does not notice a lost client.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from expiry.objects import Listed
    from expiry.postgres.session import Session

LOCK_CLASS = 1_702_391_913  # "expi": of our advisory locks, so that they are nobody else's
LEASE_S = 900  # longer than any function runs
MOST_ERROR = 1_000  # characters

CLAIM = """
WITH page AS MATERIALIZED (
  SELECT id FROM expiry.purge_outbox
  WHERE id > :after AND (
    claim IS NULL OR claimed_until <= now() OR claim = :claim OR claim NOT IN (
      SELECT objid::bigint FROM pg_locks
      WHERE locktype = 'advisory' AND objsubid = 2 AND granted AND classid = cast(:class as oid)
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    )
  )
  ORDER BY id LIMIT :most
  FOR UPDATE SKIP LOCKED
)
UPDATE expiry.purge_outbox AS entry
SET claim = :claim, claimed_until = now() + make_interval(secs => :lease_s),
  attempts = attempts + 1
FROM page WHERE entry.id = page.id
RETURNING entry.id, entry.bucket, entry.key, entry.etag, entry.size_bytes, entry.source,
  entry.attempts,
  cast(extract(epoch FROM entry.enqueued_at) as float8),
  cast(extract(epoch FROM now() - entry.first_seen_at) as float8)
"""
SAW = """
UPDATE expiry.purge_outbox AS entry
SET etag = seen.etag, size_bytes = seen.size_bytes, first_seen_at = now()
FROM unnest(cast(:ids as bigint[]), cast(:etags as text[]), cast(:sizes as bigint[]))
  AS seen (id, etag, size_bytes)
WHERE entry.id = seen.id
"""
SETTLE = "DELETE FROM expiry.purge_outbox WHERE id = ANY(cast(:ids as bigint[]))"
GIVE_BACK = """
UPDATE expiry.purge_outbox AS entry SET claim = NULL, claimed_until = NULL, last_error = kept.error
FROM unnest(cast(:ids as bigint[]), cast(:errors as text[])) AS kept (id, error)
WHERE entry.id = kept.id
"""
BACKLOG = """
SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(enqueued_at)), 0)::float8
FROM expiry.purge_outbox
"""


class Entry(NamedTuple):
    """A file in the outbox, claimed."""

    id: int
    bucket: str
    key: str
    etag: str | None
    size: int | None
    source: str
    attempts: int
    enqueued_s: float
    seen_for_s: float | None  # since a drain first saw it; None where the purge had seen it


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits."""

    pending: int
    oldest_age_s: float


def lock(session: Session, claim: int) -> None:
    """Hold the lock that makes *claim* count, until the session ends."""
    session.run("SELECT pg_advisory_lock(:class, :claim)", **{"class": LOCK_CLASS, "claim": claim})


def claim(session: Session, claim: int, after: int, most: int) -> list[Entry]:
    """Take up to *most* entries behind the id *after*; nobody else takes them meanwhile."""
    asked = {"class": LOCK_CLASS, "claim": claim, "after": after, "most": most, "lease_s": LEASE_S}
    return sorted(Entry(*row) for row in session.run(CLAIM, **asked))


def saw(session: Session, seen: Mapping[int, Listed]) -> None:
    """Store, by entry, what lies at its key now: that and nothing else may go."""
    session.run(
        SAW,
        ids=list(seen),
        etags=[each.etag for each in seen.values()],
        sizes=[each.size for each in seen.values()],
    )


def settle(session: Session, ids: Sequence[int]) -> None:
    """Remove entries: it is known how each ended."""
    if ids:
        session.run(SETTLE, ids=list(ids))


def give_back(session: Session, errors: Mapping[int, str | None]) -> None:
    """Let go of entries that the next drain tries again, each with what went wrong."""
    if errors:
        told = [error and error[:MOST_ERROR] for error in errors.values()]
        session.run(GIVE_BACK, ids=list(errors), errors=told)


def backlog(session: Session) -> Backlog:
    """Count what waits."""
    return Backlog(*session.run(BACKLOG)[0])
