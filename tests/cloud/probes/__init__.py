"""
What AWS does, asked of a cloud: one probe for each correction, by the correction's name.

A probe passes where the correction is applied and fails where it is left out; ``test_corrections``
does both. Corrections of Lambda have tests of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cloud import Account

PROBES: dict[str, Callable[[Account], None]] = {}


def probe(function: Callable[[Account], None]) -> Callable[[Account], None]:
    """Register a function as the probe of the correction of the same name."""
    PROBES[function.__name__] = function
    return function
