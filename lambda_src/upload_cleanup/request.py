"""
What one invocation asks for; it can only make a run safer than its settings.

Keys: ``dryRun``, ``limit`` (deletions, at most), ``cursor`` (where an earlier run stopped), or
``{"operation": "restore", "runId": …}``.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from expiry import events
from expiry.errors import EventError

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELDS: Mapping[str, events.Kind] = {
    "dryRun": events.Kind.BOOLEAN,
    "limit": events.Kind.INTEGER,
    "cursor": events.Kind.TEXT,
    "operation": events.Kind.TEXT,
    "runId": events.Kind.TEXT,
}
VERSION = 1


class Operation(StrEnum):
    """What to do."""

    CLEANUP = "cleanup"
    RESTORE = "restore"


class PhaseName(StrEnum):
    """The phases of a cleanup, in their order."""

    SESSIONS = "sessions"
    OBJECTS = "objects"
    UPLOADS = "uploads"


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a run goes on: a phase, and what only that phase understands (JSON)."""

    phase: PhaseName
    place: Mapping[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        """Return the cursor as an operator passes it on."""
        body = {"v": VERSION, "phase": str(self.phase), "place": self.place}
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
            if body["v"] == VERSION and isinstance(body["place"], dict):
                return cls(PhaseName(body["phase"]), body["place"])
        except (binascii.Error, ValueError, TypeError, KeyError) as error:
            raise EventError(["cursor is none that a run has returned"]) from error
        raise EventError(["cursor is of another version; begin without one"])


@dataclass(frozen=True, slots=True)
class Request:
    """The event, parsed."""

    dry_run: bool = False
    limit: int | None = None  # None: as the settings say
    cursor: Cursor | None = None
    operation: Operation = Operation.CLEANUP
    run_id: str | None = None  # of the run to restore

    @classmethod
    def parse(cls, event: Any) -> Self:
        """
        Parse the event.

        Raises:
            EventError: It holds what is not known or does not fit together; all of it is named.
        """
        found = events.parse(event, FIELDS)
        operation = found.get("operation", Operation.CLEANUP)
        problems = []
        if operation not in set(Operation):
            problems.append(f"operation must be {' or '.join(Operation)}, not {operation!r}")
        if operation == Operation.RESTORE:
            problems += [] if "runId" in found else ["restore needs runId, the run to undo"]
            problems += [f"restore takes no {key}" for key in ("cursor", "limit") if key in found]
        elif "runId" in found:
            problems.append("runId belongs to the operation restore")
        if problems:
            raise EventError(problems)
        return cls(
            dry_run=found.get("dryRun", False),
            limit=found.get("limit"),
            cursor=Cursor.parse(found["cursor"]) if "cursor" in found else None,
            operation=Operation(operation),
            run_id=found.get("runId"),
        )
