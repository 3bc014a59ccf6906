"""
The cloud's clock: while it runs, each second what is due happens; while it stands, nothing does.

The emulator's own timers (schedules each ten seconds, expired rows each minute) never start: a test
that holds an expired row, or a schedule, decides itself when something becomes of it.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import types
from typing import Any
from unittest import mock

from tests.cloud import emulator
from tests.cloud.doors import DOORS, door

TICK_S = 1.0

RUNNING = threading.Event()
_one_at_a_time = threading.Lock()


def stop_the_reaper() -> None:
    """
    Keep the emulator's TTL timer from starting; whichever correction imports its module first
    would start it.
    """
    start = threading.Thread.start

    def start_but_no_reaper(thread: threading.Thread) -> None:
        if thread.name != "dynamodb-ttl-reaper":
            start(thread)

    with mock.patch.object(threading.Thread, "start", start_but_no_reaper):
        emulator.module("services.dynamodb")


def install() -> None:
    """Keep the emulator's other timers from starting, and start ours."""
    for name in ("services.scheduler", "services.eventbridge"):
        emulator.wrap(emulator.module(name), "start_scheduler", lambda _: lambda: None)
    if os.environ.pop("EXPIRY_CLOUD_CLOCK", ""):
        RUNNING.set()
    threading.Thread(target=run, daemon=True, name="clock").start()


@door("clock")
def clock(running: bool) -> None:  # noqa: FBT001 - JSON brings it by name
    """Let the clock run, or stop it."""
    (RUNNING.set if running else RUNNING.clear)()


@door("timers")
def timers() -> list[str]:
    """Return the names of the threads that run."""
    return [thread.name for thread in threading.enumerate()]


@door("tick")
def tick(at: float | None = None) -> None:
    """Fire the schedules of every account that are due at a time, now by default."""
    scheduler = emulator.module("services.scheduler")
    with _one_at_a_time:
        if at is not None:
            scheduler.time = types.SimpleNamespace(time=lambda: at)
        try:
            scheduler._tick_schedules()
        finally:
            scheduler.time = time


def run() -> None:
    """Tick for as long as the process lives."""
    while RUNNING.wait():
        time.sleep(TICK_S)
        try:
            tick()
            evaluate_alarms()
        except Exception:
            logging.getLogger(__name__).exception("the clock goes on")


def evaluate_alarms() -> None:
    """Evaluate the alarms of every account and region."""
    evaluate: Any = DOORS.get("evaluate-alarms")
    alarms = emulator.module("services.cloudwatch")._alarms
    for account, region in {key[:2] for key in list(alarms._data)}:
        if evaluate:
            with emulator.scope(account, region):
                evaluate()


@door("threads")
def threads() -> list[str]:
    """Return the names of the server's threads."""
    return sorted(thread.name for thread in threading.enumerate())
