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
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING

from expiry.entries import Entry, is_identifier
from expiry.postgres.conditions import Condition

if TYPE_CHECKING:
    from collections.abc import Callable

NAME_PATTERN = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,47}")
MOST_S = 100 * 366 * 86_400
BATCH_SIZE = 500
MOST_BATCH_SIZE = 10_000


class Kind(StrEnum):
    """What the expiry column holds."""

    EPOCH_SECONDS = "epoch_seconds"
    EPOCH_MILLISECONDS = "epoch_milliseconds"
    TIMESTAMPTZ = "timestamptz"
    TIMESTAMP = "timestamp"  # without a time zone: read as UTC


@dataclass(frozen=True, slots=True)
class Expiry:
    """The column that proves expiry; with a lifetime it says when a row began to live."""

    column: str
    kind: Kind
    lifetime_s: int = 0


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


def _rule(name: str, value: object, faults: list[str]) -> TableRule:
    if NAME_PATTERN.fullmatch(name) is None:
        faults.append(f"its name must match {NAME_PATTERN.pattern}")
    known = [field.name for field in fields(TableRule) if field.name != "name"]
    entry = Entry(value, "table", known, faults)
    key = entry.get("key", [])
    if not isinstance(key, list) or not all(is_identifier(column) for column in key):
        faults.append(f"table.key must be a list of columns, not {key!r}")
        key = []
    return TableRule(
        name=name,
        table=entry.identifier("table"),
        schema=entry.identifier("schema", "public"),
        expiry=_expiry(entry.get("expiry"), faults),
        where=tuple(
            Condition.parse(condition, "where", faults) for condition in entry.items("where")
        ),
        key=tuple(key),
        grace_s=entry.integer("grace_s", 0, 0, MOST_S),
        batch_size=entry.integer("batch_size", BATCH_SIZE, 1, MOST_BATCH_SIZE),
        allow_sequential_scan=entry.boolean("allow_sequential_scan"),
    )


def _expiry(value: object, faults: list[str]) -> Expiry:
    entry = Entry(value, "expiry", [field.name for field in fields(Expiry)], faults)
    kind = entry.get("kind")
    if kind not in set(Kind):
        faults.append(f"expiry.kind must be one of {', '.join(Kind)}, not {kind!r}")
        kind = Kind.EPOCH_SECONDS
    return Expiry(entry.identifier("column"), Kind(kind), entry.integer("lifetime_s", 0, 0, MOST_S))
