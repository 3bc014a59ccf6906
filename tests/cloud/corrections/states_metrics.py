"""
Executions are counted in CloudWatch.

AWS: AWS/States has ExecutionsStarted, ExecutionsSucceeded, ExecutionsFailed, ExecutionsTimedOut and
ExecutionsAborted for each StateMachineArn. 1.5.33: has none of them, so no alarm on an execution
ever goes off. Upstream needs: to record one where it tells EventBridge of a changed status.
"""

from __future__ import annotations

from typing import Any

from tests.cloud import emulator

METRICS = {
    "RUNNING": "ExecutionsStarted",
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "TIMED_OUT": "ExecutionsTimedOut",
    "ABORTED": "ExecutionsAborted",
}


def apply() -> None:
    """Count wherever the emulator tells of a status."""
    states = emulator.module("services.stepfunctions")
    emulator.wrap(states, "_emit_execution_status_event", counted)


def counted(emit: Any) -> Any:
    """Return *emit* that also records a metric."""

    def emit_execution_status_event(execution: Any) -> None:
        about = {"StateMachineArn": execution["stateMachineArn"]}
        record = emulator.module("services.cloudwatch").record_metric
        record("AWS/States", METRICS[execution["status"]], 1, "Count", about)
        emit(execution)

    return emit_execution_status_event
