"""
A task that waits for its token ends when its heartbeats do.

AWS: with HeartbeatSeconds, a task that gets no SendTaskHeartbeat for so long fails with
``States.HeartbeatTimeout``; the time counts from when the task was scheduled. 1.5.33: stores
heartbeats and never looks at them. Here it looks, and a door lets the heartbeats of every waiting
task, or their overall time, be over at once, so that no test waits for a clock.
Upstream needs: to wait for the heartbeat, not for the overall time alone.
"""

from __future__ import annotations

import contextvars
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from tests.cloud import emulator
from tests.cloud.doors import door

HEARTBEAT = "States.HeartbeatTimeout"
OVERALL = "States.Timeout"
LOOK_S = 0.05


@dataclass(slots=True)
class Waiting:
    """A task that waits for its token."""

    scope: tuple[str, str]
    heartbeat_s: float | None
    last_s: float = field(default_factory=time.monotonic)
    over: threading.Event = field(default_factory=threading.Event)


TASKS: dict[str, Waiting] = {}


def apply() -> None:
    """Watch every callback from when it is scheduled."""
    states = emulator.module("services.stepfunctions")
    emulator.wrap(states, "_invoke_with_callback", watched)
    emulator.wrap(states, "_send_task_heartbeat", noted)


def watched(invoke: Any) -> Any:
    """Return *invoke* with someone who counts the time since the last heartbeat."""

    def invoke_with_callback(resource: str, given: Any, token: str, state: Any) -> Any:
        waiting = Waiting(emulator.current_scope(), state.get("HeartbeatSeconds"))
        TASKS[token] = waiting
        context = contextvars.copy_context()  # tokens are known by account and region
        threading.Thread(target=context.run, args=(watch, token, waiting), daemon=True).start()
        try:
            return invoke(resource, given, token, state)
        finally:
            TASKS.pop(token, None)
            waiting.over.set()

    return invoke_with_callback


def watch(token: str, waiting: Waiting) -> None:
    """Fail the task once its last heartbeat is too old."""
    if waiting.heartbeat_s is None:
        return
    while not waiting.over.wait(LOOK_S):
        if time.monotonic() - waiting.last_s > waiting.heartbeat_s:
            fail(token, HEARTBEAT)
            return


def noted(heartbeat: Any) -> Any:
    """Return *heartbeat* that the watcher hears of."""

    def send_task_heartbeat(data: Any) -> Any:
        if waiting := TASKS.get(data.get("taskToken")):
            waiting.last_s = time.monotonic()
        return heartbeat(data)

    return send_task_heartbeat


def fail(token: str, error: str) -> None:
    """End a waiting task; its token is not known any more."""
    task = emulator.module("services.stepfunctions")._task_tokens.get(token)
    if task is not None:
        task["error"] = {"Error": error, "Cause": ""}
        task["event"].set()


@door("lapse-tasks")
def lapse_tasks(*, overall: bool = False) -> int:
    """
    Let every waiting task that has a heartbeat be without one for too long; return their number.

    With *overall* it is the task's own time that is over, heartbeat or not.
    """
    scope = emulator.current_scope()
    lapsed = [
        token
        for token, waiting in list(TASKS.items())
        if waiting.scope == scope and (overall or waiting.heartbeat_s is not None)
    ]
    for token in lapsed:
        fail(token, OVERALL if overall else HEARTBEAT)
    return len(lapsed)
