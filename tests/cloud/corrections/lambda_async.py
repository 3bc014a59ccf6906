"""
Asynchronous invocations are retried, then delivered with AWS's records by the function's role.

AWS: one request ID for all attempts; retries as the event invoke config says; then the destination
gets a record with version, timestamp, request ID and the true count, while the dead-letter queue
gets the event itself with attributes; both are sent with the function's role, and lost where it
lacks the permission. A function without any reserved concurrency gets no event at all.

MiniStack 1.5.33: a new request ID for each attempt; the record lacks version, timestamp, request ID
and always counts 3; a dead-letter queue gets that record too, and none where there is a
destination; no permission is asked; throttles count as failures; events from EventBridge,
Scheduler and SNS are neither retried nor delivered.

Upstream: this module's ``attempt``, ``record`` and ``bury``, and the event sources calling it.
"""

from __future__ import annotations

import json
from typing import Any

from tests.cloud import emulator, lambda_async


def apply() -> None:
    """Take over the queue, and lead every asynchronous source into it."""
    service = emulator.module("services.lambda_svc")
    service.invoke_async_with_retry = lambda_async.invoke
    emulator.module("services.eventbridge")._dispatch_to_lambda = from_eventbridge
    emulator.module("services.sns")._lambda_svc = Queueing()


def from_eventbridge(arn: str, payload: Any) -> None:
    """Queue an event of EventBridge or of Scheduler, which share this way."""
    service = emulator.module("services.lambda_svc")
    func, config, _ = service._get_func_record_for_ref(arn)
    if func and config:
        lambda_async.invoke(
            service._execution_record_for_config(func, config), json.loads(payload or "{}")
        )


class Queueing:
    """MiniStack's Lambda as SNS sees it: what it runs is queued."""

    def __getattr__(self, name: str) -> Any:
        """Return MiniStack's own, but for running."""
        if name == "_execute_function_with_config_scope":
            return lambda_async.invoke
        return getattr(emulator.module("services.lambda_svc"), name)
