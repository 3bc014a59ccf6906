"""
Change DynamoDB rows in batches, each only if it is still what it was when it was found.

Calls: dynamodb:PartiQLDelete and PartiQLUpdate (BatchExecuteStatement), dynamodb:BatchGetItem.
Owns the retry of throttled statements, which the SDK does not see (the call is HTTP 200); only
asks the time budget. Never decides what goes, and sends no statement without a condition.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from expiry.batches import Answer, Effect, Reading, Wanted, Writing
from expiry.outcomes import Outcome, Result
from expiry.parallel import in_parallel
from expiry.retries import Tries
from expiry.statements import (
    Condition,
    Identity,
    Key,
    Statement,
    deletion,
    faults,
    identity,
    update,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from expiry.budget import Budget, Pace
    from expiry.scanning import Row

__all__ = [
    "Answer",
    "Condition",
    "Effect",
    "Fetched",
    "Identity",
    "Key",
    "RowCandidate",
    "Rows",
    "Statement",
    "deletion",
    "identity",
    "update",
]

Place = TypeVar("Place")

STATEMENTS_A_CALL = 25  # of BatchExecuteStatement
KEYS_A_CALL = 100  # of BatchGetItem
KEY_BYTES = (2_048, 1_024)  # of a hash key, of a range key

OUTCOMES = {
    Effect.DONE: Outcome.DELETED,
    Effect.CHANGED: Outcome.CHANGED,
    Effect.GONE: Outcome.GONE,
    Effect.FAILED: Outcome.FAILED,
}


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
    asked: frozenset[Identity]

    def row(self, key: Key) -> Row | None:
        """Return the row of *key*; None is no proof of absence, see :meth:`absent`."""
        return self.rows.get(identity(key, self.key_names))

    def absent(self, key: Key) -> bool:
        """Say whether the store has said that there is no such row; never of a key not asked."""
        found = identity(key, self.key_names)
        return found in self.asked and found not in self.rows and found not in self.unknown


class Rows:
    """One table's rows, for all threads of a run."""

    def __init__(  # noqa: PLR0913 - what it works on, and what it may use
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
        self._client, self._table, self._key_names = client, table, key_names
        self._budget, self._pace, self._threads = budget, pace, threads
        self._setting = setting

    def execute(self, statements: Sequence[Statement]) -> list[Answer]:
        """
        Run conditional statements; return one answer each, in their order.

        Statements of one key go in different calls, one after the other: a batch that holds a key
        twice is refused, after some of it was done. An error of the store fails the statements
        that it concerns, and no others; it is not raised.

        Raises:
            ValueError: A statement is not on this table, not of one key, or has no condition.
        """
        for statement in statements:
            if fault := faults(statement.text, self._table, self._key_names):
                raise ValueError(f"{statement.text!r} {fault}")
        answers: dict[int, Answer] = {}
        for places in self._rounds(statements):
            batches = [
                Writing(self._client, [statements[place] for place in some], self._tries)
                for some in _split(places, STATEMENTS_A_CALL)
            ]
            self._run(batches)
            ended = (answer for batch in batches for answer in batch.answers())
            answers.update(zip(places, ended, strict=True))
        return [answers[place] for place in range(len(statements))]

    def delete(self, candidates: Sequence[RowCandidate]) -> list[Result[RowCandidate]]:
        """
        Delete rows that are still as dead as when they were found; one result each, in order.

        A delete that is sent again because nobody knows how the first try ended, and then finds
        no row, is ``gone`` and its detail says so: ``deleted`` is only what the store said it of.
        """
        table = self._table
        answers = self.execute([deletion(table, each.key, each.condition) for each in candidates])
        return [
            Result(candidate, OUTCOMES[answer.effect], answer.detail)
            for candidate, answer in zip(candidates, answers, strict=True)
        ]

    def get(self, keys: Sequence[Key], attributes: Sequence[str]) -> Fetched:
        """
        Read rows consistently, each key once; what cannot be read is unknown, not absent.

        Raises:
            StoreError: The role or the table is wrong, so that nothing can be read at all.
        """
        asked = {identity(key, self._key_names): key for key in keys}
        readable = {
            found: {name: key[name] for name in self._key_names}
            for found, key in asked.items()
            if self._possible(key)
        }
        wanted = Wanted(self._table, self._setting, self._key_names, tuple(attributes))
        batches = [
            Reading(self._client, wanted, {found: readable[found] for found in some}, self._tries)
            for some in _split(list(readable), KEYS_A_CALL)
        ]
        self._run(batches)
        rows: dict[Identity, Row] = {}
        unknown = asked.keys() - readable.keys()
        for batch in batches:
            found_rows, left = batch.found()
            rows.update(found_rows)
            unknown |= left
        return Fetched(rows, frozenset(unknown), self._key_names, frozenset(asked))

    def identity(self, key: Key) -> Identity:
        """Return what tells *key* from this table's others; *key* may be a whole row."""
        return identity(key, self._key_names)

    def _tries(self) -> Tries:
        return Tries(self._budget, self._pace)

    def _run(self, batches: Sequence[Callable[[], None]]) -> None:
        in_parallel(batches, threads=self._threads, budget=self._budget)

    def _rounds(self, statements: Sequence[Statement]) -> list[list[int]]:
        """Return places of statements by rounds; within one, no key comes twice."""
        rounds: list[list[int]] = []
        met: Counter[Identity] = Counter()
        for place, statement in enumerate(statements):
            found = self.identity(statement.key)
            if met[found] == len(rounds):
                rounds.append([])
            rounds[met[found]].append(place)
            met[found] += 1
        return rounds

    def _possible(self, key: Key) -> bool:
        """Say whether a row can have *key*: the service refuses the whole call for one that no."""
        sizes = (_size(key[name]) for name in self._key_names)
        return all(0 < size <= most for size, most in zip(sizes, KEY_BYTES, strict=False))


def _size(value: Mapping[str, Any]) -> int:
    text = value.get("S")
    return 1 if text is None else len(text.encode("utf-8", "surrogatepass"))


def _split(places: Sequence[Place], size: int) -> Iterator[Sequence[Place]]:
    for start in range(0, len(places), size):
        yield places[start : start + size]
