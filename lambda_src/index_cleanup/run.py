"""One run of the cleanup: rule by rule, then the report."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.logging import Logger
    from mypy_boto3_dynamodb import DynamoDBClient

    from expiry.budget import Budget
    from index_cleanup.request import Request
    from index_cleanup.settings import Settings


@dataclass(frozen=True, slots=True)
class Run:
    """What a run needs from outside."""

    run_id: str
    settings: Settings
    request: Request
    dynamodb: DynamoDBClient
    budget: Budget
    logger: Logger
    function_name: str = "index-cleanup"  # the metrics' dimension
    wall_clock: Callable[[], float] = time.time
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def execute(self) -> dict[str, Any]:
        """
        Clean up (or backfill) and report; return the function's result.

        Raises:
            CapExceededError: A plan by absence was refused; everything else was done.
            ExpiryError: The work could not be done; running out of time is no error.
        """
        raise NotImplementedError
