"""
Say what expires: a table, the column that proves it, and which of its rows are meant.

Makes no call. What is written here comes from configuration, so that nothing of it is ever SQL:
names are quoted, operators are chosen from a list, and values travel as parameters.

    {"drafts": {"table": "drafts", "expiry": {"column": "expires_at", "kind": "timestamptz"},
                "where": [{"column": "status", "operator": "=", "value": "draft"}]}}
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Value = str | int | float | bool

NAME_PATTERN = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,47}")
MOST_NAME_BYTES = 63  # NAMEDATALEN - 1: PostgreSQL would cut a longer name silently
MOST_S = 100 * 366 * 86_400
BATCH_SIZE = 500
MOST_BATCH_SIZE = 10_000


class Kind(StrEnum):
    """What the expiry column holds."""

    EPOCH_SECONDS = "epoch_seconds"
    EPOCH_MILLISECONDS = "epoch_milliseconds"
    TIMESTAMPTZ = "timestamptz"
    TIMESTAMP = "timestamp"  # without a time zone: read as UTC


COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
NULL_TESTS = ("is null", "is not null")
OPERATORS = (*COMPARISONS, *NULL_TESTS)


@dataclass(frozen=True, slots=True)
class Expiry:
    """The column that proves expiry; with a lifetime it says when a row began to live."""

    column: str
    kind: Kind
    lifetime_s: int = 0


@dataclass(frozen=True, slots=True)
class Condition:
    """A predicate beside expiry; *value* is None for the tests of null."""

    column: str
    operator: str
    value: Value | None = None


@dataclass(frozen=True, slots=True)
class TableRule:
    """One table, or those of its rows that meet all of ``where``."""

    name: str  # of the rule: in results, metrics and requests
    table: str
    expiry: Expiry
    schema: str = "public"
    where: tuple[Condition, ...] = ()
    key: tuple[str, ...] = ()  # must be the primary key where it is said; pg_cron needs it said
    grace_s: int = 0
    batch_size: int = BATCH_SIZE
    allow_sequential_scan: bool = False

    @property
    def hold_s(self) -> int:
        """Return how long after the column's time a row is kept."""
        return self.expiry.lifetime_s + self.grace_s


def parse(text: str, problem: Callable[[str], None]) -> dict[str, TableRule]:
    """
    Read ``TABLES``; tell *problem* each fault, and leave out what has one.

    A key that is not known is a fault: a misspelt ``where`` must not widen what is deleted.
    """
    try:
        entries = json.loads(text)
    except ValueError as error:
        problem(f"TABLES is no JSON: {error}")
        return {}
    if not isinstance(entries, dict) or not entries:
        problem("TABLES must be a JSON object that maps names to tables, with one at least")
        return {}
    rules: dict[str, TableRule] = {}
    for name, entry in entries.items():
        faults: list[str] = []
        rule = _rule(name, entry, faults)
        for fault in faults:
            problem(f"TABLES[{name!r}]: {fault}")
        if not faults:
            rules[name] = rule
    return rules


class _Entry:
    """A JSON object that is taken apart key by key; what is left over or does not fit is told."""

    def __init__(self, value: object, what: str, known: Sequence[str], faults: list[str]) -> None:
        self._what, self._faults = what, faults
        self._values: Mapping[str, Any] = {}
        if not isinstance(value, Mapping):
            self._faults.append(f"{what} must be an object with {', '.join(known)}, not {value!r}")
            return
        # Terraform writes null where an optional attribute is left out.
        self._values = {key: each for key, each in value.items() if each is not None}
        faults += [
            f"{what} has unknown {key!r} (known: {', '.join(known)})"
            for key in value
            if key not in known
        ]

    def get(self, key: str, default: Any = None) -> Any:
        return self._values.get(key, default)

    def identifier(self, key: str, default: str = "") -> str:
        value = self._values.get(key, default)
        if not _is_identifier(value):
            self._faults.append(f"{self._what}.{key} must be a name of PostgreSQL, not {value!r}")
            return "?"
        return str(value)

    def integer(self, key: str, default: int, minimum: int, maximum: int) -> int:
        value = self._values.get(key, default)
        # Terraform writes a whole number as such, or as one with a fraction of nothing.
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
            self._faults.append(
                f"{self._what}.{key} must be a whole number from {minimum} to {maximum},"
                f" not {value!r}"
            )
            return default
        return value

    def boolean(self, key: str) -> bool:
        value = self._values.get(key, False)
        if not isinstance(value, bool):
            self._faults.append(f"{self._what}.{key} must be true or false, not {value!r}")
        return value is True


def _rule(name: str, value: object, faults: list[str]) -> TableRule:
    if NAME_PATTERN.fullmatch(name) is None:
        faults.append(f"its name must match {NAME_PATTERN.pattern}")
    known = [field.name for field in fields(TableRule) if field.name != "name"]
    entry = _Entry(value, "table", known, faults)
    key = entry.get("key", [])
    if not isinstance(key, list) or not all(_is_identifier(column) for column in key):
        faults.append(f"table.key must be a list of columns, not {key!r}")
        key = []
    where = entry.get("where", [])
    if not isinstance(where, list):
        faults.append(f"table.where must be a list of conditions, not {where!r}")
        where = []
    return TableRule(
        name=name,
        table=entry.identifier("table"),
        schema=entry.identifier("schema", "public"),
        expiry=_expiry(entry.get("expiry"), faults),
        where=tuple(_condition(condition, faults) for condition in where),
        key=tuple(key),
        grace_s=entry.integer("grace_s", 0, 0, MOST_S),
        batch_size=entry.integer("batch_size", BATCH_SIZE, 1, MOST_BATCH_SIZE),
        allow_sequential_scan=entry.boolean("allow_sequential_scan"),
    )


def _expiry(value: object, faults: list[str]) -> Expiry:
    entry = _Entry(value, "expiry", [field.name for field in fields(Expiry)], faults)
    kind = entry.get("kind")
    if kind not in set(Kind):
        faults.append(f"expiry.kind must be one of {', '.join(Kind)}, not {kind!r}")
        kind = Kind.EPOCH_SECONDS
    return Expiry(entry.identifier("column"), Kind(kind), entry.integer("lifetime_s", 0, 0, MOST_S))


def _condition(value: object, faults: list[str]) -> Condition:
    entry = _Entry(value, "where", [field.name for field in fields(Condition)], faults)
    operator, operand = entry.get("operator"), entry.get("value")
    if operator not in OPERATORS:
        faults.append(f"where.operator must be one of {', '.join(OPERATORS)}, not {operator!r}")
    elif operator in NULL_TESTS and operand is not None:
        faults.append(f"where with {operator!r} takes no value")
    elif operator in COMPARISONS and not isinstance(operand, Value):
        faults.append(
            f"where with {operator!r} needs a value: text, number or boolean, not {operand!r}"
        )
    return Condition(entry.identifier("column"), str(operator), operand)


def _is_identifier(value: object) -> bool:
    return (
        isinstance(value, str) and 0 < len(value.encode()) <= MOST_NAME_BYTES and "\0" not in value
    )
