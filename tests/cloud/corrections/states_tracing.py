"""
A state machine says whether it is traced.

AWS: DescribeStateMachine has ``tracingConfiguration``, off by default. 1.5.33: forgets it, so a
second plan is never empty. Upstream needs: to store the field.
"""

from __future__ import annotations

import json
from typing import Any

from tests.cloud import emulator

NAME = "tracingConfiguration"


def apply() -> None:
    """Store the field on creation and update, where DescribeStateMachine reads."""
    states = emulator.module("services.stepfunctions")
    for function in ("_create_state_machine", "_update_state_machine"):
        emulator.wrap(states, function, keeping)


def keeping(change: Any) -> Any:
    """Return *change* that keeps the tracing configuration."""

    def change_state_machine(data: Any) -> Any:
        answer = change(data)
        if answer[0] == 200:
            arn = data.get("stateMachineArn") or json.loads(answer[2])["stateMachineArn"]
            machine = emulator.module("services.stepfunctions")._state_machines.get(arn)
            if machine is not None:
                machine[NAME] = data.get(NAME) or machine.get(NAME) or {"enabled": False}
        return answer

    return change_state_machine
