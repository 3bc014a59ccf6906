"""
The job claims' story: three messages and an interrupt, a worker that sleeps, one that dies.
"""

from __future__ import annotations

import math
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from tools.demo.job_scene import Scene
from tools.demo.screen import say, step, table
from tools.demo.stage import DemoError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.demo.job_scene import Line, WorkerProcess
    from tools.demo.stage import Stage

KEY = "engine#ada"
WAITS = 0.1  # what the state machine's waits take of their time here
LATE_S = 0.5  # until everybody who tells of a moment has told of it
REPORT = {"payload": {"steps": [f"line {n} of a long report" for n in range(1, 31)]}}
# What an execution does, in words; what is not here is not told.
STATES = {
    "SendInterrupt": "another thread works on this key: tell its container to stop",
    "RecordInterruption": "record the interruption",
    "ClaimJob": "claim the key",
    "SendToContainer": "claimed: send the work, with its fence",
    "ReleaseClaim": "the work is done: release",
    "ReleaseInterrupted": "its worker has stopped for newer work: release",
    "HandleTimeout": "no heartbeat: record it, tell the dead-letter queue, free the key",
}
WORDS = {
    "takes": "takes the work up",
    "works": "works on step {step}",
    "commits": "commits step {step}",
    "finishes": "says that it is done",
    "Interrupted": "is interrupted before its next step",
    "StaleFence": "is REFUSED by the table: {why}",
}


def tell(stage: Stage) -> None:
    """
    Send messages, and show what becomes of them.

    Raises:
        DemoError: Something else happened than a claim allows.
    """
    scene = Scene(stage.account, stage.outputs())
    stage.account.scale_waits(WAITS)
    say(f"    The state machine's waits take {WAITS:.0%} of their time here.")
    interrupted(scene)
    asleep(scene)
    dead(scene, stage)
    step("What is on record")
    document(scene)
    alarms(stage)
    places(scene)


def interrupted(scene: Scene) -> None:
    """Tell of three messages: work, an interrupt, and more of the same thread."""
    step("Three messages for one key: a second thread interrupts the first; a third joins it")
    with Timeline(scene) as show, scene.worker("ada", "--step-seconds", "0.6") as worker:
        show.worker(worker)
        first = show.message("m1", "t1", **REPORT)
        worker.said("commits", "m1")
        second = show.message("m2", "t2")
        worker.said("works", "m2")
        third = show.message("m3", "t2")
        ends = [scene.ended(execution) for execution in (first, second, third)]
    expect(ends[0]["status"] == "superseded", "m1 was not interrupted")
    expect(ends[1]["fence"] == ends[2]["fence"], "m2 and m3 did not share a claim")
    expect("containerId" not in scene.claim(KEY), "the key is not free")
    say("    m2 and m3 are of one thread: one container, one fence, and no interrupt.")


def asleep(scene: Scene) -> None:
    """Tell of a worker that sleeps through its interrupt, and what its fence is for."""
    step("A worker falls asleep in the middle of a step, and wakes up when its key is another's")
    with ExitStack() as workers:
        show = workers.enter_context(Timeline(scene))
        sleeper = workers.enter_context(
            scene.worker("sleeper", "--most", "1", "--step-seconds", "0.6")
        )
        show.worker(sleeper)
        older = show.message("m4", "t3")
        sleeper.said("works", "m4", step=1)
        sleeper.pause()
        show.note("sleeper", "falls asleep (SIGSTOP)")
        workers.callback(sleeper.resume)
        newer = show.message("m5", "t4")
        other = workers.enter_context(scene.worker("other", "--step-seconds", "0.2"))
        show.worker(other)
        other.said("finishes", "m5")
        show.note("sleeper", "wakes up (SIGCONT), and goes on where it was")
        sleeper.resume()
        sleeper.said("StaleFence", "m4")
        for execution in (older, newer):
            scene.ended(execution)
    newest = max(line["fence"] for line in scene.document(KEY)["lines"])
    late = scene.document(KEY)["lines"][-1]
    expect(late["fence"] == newest, "a stale fence has committed")
    say("    Nothing that was written with an old fence comes after what has a newer one.")


