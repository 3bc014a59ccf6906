"""
What one invocation asks for; it can only make a run safer than its settings.

Keys: ``dryRun``, ``limit`` (deletions, at most), ``cursor`` (where an earlier run stopped),
``rules`` (names of those to run), ``operation`` (``clean``, or ``backfill``).
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from expiry import events
from expiry.cursors import key_from_json
from expiry.errors import EventError

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELDS: Mapping[str, events.Kind] = {
    "dryRun": events.Kind.BOOLEAN,
    "limit": events.Kind.INTEGER,
    "cursor": events.Kind.TEXT,
    "operation": events.Kind.TEXT,
    "rules": events.Kind.TEXTS,
}
VERSION = 1


class Operation(StrEnum):
    """What to do."""

    CLEAN = "clean"
    BACKFILL = "backfill"


@dataclass(frozen=True, slots=True)
class Cursor:
    """
    Where a run goes on: the rules that are left, in their order, each with its place.

    A place is the sort key (typed) behind which to go on, None for the rule's beginning.
    """

    operation: Operation
    left: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)

    def text(self) -> str:
        """Return the cursor as an operator passes it on."""
        body = {"v": VERSION, "operation": str(self.operation), "left": list(self.left.items())}
        return base64.urlsafe_b64encode(json.dumps(body, separators=(",", ":")).encode()).decode()

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Read a cursor.

        Raises:
            EventError: It is none of ours.
        """
        try:
            body = json.loads(base64.b64decode(text.encode(), altchars=b"-_", validate=True))
            if body["v"] == VERSION:
                left = {str(name): _place(place) for name, place in body["left"]}
                return cls(Operation(body["operation"]), left)
        except (binascii.Error, ValueError, TypeError, KeyError) as error:
            raise EventError(["cursor is none that a run has returned"]) from error
        raise EventError(["cursor is of another version; begin without one"])


@dataclass(frozen=True, slots=True)
class Request:
    """The event, parsed."""

    dry_run: bool = False
    limit: int | None = None  # None: as the settings say
    cursor: Cursor | None = None
    operation: Operation = Operation.CLEAN
    rules: tuple[str, ...] | None = None  # None: all

    @classmethod
    def parse(cls, event: Any) -> Self:
        """
        Parse the event.

        Raises:
            EventError: It holds what is not known or does not fit together; all of it is named.
        """
        found = events.parse(event, FIELDS)
        operation = found.get("operation", Operation.CLEAN)
        problems = []
        if operation not in set(Operation):
            problems.append(f"operation must be {' or '.join(Operation)}, not {operation!r}")
        cursor = Cursor.parse(found["cursor"]) if "cursor" in found else None
        if cursor and cursor.operation != operation:
            problems.append(f"cursor is of the operation {cursor.operation}")
        if cursor and "rules" in found:
            problems.append("cursor says itself which rules are left: pass no rules with it")
        if problems:
            raise EventError(problems)
        return cls(
            dry_run=found.get("dryRun", False),
            limit=found.get("limit"),
            cursor=cursor,
            operation=Operation(operation),
            rules=tuple(found["rules"]) if "rules" in found else None,
        )


def _place(value: Any) -> Mapping[str, Any] | None:
    return None if value is None else key_from_json({"": value})[""]
