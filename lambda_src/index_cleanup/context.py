"""
What the rules of one run share, and what each answers.

Makes no call. A dry run differs only in the actors held here: same interface, nothing written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from expiry.batches import NOT_TRIED
from expiry.masking import shown_key, without_secrets
from expiry.outcomes import Account, Outcome
from expiry.statements import Condition

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from aws_lambda_powertools.logging import Logger
    from mypy_boto3_dynamodb import DynamoDBClient

    from expiry.allowance import Allowance
    from expiry.budget import Budget
    from expiry.errors import CapExceededError
    from expiry.groups import Groups
    from expiry.moment import Moment
    from expiry.outcomes import Result
    from expiry.rows import RowCandidate, Rows
    from expiry.scanning import Row
    from expiry.statements import Key, Value
    from index_cleanup.rules import Rule
    from index_cleanup.settings import Settings
    from index_cleanup.table import Table

MOST_ERRORS = 100
BATCH_S = 1.5  # the calls of a batch, side by side
LEAST_BATCH = 25  # rows: what one call takes
UNITS_A_ROW = 2  # write units in a transaction, of a small row
REMOVED = frozenset({Outcome.DELETED, Outcome.WOULD_DELETE})
SETTLED = frozenset({Outcome.DELETED, Outcome.GONE, Outcome.CHANGED})

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Context:
    """One run's means. ``rows`` and ``groups`` write nothing in a dry run."""

    settings: Settings
    table: Table
    most_deletes: int  # the smaller of max_deletes and the request's limit
    moment: Moment
    client: DynamoDBClient  # for queries only: nothing else reads or deletes through it
    rows: Rows
    groups: Groups
    budget: Budget
    allowance: Allowance  # of most_deletes, over all rules
    logger: Logger

    def evidence(self, row: Row, attributes: Iterable[str]) -> Condition:
        """Return the condition that a row's *attributes* are as read; it is never empty."""
        condition = Condition.present(self.table.hash_key)
        for name in sorted({*attributes, *self.ttl_attributes} - {*self.table.key_names}):
            condition &= Condition.same(name, row.get(name))
        return condition

    def batch(self, most: int) -> int:
        """Return how many rows to try at a time: what the writes allowed take some seconds for."""
        return max(LEAST_BATCH, min(most, int(self.settings.write_units_per_s)))

    def has_time(self, rows: int) -> bool:
        """Say whether a batch of so many rows would end in time, in transactions, too."""
        pause_s = rows * UNITS_A_ROW / self.settings.write_units_per_s
        return self.budget.allows(BATCH_S + pause_s)

    @property
    def ttl_attributes(self) -> tuple[str, ...]:
        """Return the TTL attribute's name where there is one."""
        return (self.table.ttl_attribute,) if self.table.ttl_attribute else ()

    def key_of(self, row: Row) -> Key:
        """Return the key of a row that was read."""
        return {name: row[name] for name in self.table.key_names}

    def shown(self, key: Key, rule: Rule) -> dict[str, int | str]:
        """Return a row's key as people may see it."""
        return shown_key(key, self.table.key_names, secret=rule.scope.secret_key)


@dataclass(slots=True)
class RuleReport:
    """What one rule answers; a dry run counts what it would have done."""

    rule: Rule
    listed: int = 0  # rows that are the rule's
    unmatched: int = 0  # rows under its prefix that say they are something else
    unknown: int = 0  # kept: nobody can tell
    living: int = 0
    young: int = 0  # kept: within grace_s
    orphans: int = 0  # index rows whose target is gone
    expired: int = 0  # rows, or targets, that have had their time
    outcomes: Account = field(default_factory=Account)
    removed: int = 0  # expired rows or targets, without linked and index rows
    removed_past_ttl: int = 0  # targets that counted as absent
    index_entries: int = 0  # index rows removed whose target was gone, or past its TTL
    backfilled: int = 0
    refused: CapExceededError | None = None  # raised by the run at its end
    complete: bool = False
    place: Value | None = None  # where a later run goes on; None: at the rule's beginning
    errors_total: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)

    settled: int = 0  # of orphans and expired: those that are no longer there, or no longer dead

    @property
    def removed_rows(self) -> int:
        """Return how many rows were removed, or in a dry run would be."""
        return sum(self.outcomes.counts[outcome] for outcome in REMOVED)

    @property
    def backlog(self) -> int:
        """Return how many dead rows were found and are still there."""
        return self.orphans + self.expired - self.settled

    def as_dict(self) -> dict[str, Any]:
        """Return the counts."""
        return {
            "outcomes": self.outcomes.as_dict(),
            "listed": self.listed,
            "unmatched": self.unmatched,
            "unknown": self.unknown,
            "living": self.living,
            "young": self.young,
            "orphans": self.orphans,
            "expired": self.expired,
            "removed": self.removed,
            "index_entries": self.index_entries,
            "refused": str(self.refused) if self.refused else None,
            "complete": self.complete,
        }

    def count_target(self, *, by_ttl: bool) -> None:
        """Count a target that was removed."""
        if by_ttl:
            self.removed_past_ttl += 1
        else:
            self.removed += 1

    def settle(self, results: Iterable[Result[RowCandidate]]) -> None:
        """Count those of the orphans and the expired that are over."""
        self.settled += sum(result.outcome in SETTLED for result in results)

    def problem(self, error: str, **about: Any) -> None:
        """Count an error, and keep it up to a cap."""
        self.errors_total += 1
        if len(self.errors) < MOST_ERRORS:
            self.errors.append({"rule": self.rule.name, **about, "error": error})

    def take(self, context: Context, results: Sequence[Result[RowCandidate]]) -> int:
        """
        Count results, log them by their keys, and return how many rows were removed.

        What was not even tried, because time was up, is no candidate: a later run has it.
        """
        tried = [result for result in results if not untried(result)]
        self.complete &= len(tried) == len(results)
        self.outcomes.add(tried)
        for result in tried:
            if result.outcome is Outcome.FAILED:
                self.problem(
                    _detail(result, self.rule), key=context.shown(result.victim.key, self.rule)
                )
        self._log(context, tried)
        return sum(result.outcome in REMOVED for result in tried)

    def _log(self, context: Context, results: Sequence[Result[RowCandidate]]) -> None:
        if not results:
            return
        rows = [
            {
                "key": context.shown(result.victim.key, self.rule),
                "reason": result.victim.reason,
                "outcome": str(result.outcome),
            }
            for result in results
        ]
        context.logger.info("rows", extra={"rule": self.rule.name, "rows": rows})


def untried(result: Result[RowCandidate]) -> bool:
    """Say whether time was up before a row was tried."""
    return result.outcome is Outcome.FAILED and result.detail == NOT_TRIED


def _detail(result: Result[RowCandidate], rule: Rule) -> str:
    """Return the store's words; those of a secret key may quote it."""
    if not rule.scope.secret_key:
        return result.detail
    return without_secrets(
        result.detail, (str(value.get("S", "")) for value in result.victim.key.values())
    )


def batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """Yield *items* in batches of at most *size*."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
