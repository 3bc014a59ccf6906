"""
One run: preflight of everything, then table by table, then what the monitoring asks for.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.logging import Logger

    from expiry.budget import Budget
    from expiry.postgres.session import Session
    from postgres_expiry.request import Request
    from postgres_expiry.settings import Settings


@dataclass(frozen=True, slots=True)
class Run:
    """What a run needs from outside. ``connect`` opens a session; True asks for a read-only one."""

    run_id: str
    settings: Settings
    request: Request
    connect: Callable[[bool], Session]
    budget: Budget
    logger: Logger
    function_name: str = "postgres-expiry"  # the metrics' dimension
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def execute(self) -> dict[str, Any]:
        """
        Clean up (or backfill) and report; return the function's result.

        Raises:
            PreflightError: A table cannot be cleaned up safely; nothing was deleted.
            ExpiryError: The work could not be done; running out of time is no error.
        """
        raise NotImplementedError
