"""The Lambda's entry point: settings, client, one run, its result."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from expiry import clients
from expiry.budget import Budget
from expiry.telemetry import failures_logged, logger_for
from index_cleanup.request import Request
from index_cleanup.run import Run
from index_cleanup.settings import Settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Clean up once; what it raises is an ExpiryError that says what to change."""
    logger = logger_for("index_cleanup", context.aws_request_id)
    with failures_logged(logger):
        settings = Settings.from_env(os.environ)
        return Run(
            run_id=context.aws_request_id,
            settings=settings,
            request=Request.parse(event),
            dynamodb=clients.dynamodb(threads=settings.threads),
            budget=Budget.until(context.get_remaining_time_in_millis),
            logger=logger,
            function_name=context.function_name,
        ).execute()
