"""
Remember which records could not be purged, how often that was tried, and which of them rest.

Attempts are counted here, not by the queue: a message is received again for many reasons. A record
that rests is left out until an operator redrives it, or its row changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from expiry.postgres.names import quoted

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from expiry.postgres.session import Session
    from soft_delete_purge.paths import Bound

MOST_ERROR = 1_000  # characters

# A row that somebody has written since is tried from the beginning.
NOTE = """
INSERT INTO expiry.purge_failures AS known
  (root, record_key, last_error, correlation_id, row_version)
SELECT :root, told.key, :error, :correlation_id,
  (SELECT root.xmin::text FROM {root} AS root WHERE root.{key} = cast(told.key as {type}))
FROM (SELECT cast(:key as text) AS key) AS told
WHERE true -- else ON would be that of a join
ON CONFLICT (root, record_key) DO UPDATE SET
  attempts = CASE WHEN known.row_version IS DISTINCT FROM excluded.row_version
    THEN 0 ELSE known.attempts + 1 END,
  first_failed_at = CASE WHEN known.row_version IS DISTINCT FROM excluded.row_version
    THEN excluded.first_failed_at ELSE known.first_failed_at END,
  resting = known.row_version IS NOT DISTINCT FROM excluded.row_version
    AND known.attempts + 1 >= :most,
  queued_at = CASE WHEN known.row_version IS NOT DISTINCT FROM excluded.row_version
    AND known.attempts + 1 >= :most THEN NULL ELSE known.queued_at END, -- the other queue's turn
  row_version = excluded.row_version, last_failed_at = excluded.last_failed_at,
  last_error = excluded.last_error, correlation_id = excluded.correlation_id
RETURNING record_key, attempts, first_failed_at, last_error, correlation_id, queued_at, resting
"""
FIND = """
SELECT record_key, attempts, first_failed_at, last_error, correlation_id, queued_at, resting
FROM expiry.purge_failures WHERE root = :root AND record_key = :key
"""
QUEUED = """
UPDATE expiry.purge_failures SET queued_at = now()
WHERE root = :root AND record_key = ANY(cast(:keys as text[]))
"""
SETTLE = """
DELETE FROM expiry.purge_failures
WHERE root = :root AND record_key = ANY(cast(:keys as text[]))
"""
WAKE = """
UPDATE expiry.purge_failures SET resting = false, attempts = 0
WHERE root = :root AND record_key = ANY(cast(:keys as text[]))
"""
UNSENT = """
SELECT record_key, attempts, first_failed_at, last_error, correlation_id, queued_at, resting
FROM expiry.purge_failures WHERE root = :root AND resting AND queued_at IS NULL
"""
# What a run has purged is forgotten here too, also where that run was killed before it could tell.
FORGET = """
DELETE FROM expiry.purge_failures AS known WHERE known.root = :root AND NOT EXISTS (
  SELECT FROM {root} AS root WHERE root.{key} = cast(known.record_key as {type})
)
"""
REDRIVE = "DELETE FROM expiry.purge_failures WHERE root = :root AND resting"


@dataclass(frozen=True, slots=True)
class Failure:
    """A record that could not be purged."""

    key: str
    attempts: int  # tries after the first
    first_failed_at: datetime
    last_error: str
    correlation_id: str
    queued_at: datetime | None  # None: the queue whose turn it is has not got it
    resting: bool


class Failures:
    """The failures among the records of one root."""

    def __init__(self, bound: Bound, max_attempts: int) -> None:
        """Let a record rest after *max_attempts* tries that came after the first."""
        self._plan = bound.plan.root
        self._root = str(self._plan.relation)
        self._type = bound.key_type
        self._most = max_attempts

    @property
    def resting(self) -> str:
        """Write what is true of a row of the root, whose alias is ``root``, while it rests."""
        # A name in hex needs no quotes: whatever it holds, it is no SQL.
        name = f"convert_from(decode('{self._root.encode().hex()}', 'hex'), 'UTF8')"
        return (
            f"EXISTS (SELECT FROM expiry.purge_failures AS failure WHERE failure.resting"
            f" AND failure.root = {name}"
            f" AND failure.record_key = root.{quoted(self._plan.key)}::text"
            " AND failure.row_version = root.xmin::text)"
        )

    def note(self, session: Session, key: str, error: str, correlation_id: str) -> Failure:
        """Count a try of the record with this *key* that failed."""
        (row,) = session.run(
            self._sql(NOTE),
            root=self._root,
            key=key,
            error=error[:MOST_ERROR],
            correlation_id=correlation_id,
            most=self._most,
        )
        return Failure(*row)

    def find(self, session: Session, key: str) -> Failure | None:
        """Return what is known of a record; None where it has not failed."""
        rows = session.run(FIND, root=self._root, key=key)
        return Failure(*rows[0]) if rows else None

    def unsent(self, session: Session) -> list[Failure]:
        """Return what rests, and could not be sent to where an operator sees it."""
        return [Failure(*row) for row in session.run(UNSENT, root=self._root)]

    def queued(self, session: Session, keys: Collection[str]) -> None:
        """Note that these records are with the queue whose turn it is."""
        self._update(session, QUEUED, keys)

    def forget(self, session: Session) -> None:
        """Forget the failures of records that are there no more."""
        session.run(self._sql(FORGET), root=self._root)

    def settle(self, session: Session, keys: Collection[str]) -> None:
        """Forget the failures of these records: they are gone, or not due any more."""
        self._update(session, SETTLE, keys)

    def wake(self, session: Session, key: str) -> None:
        """Let a record be tried as if it had failed once."""
        self._update(session, WAKE, [key])

    def redrive(self, session: Session) -> int:
        """Forget whatever rests, so that the next run takes it up; return how many."""
        return session.run_counted(REDRIVE, root=self._root).count

    def _sql(self, template: str) -> str:
        key = quoted(self._plan.key)
        return template.format(root=self._plan.relation.sql, key=key, type=self._type)

    def _update(self, session: Session, sql: str, keys: Collection[str]) -> None:
        if keys:
            session.run(sql, root=self._root, keys=list(keys))
