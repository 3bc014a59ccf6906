"""
Parse variables of the environment, and name every fault at once.

Reads no environment: the mapping is given. A value that is empty counts as not set, because
Terraform and the console write empty strings where they mean nothing.

    with Variables(os.environ) as variables:
        settings = Settings(table=variables.required("TABLE"), ...)
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Self

from expiry.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType


class Variables:
    """
    A mapping of strings that collects what is wrong with it, and raises when it is left.

    While faults are collected the methods return a placeholder, so that parsing goes on.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        """Parse *values*; they are not copied."""
        self._values = values
        self._problems: list[str] = []

    def __enter__(self) -> Self:
        """Begin to collect faults."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Raise one SettingsError for all faults, unless something else went wrong first."""
        if error is None and self._problems:
            raise SettingsError(self._problems)

    def refuse(self, problem: str) -> None:
        """Add a fault that the caller has found itself."""
        self._problems.append(problem)

    def required(self, name: str, pattern: str = ".+") -> str:
        """Return a value that must be set and must match *pattern* as a whole."""
        value = self._values.get(name, "")
        if not value:
            self.refuse(f"{name} is not set")
            return ""
        return self._matching(name, value, pattern)

    def text(self, name: str, default: str, pattern: str = ".+") -> str:
        """Return a value that must match *pattern* as a whole where it is set."""
        value = self._values.get(name, "")
        return self._matching(name, value, pattern) if value else default

    def optional(self, name: str, pattern: str = ".+") -> str | None:
        """Return a value that must match *pattern* as a whole, or None where it is not set."""
        value = self._values.get(name, "")
        return self._matching(name, value, pattern) if value else None

    def boolean(self, name: str, *, default: bool) -> bool:
        """Return ``true`` or ``false``; any other word is a fault, never a guess."""
        value = self._values.get(name, "")
        if not value:
            return default
        if value not in {"true", "false"}:
            self.refuse(f"{name} must be true or false, not {value!r}")
        return value == "true"

    def integer(self, name: str, default: int, *, minimum: int, maximum: int) -> int:
        """Return a whole number within the limits, both included."""
        value = self._values.get(name, "")
        if not value:
            return default
        if re.fullmatch(r"[+-]?\d{1,18}", value, re.ASCII) is None:
            self.refuse(f"{name} must be a whole number, not {value!r}")
            return default
        return int(self._within(name, int(value), minimum, maximum))

    def number(self, name: str, default: float, *, minimum: float, maximum: float) -> float:
        """Return a finite number within the limits, both included."""
        value = self._values.get(name, "")
        if not value:
            return default
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            self.refuse(f"{name} must be a number, not {value!r}")
            return default
        return self._within(name, number, minimum, maximum)

    def _within(self, name: str, value: float, minimum: float, maximum: float) -> float:
        if not minimum <= value <= maximum:
            self.refuse(f"{name} must be from {minimum:g} to {maximum:g}, not {value:g}")
        return value

    def _matching(self, name: str, value: str, pattern: str) -> str:
        if re.fullmatch(pattern, value, re.DOTALL) is None:
            self.refuse(f"{name} must match {pattern}, not {value!r}")
        return value
