"""
Parse an event field by field, and name every fault at once.

Makes no call. Unknown keys are refused: a misspelt ``preempt`` must not become a plain claim.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from expiry.errors import EventError

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_ID_BYTES = (
    1_023  # two of them and a "#" are a key of at most 2,047 bytes: DynamoDB takes 2,048
)
MOST_KEY_BYTES = 2 * MOST_ID_BYTES + 1
MOST_FENCE = 10**18
MOST_SECONDS = 10**11  # more is milliseconds, and would make every message newer than any claim
SEPARATOR = "#"
UNSENDABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # as SQS has it


class Fields:
    """An event's fields, with what is wrong with them; raises when it is left."""

    def __init__(self, event: Any, known: Sequence[str], prefix: str = "") -> None:
        """
        Take *event*, which may hold *known* and nothing else; faults name it by *prefix*.

        Raises:
            EventError: It is no object.
        """
        if not isinstance(event, dict):
            raise EventError([f"must be a JSON object, not {type(event).__name__}"])
        self._event, self._prefix = event, prefix
        listed = ", ".join(known)
        self._problems = [
            f"unknown key {prefix + key!r} (known: {listed})" for key in event if key not in known
        ]

    def __enter__(self) -> Self:
        """Begin to collect faults."""
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Raise one EventError for all faults, unless something else went wrong first."""
        if error is None and self._problems:
            raise EventError(self._problems)

    def text(self, name: str, *, most_bytes: int = MOST_ID_BYTES) -> str:
        """Return a text that must be there, not be empty, and not be too long."""
        value = self._event.get(name)
        if not isinstance(value, str) or not value.strip():
            self._fault(name, f"must be a text that is not empty, not {value!r:.80}")
            return ""
        if UNSENDABLE.search(value):
            self._fault(name, f"holds a character that no message may, in {value!r:.80}")
            return ""
        size = len(value.encode())
        if size > most_bytes:
            self._fault(name, f"holds {size} bytes, at most {most_bytes} are allowed")
            return ""
        return value

    def optional_text(self, name: str, *, most_bytes: int = MOST_ID_BYTES) -> str | None:
        """Return a text, or None where the field is absent or null."""
        if self._event.get(name) is None:
            return None
        return self.text(name, most_bytes=most_bytes)

    def fence(self, name: str = "fence") -> int:
        """Return a fence: a whole number above 0."""
        value = self._event.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < MOST_FENCE:
            self._fault(name, f"must be a whole number above 0, not {value!r:.80}")
            return 0
        return value

    def key(self) -> JobKey:
        """Return the job's key, from ``projectUserId`` or from ``projectId`` and ``userId``."""
        whole = self._event.get("projectUserId")
        parts = [self._event.get(name) for name in ("projectId", "userId")]
        if whole is None and parts == [None, None]:
            self._problems.append("projectUserId is missing (or projectId and userId)")
            return JobKey("", "")
        if whole is not None and parts != [None, None]:
            self._problems.append("projectUserId stands beside projectId or userId: give one form")
            return JobKey("", "")
        if whole is not None:
            return self._split(self.text("projectUserId", most_bytes=MOST_KEY_BYTES))
        project, user = self.text("projectId"), self.text("userId")
        if SEPARATOR in project:
            self._problems.append(f"projectId must not hold {SEPARATOR!r}: it parts the key")
        return JobKey(project, user)

    def seconds(self, name: str) -> float | None:
        """Return a moment in seconds since 1970, from such a number or ISO 8601 with an offset."""
        value = self._event.get(name)
        if value is None:
            return None
        moment = _moment(value)
        if moment is None:
            self._fault(
                name, f"must be seconds since 1970 or ISO 8601 with an offset, not {value!r:.80}"
            )
        return moment

    def within(self, name: str, known: Sequence[str]) -> Fields | None:
        """Return the fields of an object, or None where it is absent or null."""
        value = self._event.get(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            self._fault(name, f"must be an object with {', '.join(known)}, not {value!r:.80}")
            return None
        named = Fields(value, known, f"{name}.")
        self._problems.extend(named._problems)
        named._problems = self._problems  # from here on both collect in one list
        return named

    def refuse(self, problem: str) -> None:
        """Add a fault that the caller has found itself."""
        self._problems.append(problem)

    def _fault(self, name: str, problem: str) -> None:
        self._problems.append(f"{self._prefix}{name} {problem}")

    def _split(self, whole: str) -> JobKey:
        project, _, user = whole.partition(SEPARATOR)
        if whole and not (project.strip() and user.strip()):
            self._problems.append(
                f"projectUserId must be PROJECT{SEPARATOR}USER, not {whole!r:.80}"
            )
        return JobKey(project, user)


@dataclass(frozen=True, slots=True)
class JobKey:
    """What at most one container may work on at a time."""

    project_id: str
    user_id: str

    def __str__(self) -> str:
        """Return the key as the table holds it."""
        return f"{self.project_id}{SEPARATOR}{self.user_id}"


@dataclass(frozen=True, slots=True)
class Holder:
    """One claim: a container and the fence that it was given."""

    container_id: str
    fence: int


def _moment(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if math.isfinite(value) and 0 <= value < MOST_SECONDS else None
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return moment.timestamp() if moment.tzinfo else None
