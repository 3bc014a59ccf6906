"""
One run of the cleanup: sessions, then orphaned objects, then orphaned uploads; then the report.

Calls: dynamodb:DescribeTable; everything else is the phases' own. Every remote call goes through
the two clients given here, every clock through the arguments.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.logging import Logger
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

    from expiry.budget import Budget
    from upload_cleanup.request import Request
    from upload_cleanup.settings import Settings


@dataclass(frozen=True, slots=True)
class Run:
    """What a run needs from outside."""

    run_id: str
    settings: Settings
    request: Request
    dynamodb: DynamoDBClient
    s3: S3Client
    budget: Budget
    logger: Logger
    owner_account_id: str  # the function's own account
    wall_clock: Callable[[], float] = time.time
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    function_name: str = "upload-cleanup"  # the metrics' dimension

    def execute(self) -> dict[str, Any]:
        """
        Clean up (or restore) and report; return the function's result.

        Phases, each made of the context (see ``context.py``) and its place in the cursor:
        ``sessions.SessionPhase``, ``orphans.OrphanPhase(context, living, place).run()``,
        ``orphan_uploads.UploadPhase(context, living, place).run()``; both answer an OrphanReport.
        The trail is ``audit.trail_for(context_without_trail…)``, see ``context.Trail``;
        the restore is ``restore.restore(context) -> dict``.

        Raises:
            CapExceededError: A plan by absence was refused; everything else was done.
            ExpiryError: The work could not be done; running out of time is no error.
        """
        raise NotImplementedError
