"""
Delete rows in groups that go together or not at all, each only if all of it still holds.

Calls: dynamodb:DeleteItem and ConditionCheckItem (TransactWriteItems). Packs whole groups into one
call; a call that is cancelled says which rows were at fault, so these groups are answered and the
others are sent again. Costs twice the write units of single deletes: only for what needs it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from expiry.parallel import in_parallel
from expiry.retries import Tries
from expiry.statements import identity
from expiry.transactions import Transaction

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from expiry.budget import Budget, Pace
    from expiry.outcomes import Result
    from expiry.rows import RowCandidate
    from expiry.statements import Condition, Identity, Key

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

        Groups that share a row go one after the other. What has not surely been deleted is not
        ``deleted``: a call whose end stays unknown fails its groups, and their details say so.

        Raises:
            ValueError: A group has no delete, no condition, too many items, or one key twice.
        """
        for group in groups:
            self._refuse_faults(group)
        results: dict[int, list[Result[RowCandidate]]] = {}
        for calls in self._rounds(groups):
            batches = [self._transaction([groups[place] for place in call]) for call in calls]
            in_parallel(batches, threads=self._threads, budget=self._budget)
            for call, batch in zip(calls, batches, strict=True):
                results.update(zip(call, batch.results(), strict=True))
        return [results[place] for place in range(len(groups))]

    def _transaction(self, groups: Sequence[Group]) -> Transaction:
        return Transaction(
            self._client,
            self._table,
            self._key_names,
            groups,
            lambda: Tries(self._budget, self._pace),
        )

    def _rounds(self, groups: Sequence[Group]) -> Iterator[list[list[int]]]:
        """Yield calls of groups' places by rounds; calls of one round share no row."""
        rounds: list[_Round] = []
        for place, group in enumerate(groups):
            deletes = [identity(each.key, self._key_names) for each in group.deletes]
            checks = {identity(each.key, self._key_names): each.condition for each in group.checks}
            items = {**dict.fromkeys(deletes), **checks}
            if not any(each.take(place, items) for each in rounds):
                rounds.append(_Round())
                rounds[-1].take(place, items)
        return (each.calls for each in rounds)

    def _refuse_faults(self, group: Group) -> None:
        rows: tuple[RowCandidate | Check, ...] = (*group.deletes, *group.checks)
        keys = [identity(each.key, self._key_names) for each in rows]
        if not group.deletes:
            raise ValueError("a group deletes nothing")
        if len(keys) > ITEMS_A_CALL:
            raise ValueError(f"a group has {len(keys)} rows; a transaction takes {ITEMS_A_CALL}")
        if len(set(keys)) < len(keys):
            raise ValueError("a group names a row twice")
        if not all(each.condition.terms for each in rows):
            raise ValueError("a row of a group has no condition")


@dataclass(slots=True)
class _Round:
    """Calls that may go at the same time: none holds a row that another holds."""

    calls: list[list[int]] = field(default_factory=list)
    room: list[int] = field(default_factory=list)
    held: dict[Identity, tuple[int, Condition | None]] = field(default_factory=dict)

    def take(self, place: int, items: dict[Identity, Condition | None]) -> bool:
        """Take a group into a call, unless that would hold a row twice; say whether it was."""
        met = {found: self.held[found] for found in items if found in self.held}
        if any(asked is None or asked != items[found] for found, (_, asked) in met.items()):
            return False  # only the same check can be shared
        homes = {call for call, _ in met.values()}
        if len(homes) > 1:
            return False
        new = len(items) - len(met)
        call = homes.pop() if homes else self._roomy(new)
        if self.room[call] < new:
            return False
        self.room[call] -= new
        self.calls[call].append(place)
        self.held.update({found: (call, asked) for found, asked in items.items()})
        return True

    def _roomy(self, items: int) -> int:
        """Return the last call, or a new one where that has no room."""
        if not self.calls or self.room[-1] < items:
            self.calls.append([])
            self.room.append(ITEMS_A_CALL)
        return len(self.calls) - 1
