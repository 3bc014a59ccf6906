"""
Python functions run as on AWS: isolated, from their zip, with their own environment and logs.

AWS: a function runs in an environment of its own, with the Python that it asks for and the
runtime's boto3; it is killed at its timeout; an error has its exception's class name and stack
trace; a log record of several lines is one event; START, END and REPORT are lines of the log and of
its tail, or platform events where the format is JSON; a changed function starts afresh.

MiniStack 1.5.33: functions run on the server's interpreter with its packages and its environment;
every error is a Runtime.HandlerError without a trace, and ends the worker; records are split into
lines, in a new log stream for each invocation; logs need no permission; a tail has no platform
lines.

Upstream: a bootstrap that follows awslambdaric, run by an interpreter chosen by the runtime.
"""

from __future__ import annotations

import json
from typing import Any

from tests.cloud import emulator, lambda_async, lambda_logs
from tests.cloud.lambda_pool import POOL, function_of
from tests.cloud.lambda_worker import Request


def apply() -> None:
    """Run Python functions ourselves, and end their workers when a function changes."""
    service, runtime = (
        emulator.module("services.lambda_svc"),
        emulator.module("core.lambda_runtime"),
    )
    emulator.wrap(service, "_execute_function_dispatch", running_python)
    emulator.wrap(service, "invalidate_worker", dismissing)
    emulator.wrap(runtime, "reset", dismissing_all)


def running_python(dispatch: Any) -> Any:
    """Return *dispatch* that runs Python functions itself; images, layers and others as before."""

    def run(func: Any, config: Any, event: Any, request_id: str, started: float) -> Any:
        code = func.get("code_zip")
        if not code or config.get("Layers") or not config["Runtime"].startswith("python"):
            return dispatch(func, config, event, request_id, started)
        return invoke(config, code, event, lambda_async.request_id.get() or request_id)

    return run


def invoke(config: Any, code: bytes, event: Any, request_id: str) -> dict[str, Any]:
    """Run one invocation, write its log, and return the result as MiniStack's callers want it."""
    service = emulator.module("services.lambda_svc")
    active = (config.get("TracingConfig") or {}).get("Mode") == "Active"
    trace = service._xray_trace_id_for_invocation({"TracingConfig": {"Mode": "Active"}})
    trace = trace if active else trace.replace("Sampled=1", "Sampled=0")
    text = json.dumps(event, ensure_ascii=False)
    worker = POOL.take(config, code)
    try:
        outcome = worker.invoke(Request(request_id, config["FunctionArn"], trace, text))
    finally:
        POOL.give_back(worker)
    init, during = lambda_logs.framed(config, request_id, outcome)
    lambda_logs.write(config, worker.log_stream, [*init, *during])
    result = {
        "log": "".join(f"{line}\n" for _, line in during),
        "duration_ms": outcome.duration_ms,
    }
    if outcome.status == "success":
        return {**result, "body": outcome.payload, "raw_payload": True}
    error = json.loads(outcome.payload)
    return {**result, "body": error, "error": True, "function_error": "Unhandled"}


def dismissing(invalidate: Any) -> Any:
    """Return *invalidate* that also ends our workers of a function that changed or went."""

    def ended(name: str, *args: Any, **scope: Any) -> None:
        invalidate(name, *args, **scope)
        arn = emulator.module("services.lambda_svc")._func_arn(name)
        POOL.dismiss(lambda worker: function_of(worker.config) == arn)

    return ended


def dismissing_all(reset: Any) -> Any:
    """Return *reset* that also ends all our workers."""

    def ended() -> None:
        reset()
        POOL.dismiss()

    return ended
