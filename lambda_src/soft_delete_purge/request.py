"""
What one invocation asks for; it can only make a run safer than its settings.

Keys: ``dryRun``, ``limit`` (records, at most), ``operation``: ``purge`` (what is left out means
that), ``setup`` (the tables that the purge keeps, and the GRANTs for ``role``), ``redrive`` (try
again what rests).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from expiry import events
from expiry.errors import EventError

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELDS: Mapping[str, events.Kind] = {
    "dryRun": events.Kind.BOOLEAN,
    "limit": events.Kind.INTEGER,
    "operation": events.Kind.TEXT,
    "role": events.Kind.TEXT,
}


class Operation(StrEnum):
    """What to do."""

    PURGE = "purge"
    SETUP = "setup"
    REDRIVE = "redrive"


@dataclass(frozen=True, slots=True)
class Request:
    """The event, parsed."""

    dry_run: bool = False
    limit: int | None = None  # None: as the settings say
    operation: Operation = Operation.PURGE
    role: str | None = None  # None: the user that the settings name

    @classmethod
    def parse(cls, event: Any) -> Self:
        """
        Parse the event.

        Raises:
            EventError: It holds what is not known or does not fit together; all of it is named.
        """
        found = events.parse(event, FIELDS)
        operation = found.get("operation", Operation.PURGE)
        problems = []
        if operation not in set(Operation):
            problems.append(f"operation must be {' or '.join(Operation)}, not {operation!r}")
        if "role" in found and operation != Operation.SETUP:
            problems.append("role belongs to the operation setup")
        if "limit" in found and operation in {Operation.SETUP, Operation.REDRIVE}:
            problems.append(f"limit belongs to the operation {Operation.PURGE}")
        if problems:
            raise EventError(problems)
        return cls(
            dry_run=found.get("dryRun", False),
            limit=found.get("limit"),
            operation=Operation(operation),
            role=found.get("role"),
        )
