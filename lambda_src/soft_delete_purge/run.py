"""
One run of the purge.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expiry.telemetry import MetricTable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aws_lambda_powertools.logging import Logger
    from mypy_boto3_s3 import S3Client

    from expiry.budget import Budget
    from expiry.postgres.session import Session
    from soft_delete_purge.queues import Queues
    from soft_delete_purge.request import Request
    from soft_delete_purge.retry import Received
    from soft_delete_purge.settings import Settings

METRICS = MetricTable.load(Path(__file__).with_name("metrics.json"))


@dataclass(frozen=True, slots=True)
class Run:
    """What a run needs from outside. ``connect`` opens a session; True asks for a read-only one."""

    run_id: str
    settings: Settings
    request: Request
    connect: Callable[[bool], Session]
    s3: S3Client
    queues: Queues
    budget: Budget
    logger: Logger
    owner_account_id: str  # the function's own account
    function_name: str = "soft-delete-purge"  # the metrics' dimension
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def execute(self) -> dict[str, Any]:
        """
        Purge (or set up, or redrive) and report; return the function's result.

        Raises:
            MismatchError: The plan does not fit the database; nothing was deleted.
            CapExceededError: More is due than allowed; no record was purged.
            ExpiryError: The work could not be done; running out of time is no error.
        """
        raise NotImplementedError

    def retry(self, received: Sequence[Received]) -> dict[str, Any]:
        """
        Try again what messages name; return those that are to come once more.

        Raises:
            ExpiryError: Nothing could be done; all messages come again.
        """
        raise NotImplementedError
