"""Keep workers warm between invocations, and none with an old configuration."""

from __future__ import annotations

import atexit
import threading
from typing import TYPE_CHECKING

from tests.cloud.lambda_worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cloud.lambda_environment import Config

MAX_IDLE = 16  # in all: a process a function adds up over a test session
MAX_BUSY = 4  # of one function: on a few cores, fifty at once would only keep each other from work
PATIENCE_S = 20.0  # a function that calls itself would otherwise wait for itself


def function_of(config: Config) -> str:
    """Return the function's ARN without version or alias."""
    return ":".join(config["FunctionArn"].split(":")[:7])


class Pool:
    """The workers of all functions; each is either idle here or with the thread that took it."""

    def __init__(self) -> None:
        self._idle: list[Worker] = []  # the longest idle first
        self._taken: list[Worker] = []
        self._lock = threading.Condition()
        atexit.register(self.dismiss)

    def take(self, config: Config, code: bytes) -> Worker:
        """
        Return an idle worker of just this configuration, else a new one.

        Where many of the function's are busy it waits for one: AWS would start more.
        """
        function = function_of(config)

        def fits(worker: Worker) -> bool:
            return function_of(worker.config) == function and all(
                worker.config[key] == config[key] for key in ("Version", "RevisionId")
            )

        def has_room() -> bool:
            return sum(function_of(one.config) == function for one in self._taken) < MAX_BUSY

        with self._lock:
            self._lock.wait_for(has_room, PATIENCE_S)
            worker = next(filter(fits, reversed(self._idle)), None)
            if worker:
                self._idle.remove(worker)
            else:
                worker = Worker(dict(config), code)
            self._taken.append(worker)
        return worker

    def give_back(self, worker: Worker) -> None:
        """Keep a worker for the next invocation, if it is still good for one."""
        with self._lock:
            self._taken.remove(worker)
            self._lock.notify_all()
            surplus = [worker]
            if worker.alive and not worker.dismissed:
                self._idle.append(worker)
                surplus = self._idle[:-MAX_IDLE]
                del self._idle[:-MAX_IDLE]
        for one in surplus:
            one.close()

    def dismiss(self, unwanted: Callable[[Worker], bool] = lambda _: True) -> None:
        """End idle workers that are *unwanted*, and busy ones when they have finished."""
        with self._lock:
            dismissed = [worker for worker in self._idle if unwanted(worker)]
            self._idle = [worker for worker in self._idle if worker not in dismissed]
            for worker in filter(unwanted, self._taken):
                worker.dismissed = True
        for worker in dismissed:
            worker.close()


POOL = Pool()
