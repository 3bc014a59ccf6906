"""
Say which TTL a row should have had, and write the statement that gives it one.

Makes no call. A statement holds only while the attribute is still missing and the row says what it
said when it was read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from expiry.attributes import whole_seconds
from expiry.statements import Statement, update
from index_cleanup.templates import Fields

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from expiry.scanning import Row
    from index_cleanup.context import Context
    from index_cleanup.proofs import Proof
    from index_cleanup.rules import Rule

LONGEST_AHEAD_S = 20 * 366 * 86_400  # later is no moment in seconds: milliseconds, as a rule


@dataclass(frozen=True, slots=True)
class Dates:
    """The dates of one rule's rows."""

    context: Context
    rule: Rule
    ttl: str  # the attribute's name

    def has_one(self, row: Row) -> bool:
        """Say whether *row* has the attribute, of whatever type: it is not written over."""
        return self.ttl in row

    def read(self, row: Row) -> int | None:
        """Return the date that *row* has, None where it has none or none that TTL would see."""
        number = row.get(self.ttl, {}).get("N")
        return None if number is None else whole_seconds(number)

    def derive(self, row: Row, proofs: Sequence[Proof]) -> int | None:
        """Return the date that the first of *proofs* gives that speaks, None where none does."""
        fields = Fields(row, self.context.table.key_names, self.rule.scope.json_attributes)
        for proof in proofs:
            moment_s = proof.moment_s(fields) if proof.applies(fields) else None
            if moment_s is not None:
                plausible = moment_s < self.context.moment.now_s + LONGEST_AHEAD_S
                return math.ceil(moment_s) if plausible else None
        return None

    def statement(self, row: Row, date_s: int, evidence: Iterable[str]) -> Statement:
        """Give *row* a date while its attributes *evidence*, and its lack of one, are as read."""
        return update(
            self.context.table.name,
            self.context.key_of(row),
            self.context.evidence(row, evidence),  # which has the missing TTL attribute in it
            put={self.ttl: {"N": str(date_s)}},
        )


def attributes_of(proofs: Iterable[Proof]) -> tuple[str, ...]:
    """Return the attributes that *proofs* rest on."""
    return tuple(sorted({name for proof in proofs for name in proof.attributes}))
