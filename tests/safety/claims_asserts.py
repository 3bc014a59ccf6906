"""What the proofs of claims share: how they name a fault, and let somebody in before a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.safety.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from job_claims.endings import Claimed, Ending, Owned, Owner
    from tests.safety.wire import Call


def unless(holds: object, what: str) -> list[str]:
    """Return *what* is wrong, unless it holds."""
    return [] if holds else [what]


def ended(result: Claimed | Owned, expected: Ending | Owner) -> list[str]:
    """Say how it ended, unless it was as expected."""
    found = result.ending if hasattr(result, "ending") else result.owner
    return unless(found is expected, f"ended {found}, not {expected}")


def once(number: int, act: Callable[[], Any]) -> Wire:
    """Return a wire that lets somebody in before its call of that number."""

    def before(call: Call) -> None:
        if call.number == number:
            act()

    return Wire(before=before)
