"""
Say whether a row has expired, by a value of its own.

Makes no call. There are three answers: it has, it has not, and nobody knows. Who does not know
keeps the row.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from decimal import Decimal

    from index_cleanup.templates import Fields, Path


class Verdict(Enum):
    """What the proofs say of a row."""

    EXPIRED = "expired"
    LIVING = "living"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Proof:
    """A moment, in epoch seconds, from which on a row is dead."""

    at: Path
    plus_s: int = 0
    when: tuple[tuple[Path, str], ...] = ()  # it counts only where these hold

    def applies(self, fields: Fields) -> bool:
        """Say whether the row is one of which this proof speaks."""
        return all(_as_text(fields.value(path)) == text for path, text in self.when)

    def moment_s(self, fields: Fields) -> Decimal | None:
        """Return the moment, None where the row does not say it."""
        number = fields.number(self.at)
        return None if number is None else number + self.plus_s

    @property
    def attributes(self) -> Iterator[str]:
        """Return the attributes that it rests on."""
        yield self.at.attribute
        yield from (path.attribute for path, _ in self.when)


def judge(proofs: Sequence[Proof], fields: Fields, cutoff_s: int) -> Verdict:
    """Say EXPIRED where any proof does, LIVING where one says so and none that, else UNKNOWN."""
    moments = [proof.moment_s(fields) for proof in proofs if proof.applies(fields)]
    known = [moment_s for moment_s in moments if moment_s is not None]
    if any(moment_s < cutoff_s for moment_s in known):
        return Verdict.EXPIRED
    return Verdict.LIVING if known else Verdict.UNKNOWN


def _as_text(value: Any) -> str | None:
    """Return a value as a rule writes it: Terraform's maps of text hold ``true`` as ``"true"``."""
    if value is None or isinstance(value, dict | list):
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)
