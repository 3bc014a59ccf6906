"""
The actors of a dry run: they read as the real ones do, write nothing, and answer would_delete.

What a claim would have written is remembered, and shown where a row is read again: so a dry run
takes the same way through the same code as the real one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from expiry.batches import Answer, Effect
from expiry.errors import StoreError
from expiry.multipart import Uploads
from expiry.objects import Objects
from expiry.outcomes import Outcome, Result
from expiry.rows import Fetched, RowCandidate, Rows

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from expiry.objects import ObjectCandidate
    from expiry.scanning import Row
    from expiry.statements import Identity, Key, Statement, Value


class DryRows(Rows):
    """Rows that are read and never changed."""

    def __init__(self, *means: Any, **more: Any) -> None:
        """Take what the real actor takes."""
        super().__init__(*means, **more)
        self._written: dict[Identity, dict[str, Value | None]] = {}

    def execute(self, statements: Sequence[Statement]) -> list[Answer]:
        """Remember what each statement would have written."""
        for statement in statements:
            self._written.setdefault(self.identity(statement.key), {}).update(statement.applied)
        return [Answer(statement, Effect.DONE) for statement in statements]

    def delete(self, candidates: Sequence[RowCandidate]) -> list[Result[RowCandidate]]:
        """Delete nothing."""
        return [Result(candidate, Outcome.WOULD_DELETE) for candidate in candidates]

    def get(self, keys: Sequence[Key], attributes: Sequence[str]) -> Fetched:
        """Read rows, and show on them what would have been written."""
        fetched = super().get(keys, attributes)
        rows: dict[Identity, Row] = {}
        for found, row in fetched.rows.items():
            shown = {**row, **self._written.get(found, {})}
            rows[found] = {name: value for name, value in shown.items() if value is not None}
        return Fetched(rows, fetched.unknown, fetched.key_names, fetched.asked)


class DryObjects(Objects):
    """Objects that are listed and never deleted."""

    def delete(self, candidates: Collection[ObjectCandidate]) -> list[Result[ObjectCandidate]]:
        """Delete nothing."""
        return [Result(candidate, Outcome.WOULD_DELETE) for candidate in candidates]


class DryUploads(Uploads):
    """Uploads that are listed and never aborted."""

    def abort_until_empty(self, key: str, upload_id: str) -> Result[str]:
        """Abort nothing; look whether there is such an upload, as an abort would find out."""
        try:
            there = self.parts(key, upload_id) is not None
        except StoreError as error:
            return Result(upload_id, Outcome.FAILED, str(error))
        return Result(upload_id, Outcome.WOULD_DELETE if there else Outcome.GONE)