def dead(scene: Scene, stage: Stage) -> None:
    """Tell of a worker that dies, and who notices."""
    step("A worker dies; its heartbeats are over at once, instead of in a minute")
    with Timeline(scene) as show, scene.worker("mortal", "--step-seconds", "0.6") as worker:
        show.worker(worker)
        execution = show.message("m6", "t5")
        worker.said("commits", "m6")
        worker.kill()
        show.note("mortal", "dies (SIGKILL)")
        stage.account.lapse_tasks()
        scene.ended(execution)
    (letter,) = scene.dead_letters()
    table([(name, letter[name]) for name in ("type", "error", "containerId", "fence")])
    expect("containerId" not in scene.claim(KEY), "the key is not free")


class Timeline:
    """What happens, from all who tell of it, printed in order of time while it happens."""

    def __init__(self, scene: Scene) -> None:
        """Begin now."""
        self._scene, self._began = scene, time.time()
        self._workers: list[WorkerProcess] = []
        self._executions: dict[str, str] = {}  # to the message's name
        self._notes: list[tuple[float, str, str]] = []
        self._shown: set[tuple[float, str, str]] = set()
        self._over = threading.Event()
        self._printer = threading.Thread(target=self._print, daemon=True)

    def __enter__(self) -> Self:
        """Begin to print."""
        self._printer.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Print what is left."""
        self._over.set()
        self._printer.join()
        self._show(math.inf)

    def worker(self, worker: WorkerProcess) -> None:
        """Listen to a worker."""
        self._workers.append(worker)

    def message(self, name: str, thread: str, **more: Any) -> str:
        """Send a message; return its execution."""
        self.note(name, f"a message of thread {thread}")
        execution = self._scene.send(KEY, thread, name, **more)
        self._executions[execution] = name
        return execution

    def note(self, who: str, what: str) -> None:
        """Tell of something that only we know."""
        self._notes.append((time.time(), who, what))

    def _print(self) -> None:
        while not self._over.wait(LATE_S):
            self._show(time.time() - LATE_S)

    def _show(self, until_s: float) -> None:
        told = {*self._notes, *self._said(), *self._entered()} - self._shown
        new = sorted(moment for moment in told if moment[0] <= until_s)
        for at, who, what in new:
            say(f"    {max(0, at - self._began):5.1f} s  {who:<9}{what}")
        self._shown.update(new)

    def _said(self) -> Iterator[tuple[float, str, str]]:
        for worker in self._workers:
            for line in list(worker.lines):
                if line["event"] in WORDS:
                    yield line["at"], line["worker"], worded(line)

    def _entered(self) -> Iterator[tuple[float, str, str]]:
        for execution, name in list(self._executions.items()):
            for at, state in self._scene.entered(execution):
                if state in STATES:
                    yield at, name, STATES[state]


def worded(line: Line) -> str:
    """Say what a worker did, for which message and with which fence."""
    what = WORDS[line["event"]].format(step=line.get("step", -1) + 1, why=line.get("why"))
    return f"{what} ({line['messageId']}, fence {line['fence']})"


def expect(true: bool, otherwise: str) -> None:  # noqa: FBT001 - a condition, as of an assert
    """
    Go on where it is as told.

    Raises:
        DemoError: It is not.
    """
    if not true:
        raise DemoError(otherwise)


def document(scene: Scene) -> None:
    """Print what was written, in the order in which it was."""
    say(f"    The document {KEY}: fences only grow")
    names = ("fence", "messageId", "worker", "text")
    lines = scene.document(KEY)["lines"]
    table([[line[name] for name in names] for line in lines], header=names)
    record = scene.record("m2")
    say("    The interruption by m2")
    table([(name, record[name]) for name in ("interruptedContainer", "newThreadId", "reason")])


def alarms(stage: Stage) -> None:
    """Print the alarms that are not in order."""
    say("    Alarms that went off")
    states = stage.account.evaluate_alarms()
    table([(name, state) for name, state in sorted(states.items()) if state == "ALARM"])


def places(scene: Scene) -> None:
    """Print where an operator finds all this."""
    machine = scene.claims["state_machine"]
    arn = machine["arn"]
    table(
        [
            ("executions", f"aws stepfunctions list-executions --state-machine-arn {arn}"),
            ("dead letters", scene.claims["dead_letter_queue_url"]),
            ("dashboard", scene.claims["dashboard_name"]),
            ("who works?", scene.claims["invoke_command"]),
        ]
    )
