"""
Starting a standard execution twice, with one name and one input, starts it once.

AWS: while the first runs, StartExecution answers as it did the first time; another input, or an
execution that has ended, is ExecutionAlreadyExists. 1.5.33: always ExecutionAlreadyExists.
Upstream needs: to compare the input of a running execution.
"""

from __future__ import annotations

from typing import Any

from tests.cloud import emulator


def apply() -> None:
    """Answer a repeated start before the emulator refuses it."""
    emulator.wrap(emulator.module("services.stepfunctions"), "_start_execution", idempotent)


def idempotent(start: Any) -> Any:
    """Return *start* that knows a running execution again."""

    def start_execution(data: Any) -> Any:
        states, responses = (
            emulator.module("services.stepfunctions"),
            emulator.module("core.responses"),
        )
        machine = states._resolve_state_machine_arn(data.get("stateMachineArn", ""))
        if machine is not None and data.get("name"):
            arn = machine.replace(":stateMachine:", ":execution:") + f":{data['name']}"
            running = states._executions.get(arn)
            same = running is not None and running["input"] == data.get("input", "{}")
            if same and running["status"] == "RUNNING":
                return responses.json_response(
                    {"executionArn": arn, "startDate": running["startDate"]}
                )
        return start(data)

    return start_execution
