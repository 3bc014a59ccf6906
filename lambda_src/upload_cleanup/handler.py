"""
The Lambda's entry points: settings, clients, one run, its result.

``handler`` takes what a schedule or an operator sends, and hands a table stream's records to
``stream``: one function serves both, so that one role and one log hold all that is deleted.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from expiry import clients
from expiry.budget import Budget
from expiry.telemetry import failures_logged, logger_for
from upload_cleanup.request import Request
from upload_cleanup.run import Run
from upload_cleanup.settings import Settings
from upload_cleanup.stream import is_stream_event

if TYPE_CHECKING:
    from aws_lambda_powertools.logging import Logger
    from aws_lambda_powertools.utilities.typing import LambdaContext

ACCOUNT_OF_ARN = 4


def handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Clean up once; what it raises is an ExpiryError that says what to change."""
    if is_stream_event(event):
        return stream(event, context)
    logger = logger_for("upload_cleanup", context.aws_request_id)
    with failures_logged(logger):
        settings = Settings.from_env(os.environ)
        return _run(settings, Request.parse(event), context, logger).execute()


def stream(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Clean up after sessions that TTL has removed; return the records that failed."""
    logger = logger_for("upload_cleanup", context.aws_request_id)
    with failures_logged(logger):
        settings = Settings.from_env(os.environ)
        return _run(settings, Request(), context, logger).stream(event["Records"])


def _run(settings: Settings, request: Request, context: LambdaContext, logger: Logger) -> Run:
    return Run(
        run_id=context.aws_request_id,
        settings=settings,
        request=request,
        dynamodb=clients.dynamodb(threads=settings.threads),
        s3=clients.s3_listing(threads=settings.threads),
        budget=Budget.until(context.get_remaining_time_in_millis),
        logger=logger,
        owner_account_id=context.invoked_function_arn.split(":")[ACCOUNT_OF_ARN],
        function_name=context.function_name,
    )
