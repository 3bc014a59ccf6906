"""
Change DynamoDB rows in batches, each only if it is still what it was when it was found.

Calls: dynamodb:PartiQLDelete and PartiQLUpdate (BatchExecuteStatement), dynamodb:BatchGetItem.
Owns the retry of throttled statements, which the SDK does not see (the call is HTTP 200); only
asks the time budget. Never decides what goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from expiry.budget import Budget, Pace
    from expiry.outcomes import Result
    from expiry.scanning import Row

Key = Mapping[str, Mapping[str, Any]]
"""A row's whole key: attribute name → {type: value}."""

Identity = tuple[Any, ...]
"""A key that can be hashed and compared: the same for ``1`` and ``1.0``."""

NO_TIME = "not tried: no time left"


class Effect(StrEnum):
    """How a statement ended."""

    DONE = "done"  # the store says that it was applied
    CHANGED = "changed"  # the condition no longer holds: somebody won, the row stays as it is
    GONE = "gone"  # there is no such row any more
    FAILED = "failed"  # refused, unsure after all tries, or not tried: the detail says which


@dataclass(frozen=True, slots=True)
class Condition:
    """What must still hold of a row: PartiQL for after the key, and its parameters."""

    text: str  # '"ttl" < ? AND "status" <> ?'; an OR stands in parentheses
    parameters: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Statement:
    """A conditional DELETE or UPDATE of one row."""

    text: str
    parameters: tuple[Mapping[str, Any], ...]
    key: Key
    # By these values (None: absent) a row shows that this very statement was applied. They are
    # looked at only after a try whose end is not known, where the condition then fails.
    applied: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """One statement's end."""

    statement: Statement
    effect: Effect
    row: Row | None = None  # as it was before (done, deleted), or as it is (changed)
    detail: str = ""  # the store's code and message, or why the end is not known


@dataclass(frozen=True, slots=True)
class RowCandidate:
    """A row that looks dead, with the evidence, so that the log can answer "why"."""

    key: Key
    condition: Condition  # what made it a candidate; the store checks it again in the delete
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a read found; a key that is in neither is absent, and the store has said so."""

    rows: Mapping[Identity, Row]
    unknown: frozenset[Identity]  # could not be read: keep whatever depends on it
    key_names: tuple[str, ...]

    def row(self, key: Key) -> Row | None:
        """Return the row of *key*; None is not proof of absence, see :meth:`absent`."""
        return self.rows.get(identity(key, self.key_names))

    def absent(self, key: Key) -> bool:
        """Say whether the store has said that there is no such row."""
        found = identity(key, self.key_names)
        return found not in self.rows and found not in self.unknown


def identity(key: Key, names: Sequence[str]) -> Identity:
    """Return what tells *key* from others; *key* may be a whole row."""
    raise NotImplementedError


def deletion(table: str, key: Key, condition: Condition) -> Statement:
    """Delete the row of *key* while *condition* holds, returning the old row."""
    raise NotImplementedError


def update(
    table: str,
    key: Key,
    condition: Condition,
    *,
    put: Mapping[str, Mapping[str, Any]],
    remove: Sequence[str] = (),
) -> Statement:
    """Set and remove attributes of the row of *key* while *condition* holds."""
    raise NotImplementedError


class Rows:
    """One table's rows, for all threads of a run."""

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        key_names: tuple[str, ...],
        *,
        budget: Budget,
        pace: Pace,
        threads: int,
        setting: str = "TABLE_NAME",
    ) -> None:
        """Change rows of *table*, whose name comes from *setting*, by at most *threads* threads."""

    def execute(self, statements: Sequence[Statement]) -> list[Answer]:
        """
        Run conditional statements; return one answer each, in their order.

        Two statements of one key never share a call, and run one after the other.

        Raises:
            ValueError: A statement has no condition beyond its key.
        """
        raise NotImplementedError

    def delete(self, candidates: Sequence[RowCandidate]) -> list[Result[RowCandidate]]:
        """
        Delete rows that are still as dead as when they were found; one result each, in order.

        A delete that is sent again because nobody knows how the first try ended, and then finds
        no row, is ``gone``: ``deleted`` is only what the store said so of.
        """
        raise NotImplementedError

    def get(self, keys: Sequence[Key], attributes: Sequence[str]) -> Fetched:
        """
        Read rows consistently, each key once; what cannot be read is unknown, not absent.

        Raises:
            StoreError: The role or the table is wrong, so that nothing can be read at all.
        """
        raise NotImplementedError
