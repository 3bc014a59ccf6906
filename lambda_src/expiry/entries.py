"""
Take JSON from a configuration apart, and name every fault of it at once.

Makes no call. A key that is not known is a fault: a misspelt ``where`` must not widen what is
deleted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MOST_NAME_BYTES = 63  # NAMEDATALEN - 1: PostgreSQL would cut a longer name silently


class Entry:
    """A JSON object that is taken apart key by key; what is left over or does not fit is told."""

    def __init__(self, value: object, what: str, known: Sequence[str], faults: list[str]) -> None:
        """Read *value*, which people know as *what*; tell *faults* what is wrong with it."""
        self.what, self._faults = what, faults
        self._values: Mapping[str, Any] = {}
        if not isinstance(value, Mapping):
            faults.append(f"{what} must be an object with {', '.join(known)}, not {value!r}")
            return
        # Terraform writes null where an optional attribute is left out.
        self._values = {key: each for key, each in value.items() if each is not None}
        faults += [
            f"{what} has unknown {key!r} (known: {', '.join(known)})"
            for key in value
            if key not in known
        ]

    def __contains__(self, key: str) -> bool:
        """Say whether *key* is there, and not null."""
        return key in self._values

    def get(self, key: str, default: Any = None) -> Any:
        """Return what is at *key*, as it is."""
        return self._values.get(key, default)

    def fault(self, key: str, text: str) -> None:
        """Tell a fault that the caller has found itself."""
        self._faults.append(f"{self.what}.{key} {text}")

    def identifier(self, key: str, default: str = "") -> str:
        """Return a name of PostgreSQL."""
        value = self._values.get(key, default)
        if not is_identifier(value):
            self.fault(key, f"must be a name of PostgreSQL, not {value!r}")
            return "?"
        return str(value)

    def optional_identifier(self, key: str) -> str | None:
        """Return a name of PostgreSQL, None where there is none."""
        return self.identifier(key) if key in self else None

    def text(self, key: str, default: str = "") -> str:
        """Return a text."""
        value = self._values.get(key, default)
        if not isinstance(value, str):
            self.fault(key, f"must be a text, not {value!r}")
            return default
        return value

    def integer(self, key: str, default: int, minimum: int, maximum: int) -> int:
        """Return a whole number within the limits, both included."""
        value = self._values.get(key, default)
        # Terraform writes a whole number as such, or as one with a fraction of nothing.
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
            self.fault(key, f"must be a whole number from {minimum} to {maximum}, not {value!r}")
            return default
        return value

    def boolean(self, key: str) -> bool:
        """Return true or false; false where it is not there."""
        value = self._values.get(key, False)
        if not isinstance(value, bool):
            self.fault(key, f"must be true or false, not {value!r}")
        return value is True

    def items(self, key: str) -> list[Any]:
        """Return a list; an empty one where it is not there."""
        value = self._values.get(key, [])
        if not isinstance(value, list):
            self.fault(key, f"must be a list, not {value!r}")
            return []
        return value

    def named(self, key: str) -> dict[str, Any]:
        """Return an object that maps names to things; an empty one where it is not there."""
        value = self._values.get(key, {})
        if not isinstance(value, Mapping):
            self.fault(key, f"must be an object that maps names to each, not {value!r}")
            return {}
        return dict(value)


def is_identifier(value: object) -> bool:
    """Say whether PostgreSQL can have a name like this."""
    return (
        isinstance(value, str) and 0 < len(value.encode()) <= MOST_NAME_BYTES and "\0" not in value
    )
