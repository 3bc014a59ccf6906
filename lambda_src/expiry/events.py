"""
Parse the event of a run: ``{}``, a schedule's event, or the keys that a function takes.

A schedule that sends EventBridge's own event (its ``source`` is ``aws.events`` or
``aws.scheduler``) asks for a run with defaults, so it counts as ``{}``. Everything else that is
not known is refused, all of it in one error: a misspelt ``dryRun`` must not become a real run.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from expiry.errors import EventError

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEDULE_SOURCES = frozenset({"aws.events", "aws.scheduler"})


class Kind(Enum):
    """What a key of the event must hold; the value is how an error names it."""

    BOOLEAN = "true or false"
    INTEGER = "a whole number of at least 0"
    TEXT = "a text that is not empty"
    TEXTS = "a list of texts, at least one"


def parse(event: Any, fields: Mapping[str, Kind]) -> dict[str, Any]:
    """
    Return the keys of *event* that are set, each of the kind that *fields* says.

    Raises:
        EventError: The event is no object, or holds unknown keys or wrong types.
    """
    if not isinstance(event, dict):
        raise EventError([f"must be a JSON object, not {type(event).__name__}"])
    if event.get("source") in SCHEDULE_SOURCES and "source" not in fields:
        return {}
    known = ", ".join(fields) or "none"
    problems = [f"unknown key {key!r} (known: {known})" for key in event if key not in fields]
    problems += [
        f"{key} must be {kind.value}, not {event[key]!r}"
        for key, kind in fields.items()
        if key in event and not _fits(event[key], kind)
    ]
    if problems:
        raise EventError(problems)
    return dict(event)


def _fits(value: object, kind: Kind) -> bool:
    match kind:
        case Kind.BOOLEAN:
            return isinstance(value, bool)
        case Kind.INTEGER:  # a bool is an int to Python, and not to the operator
            return isinstance(value, int) and not isinstance(value, bool) and value >= 0
        case Kind.TEXT:
            return _is_text(value)
        case Kind.TEXTS:
            return isinstance(value, list) and bool(value) and all(map(_is_text, value))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""
