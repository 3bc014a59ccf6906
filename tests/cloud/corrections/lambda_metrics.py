"""
AWS/Lambda metrics count what ran.

AWS: each invocation, however it came, adds to Invocations, Errors (0 or 1), Throttles (0),
ConcurrentExecutions, and Duration without the init; a throttled request adds to Throttles alone.

MiniStack 1.5.33: counts at the API, so that an asynchronous invocation counts once, at once and as
a success, retries and schedules not at all, and a throttled request as two invocations; Duration
is the request's; ConcurrentExecutions is missing.

Upstream: count where a function is executed.
"""

from __future__ import annotations

import time
from typing import Any

from tests.cloud import emulator


def apply() -> None:
    """Count at the execution, no longer at the API."""
    service = emulator.module("services.lambda_svc")
    emulator.wrap(service, "_emit_lambda_metrics", counting_throttles)
    emulator.wrap(service, "_execute_function_dispatch", counting)


def put(function_name: str, **values: float) -> None:
    """Publish values of metrics of one function."""
    record = emulator.module("services.cloudwatch").record_metric
    for metric, value in values.items():
        unit = "Milliseconds" if metric == "Duration" else "Count"
        record("AWS/Lambda", metric, value, unit, {"FunctionName": function_name})


def counting_throttles(_: Any) -> Any:
    """Return what replaces the emulator's own counting."""

    def emit(function_name: str, duration_ms: float, error: bool, throttle: bool) -> None:  # noqa: FBT001 - the emulator's own signature
        del duration_ms
        # It is called twice for a throttled request: where it is refused, and by the API as error.
        if throttle and not error:
            put(function_name, Throttles=1)

    return emit


def counting(dispatch: Any) -> Any:
    """Return *dispatch* that publishes what came of each execution."""

    def run(func: Any, config: Any, event: Any, request_id: str, started: float) -> Any:
        service = emulator.module("services.lambda_svc")
        running = service.executions_in_flight()[1].get(service._inflight_key(config), 1)
        begun_s = time.monotonic()
        result = dispatch(func, config, event, request_id, started)
        put(
            config["FunctionName"],
            Invocations=1,
            Errors=1 if result.get("error") else 0,
            Throttles=0,
            ConcurrentExecutions=running,
            Duration=result.get("duration_ms") or (time.monotonic() - begun_s) * 1000,
        )
        return result

    return run
