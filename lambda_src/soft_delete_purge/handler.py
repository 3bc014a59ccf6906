"""
The Lambda's entry points: settings, clients, one run, its result.

``handler`` takes what a schedule or an operator sends, ``retry`` the messages of the retry queue.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from expiry import clients
from expiry.budget import Budget
from expiry.postgres.access import connector
from expiry.telemetry import failures_logged, logger_for
from soft_delete_purge.queues import Queues
from soft_delete_purge.request import Request
from soft_delete_purge.retry import messages_of
from soft_delete_purge.run import Run
from soft_delete_purge.settings import Settings

if TYPE_CHECKING:
    from aws_lambda_powertools.logging import Logger
    from aws_lambda_powertools.utilities.typing import LambdaContext

APPLICATION_NAME = "soft-delete-purge"
ACCOUNT_OF_ARN = 4


def handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Purge once; what it raises is an ExpiryError that says what to change."""
    logger = logger_for("soft_delete_purge", context.aws_request_id)
    with failures_logged(logger):
        settings = Settings.from_env(os.environ)
        return _run(settings, Request.parse(event), context, logger).execute()


def retry(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Try again what the messages name; return those that are to come once more."""
    logger = logger_for("soft_delete_purge", context.aws_request_id)
    with failures_logged(logger):
        settings = Settings.from_env(os.environ)
        messages = messages_of(event)
        return _run(settings, Request(), context, logger).retry(messages)


def _run(settings: Settings, request: Request, context: LambdaContext, logger: Logger) -> Run:
    return Run(
        run_id=context.aws_request_id,
        settings=settings,
        request=request,
        connect=connector(settings.server, settings.password, APPLICATION_NAME),
        s3=clients.s3_listing(),
        queues=Queues(clients.sqs(), settings.retry_queue_url, settings.dead_letter_queue_url),
        budget=Budget.until(context.get_remaining_time_in_millis),
        logger=logger,
        owner_account_id=context.invoked_function_arn.split(":")[ACCOUNT_OF_ARN],
        function_name=context.function_name,
    )
