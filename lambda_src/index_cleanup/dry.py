"""
The actors of a dry run: they read as the real ones do, write nothing, and answer would_delete.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expiry.batches import Answer, Effect
from expiry.groups import Group, Groups
from expiry.outcomes import Outcome, Result
from expiry.rows import RowCandidate, Rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expiry.statements import Statement


class DryRows(Rows):
    """Rows that are read and never changed."""

    def execute(self, statements: Sequence[Statement]) -> list[Answer]:
        """Say of each statement that it would have been applied."""
        return [Answer(statement, Effect.DONE) for statement in statements]

    def delete(self, candidates: Sequence[RowCandidate]) -> list[Result[RowCandidate]]:
        """Delete nothing."""
        return [Result(candidate, Outcome.WOULD_DELETE) for candidate in candidates]


class DryGroups(Groups):
    """Groups that stay whole."""

    def delete(self, groups: Sequence[Group]) -> list[list[Result[RowCandidate]]]:
        """Delete nothing."""
        return [[Result(each, Outcome.WOULD_DELETE) for each in group.deletes] for group in groups]
