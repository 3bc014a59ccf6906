"""
What became of each candidate: exactly one outcome, told by the store's own answer.

A candidate is something that looks dead, with the evidence. Deciding yields candidates; acting
takes only those, and answers with as many results as it was given. Counts are never taken from a
batch's length.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

Victim = TypeVar("Victim")


class Outcome(StrEnum):
    """How a candidate ended."""

    DELETED = "deleted"  # the store says that this call removed it
    GONE = "gone"  # it was not there any more
    CHANGED = "changed"  # it is not what it was when it was found: somebody won, it stays
    PROTECTED = "protected"  # a rule keeps it, whatever the evidence
    FAILED = "failed"  # the store refused, or did not say; it stays, as far as is known
    WOULD_DELETE = "would_delete"  # a dry run's word for deleted


@dataclass(frozen=True, slots=True)
class Result(Generic[Victim]):
    """One candidate's end; *detail* is the store's code or message where there is one."""

    victim: Victim
    outcome: Outcome
    detail: str = ""


@dataclass(slots=True)
class Account:
    """Outcomes counted as they come; their sum is the number of candidates."""

    counts: Counter[Outcome] = field(default_factory=Counter)

    def add(self, results: Iterable[Result[Victim]]) -> None:
        """Count *results*, one each."""
        self.counts.update(result.outcome for result in results)

    @property
    def total(self) -> int:
        """Return how many candidates have ended."""
        return self.counts.total()

    def as_dict(self) -> dict[str, int]:
        """Return every outcome with its count, zeros included."""
        return {str(outcome): self.counts[outcome] for outcome in Outcome}
