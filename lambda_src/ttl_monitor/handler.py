"""
The Lambda's entry point: settings, clients, one run, its result.

Takes no keys in its event: the monitor deletes nothing, so there is nothing to choose.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from expiry import clients, events
from expiry.budget import Budget
from expiry.telemetry import failures_logged, logger_for
from ttl_monitor.export import ExportTarget
from ttl_monitor.run import Run
from ttl_monitor.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_lambda_powertools.utilities.typing import LambdaContext

ACCOUNT_OF_ARN = 4
FIELDS: Mapping[str, events.Kind] = {}


def handler(event: Any, context: LambdaContext) -> dict[str, Any]:
    """Monitor the table once; what it raises is an ExpiryError that says what to change."""
    logger = logger_for("ttl_monitor", context.aws_request_id)
    with failures_logged(logger):
        settings = Settings.from_env(os.environ)
        events.parse(event, FIELDS)
        run = Run(
            run_id=context.aws_request_id,
            settings=settings,
            client=clients.dynamodb(threads=settings.threads),
            budget=Budget.until(context.get_remaining_time_in_millis),
            logger=logger,
            export=_export_target(settings, context.invoked_function_arn),
        )
        return run.execute()


def _export_target(settings: Settings, function_arn: str) -> ExportTarget | None:
    if settings.export is None:
        return None
    account_id = function_arn.split(":")[ACCOUNT_OF_ARN]
    return ExportTarget(clients.s3(), settings.export, account_id)
