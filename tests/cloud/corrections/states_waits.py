"""
What a state machine waits for takes as long as a test wants.

AWS: a Wait state and the pause before a retry take their time. 1.5.33: so they do here, unless one
setting shortens them for everybody. Here each account has its own, through a door.
Upstream needs: nothing; this is for tests.
"""

from __future__ import annotations

import time
from typing import Any

from tests.cloud import emulator
from tests.cloud.doors import door

SCALES: dict[tuple[str, str], float] = {}


def apply() -> None:
    """Scale every pause of an execution."""
    emulator.wrap(emulator.module("services.stepfunctions"), "_scaled_sleep", scaled)


def scaled(_: Any) -> Any:
    """Return a pause that is as long as its account has it."""

    def sleep(seconds: float) -> None:
        time.sleep(max(0.0, seconds * SCALES.get(emulator.current_scope(), 1.0)))

    return sleep


@door("scale-waits")
def scale_waits(scale: float) -> None:
    """Let waits that begin from now on take *scale* of their time."""
    SCALES[emulator.current_scope()] = scale
