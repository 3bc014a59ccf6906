"""
The Lambda's entry point: settings, credentials, one run, its result.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from expiry.budget import Budget
from expiry.telemetry import failures_logged, logger_for
from postgres_expiry.access import connector
from postgres_expiry.request import Request
from postgres_expiry.run import Run
from postgres_expiry.settings import Settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Clean up once; what it raises is an ExpiryError that says what to change."""
    logger = logger_for("postgres_expiry", context.aws_request_id)
    with failures_logged(logger):
        settings = Settings.from_env(os.environ)
        request = Request.parse(event)
        return Run(
            run_id=context.aws_request_id,
            settings=settings,
            request=request,
            connect=connector(settings),
            budget=Budget.until(context.get_remaining_time_in_millis),
            logger=logger,
            function_name=context.function_name,
        ).execute()
