"""
Delete rows in groups that go together or not at all, each only if all of it still holds.

Calls: dynamodb:DeleteItem and ConditionCheckItem (TransactWriteItems). Packs whole groups into one
call; a call that is cancelled says which rows were at fault, so these groups are answered and the
others are sent again. Costs twice the write units of single deletes: only for what needs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from expiry.budget import Budget, Pace
    from expiry.outcomes import Result
    from expiry.rows import RowCandidate
    from expiry.statements import Condition, Key

ITEMS_A_CALL = 100  # of TransactWriteItems


@dataclass(frozen=True, slots=True)
class Check:
    """A row that stays, and what must hold of it: ``Condition.missing(hash key)``: it is absent."""

    key: Key
    condition: Condition


@dataclass(frozen=True, slots=True)
class Group:
    """
    Rows that go together; the first owns the others.

    Where the first is gone or changed the others stay. Where another is gone, the rest still goes;
    where another has changed, or a check fails, all stay.
    """

    deletes: tuple[RowCandidate, ...]
    checks: tuple[Check, ...] = ()


class Groups:
    """One table's groups, for all threads of a run."""

    def __init__(  # noqa: PLR0913 - what it works on, and what it may use
        self,
        client: DynamoDBClient,
        table: str,
        key_names: tuple[str, ...],
        *,
        budget: Budget,
        pace: Pace,
        threads: int,
    ) -> None:
        """Delete groups of *table* by at most *threads* threads."""
        self._client, self._table, self._key_names = client, table, key_names
        self._budget, self._pace, self._threads = budget, pace, threads

    def delete(self, groups: Sequence[Group]) -> list[list[Result[RowCandidate]]]:
        """
        Delete groups; return a list of results for each, in their order, one for each delete.

        What has not surely been deleted is not ``deleted``: a call whose end stays unknown fails
        its groups, and their details say so.

        Raises:
            ValueError: A group has no delete, too many items, or one key twice.
        """
        raise NotImplementedError
