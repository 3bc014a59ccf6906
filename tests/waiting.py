"""Wait for what another process does; the limit only ends a test that would hang."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Found = TypeVar("Found")

LIMIT_S = 60.0
LOOK_S = 0.05


def until(
    found: Callable[[], Found | None], what: str = "something", *, limit_s: float = LIMIT_S
) -> Found:
    """
    Look until *found* returns what counts as true, and return it.

    Raises:
        AssertionError: A minute has passed, or *limit_s*.
    """
    end_s = time.monotonic() + limit_s
    while time.monotonic() < end_s:
        if result := found():
            return result
        time.sleep(LOOK_S)
    raise AssertionError(f"waited {limit_s:g} s for {what}")
