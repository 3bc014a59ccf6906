"""
Predicates that come from configuration: nothing of them is ever SQL.

Names are quoted, operators are chosen from a list, and values travel as parameters.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from expiry.entries import Entry
from expiry.postgres.names import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Value = str | int | float | bool

COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
NULL_TESTS = ("is null", "is not null")
OPERATORS = (*COMPARISONS, *NULL_TESTS)


@dataclass(frozen=True, slots=True)
class Condition:
    """A column compared to a value; *value* is None for the tests of null."""

    column: str
    operator: str
    value: Value | None = None

    @classmethod
    def parse(cls, value: object, what: str, faults: list[str]) -> Condition:
        """Read ``{"column", "operator", "value"}``; tell *faults* what is wrong."""
        entry = Entry(value, what, [field.name for field in fields(cls)], faults)
        operator, operand = entry.get("operator"), entry.get("value")
        if operator not in OPERATORS:
            entry.fault("operator", f"must be one of {', '.join(OPERATORS)}, not {operator!r}")
        elif operator in NULL_TESTS and operand is not None:
            faults.append(f"{what} with {operator!r} takes no value")
        elif operator in COMPARISONS and not isinstance(operand, Value):
            faults.append(
                f"{what} with {operator!r} needs a value: text, number or boolean, not {operand!r}"
            )
        return cls(entry.identifier("column"), str(operator), operand)

    def sql(self, parameter: str, kind: str, of: str = "") -> str:
        """Write it with its value as a *parameter* of the column's type; *of* is an alias."""
        column = f"{of and quoted(of) + '.'}{quoted(self.column)}"
        if self.operator in NULL_TESTS:
            return f"{column} {self.operator}"
        return f"{column} {self.operator} cast(:{parameter} as {kind})"


def written(value: Value) -> str:
    """Write a value as PostgreSQL reads it: booleans in its own words, numbers in full."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def where(
    conditions: Sequence[Condition], types: Mapping[str, str], of: str = ""
) -> tuple[list[str], dict[str, str]]:
    """Return the predicates of *conditions* and their parameters, ``where_0`` and on."""
    sql = [
        condition.sql(f"where_{place}", types[condition.column], of)
        for place, condition in enumerate(conditions)
    ]
    parameters = {
        f"where_{place}": written(condition.value)
        for place, condition in enumerate(conditions)
        if condition.value is not None
    }
    return sql, parameters
