"""
What one invocation asks for; it can only make a run safer than its settings.

Keys: ``dryRun``, ``limit`` (deletions, at most), ``tables`` (rules by name, all if it is left
out), ``operation``: ``clean``, or ``backfill`` with the preset.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from expiry import events
from expiry.errors import EventError

FIELDS: Mapping[str, events.Kind] = {
    "dryRun": events.Kind.BOOLEAN,
    "limit": events.Kind.INTEGER,
    "operation": events.Kind.TEXT,
}
TABLES = "tables"


class Operation(StrEnum):
    """What to do."""

    CLEAN = "clean"
    BACKFILL = "backfill"


@dataclass(frozen=True, slots=True)
class Request:
    """The event, parsed."""

    dry_run: bool = False
    limit: int | None = None  # None: as the settings say
    operation: Operation = Operation.CLEAN
    tables: frozenset[str] | None = None  # None: all

    @classmethod
    def parse(cls, event: Any) -> Self:
        """
        Parse the event.

        Raises:
            EventError: It holds what is not known or does not fit together; all of it is named.
        """
        problems: list[str] = []
        tables: object = None
        if isinstance(event, Mapping) and TABLES in event:
            tables = event[TABLES]
            event = {key: value for key, value in event.items() if key != TABLES}
            if not _are_names(tables):
                problems.append(f"{TABLES} must be a list of names of rules, not {tables!r}")
        try:
            found = events.parse(event, FIELDS)
        except EventError as error:
            raise EventError([*problems, *error.problems]) from error
        operation = found.get("operation", Operation.CLEAN)
        if operation not in set(Operation):
            problems.append(f"operation must be {' or '.join(Operation)}, not {operation!r}")
        if problems:
            raise EventError(problems)
        return cls(
            dry_run=found.get("dryRun", False),
            limit=found.get("limit"),
            operation=Operation(operation),
            tables=None if tables is None else frozenset(str(name) for name in _listed(tables)),
        )


def _are_names(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(n, str) for n in value)


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
