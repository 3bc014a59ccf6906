"""
Run a stage's function by hand or as its schedule does, and read what it said.

*told* is what the system's module tells of itself: its names, as the example's outputs have them.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from tools.demo.stage import DemoError

if TYPE_CHECKING:
    from tools.demo.stage import Stage

WAIT_S = 120


def fired(stage: Stage, told: dict[str, Any]) -> dict[str, Any]:
    """
    Run as the schedule does; return the report.

    Raises:
        DemoError: No report came; the message holds what the log says instead.
    """
    before = len(lines(stage, told, "report"))
    stage.account.fire_schedule(told["schedule_name"], group=told["schedule_group_name"])
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if len(found := lines(stage, told, "report")) > before:
            report: dict[str, Any] = found[-1]["report"]
            return report
        time.sleep(0.5)
    log = "\n".join(stage.account.logs(told["log_group_name"])[-20:])
    raise DemoError(f"no report came within {WAIT_S} s; the log says:\n{log}")


def invoked(stage: Stage, told: dict[str, Any], payload: str) -> dict[str, Any]:
    """
    Invoke the function by hand, and return its answer.

    Raises:
        DemoError: It failed.
    """
    answer = stage.account.client("lambda").invoke(
        FunctionName=told["function_name"], Payload=payload.encode()
    )
    body: dict[str, Any] = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise DemoError(f"{payload} failed: {body}")
    return body


def lines(stage: Stage, told: dict[str, Any], message: str) -> list[dict[str, Any]]:
    """Return the log's lines with that message, oldest first."""
    found = stage.account.logs(told["log_group_name"])
    parsed = [json.loads(line) for line in found if line.startswith("{")]
    return [line for line in parsed if line.get("message") == message]
