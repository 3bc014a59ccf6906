"""
One execution environment of a function: a process that runs ``lambda_bootstrap``.

Owns the process, its deadline and what it writes. Reads only while an invocation runs, by the
thread that invokes, so there is nothing to wait for after the answer: what the handler wrote before
it is there already.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import selectors
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cloud import lambda_environment as surroundings

BOOTSTRAP = Path(__file__).with_name("lambda_bootstrap.py")
INIT_LIMIT_S = 10.0  # a longer init is begun again, within the invocation's own time
PEAK = re.compile(r"VmHWM:\s+(\d+) kB")
LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")


@dataclass(frozen=True, slots=True)
class Request:
    """One invocation, as the bootstrap wants it."""

    request_id: str
    arn: str
    trace_id: str
    event: str  # JSON


@dataclass(slots=True)
class Outcome:
    """What became of an invocation."""

    payload: str = ""  # JSON, the result or the error
    status: str = "success"  # or error, timeout, failure (the process ended)
    error_type: str = ""
    events: list[tuple[int, str]] = field(default_factory=list)  # milliseconds and text
    init_events: int = 0  # how many of them came before the invocation began
    begun_ms: int = 0  # the moment that it began
    duration_ms: float = 0.0
    init_ms: float | None = None  # of a cold start
    max_memory_mb: int = 0


class Worker:
    """A process that serves one invocation at a time, and is kept warm between them."""

    def __init__(self, config: surroundings.Config, code: bytes) -> None:
        self.config = config
        self.logs = surroundings.Logging.of(config)
        self.log_stream = surroundings.log_stream(config["Version"])
        self.dismissed = False
        self._code = code
        self._home = Path(tempfile.mkdtemp(prefix="lambda-tmp-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._events: list[tuple[int, str]] = []
        self._received = self._written = b""
        self._peak_mb = 0

    @property
    def alive(self) -> bool:
        """Say whether the process runs: not before the first invocation, nor after a crash."""
        return self._process is not None

    def invoke(self, request: Request) -> Outcome:
        """Run one invocation to its end, or to the function's timeout."""
        self._events = []
        limit_s = float(self.config["Timeout"])
        init_ms = None
        message: list[Any] | None = ["ready"]
        if not self.alive:
            begun_s = time.monotonic()
            self._start()
            message = self._next(begun_s + INIT_LIMIT_S)
            init_ms = (time.monotonic() - begun_s) * 1000
        begun_s, begun_ms, init_events = time.monotonic(), now_ms(), len(self._events)
        deadline_s = begun_s + limit_s
        if message is None:
            self._kill()
            self._start()
            message = self._next(deadline_s)
        if message != ["ready"]:
            init_events = 0  # Lambda tries a failed init again, as part of the invocation
        else:
            self._send(request, begun_ms + int(limit_s * 1000))
            message = self._next(deadline_s)
        outcome = self._outcome(request, message)
        outcome.duration_ms = (time.monotonic() - begun_s) * 1000
        outcome.init_ms, outcome.begun_ms, outcome.init_events = init_ms, begun_ms, init_events
        outcome.events = self._events[:init_events] + sorted(self._events[init_events:], key=moment)
        return outcome

    def close(self) -> None:
        """End the process and remove its temporary folder."""
        self._kill()
        shutil.rmtree(self._home, ignore_errors=True)

    # The process

    def _start(self) -> None:
        self._home.mkdir(exist_ok=True)
        task_root = surroundings.unpacked(self._code)
        python = surroundings.interpreter(self.config["Runtime"])
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [python, "-I", "-S", "-X", "utf8", BOOTSTRAP, str(theirs.fileno())],
                cwd=task_root,
                env=surroundings.variables(self.config, task_root, self._home, self.log_stream),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        self._socket = ours
        self._selector = selectors.DefaultSelector()
        self._selector.register(ours, selectors.EVENT_READ)
        self._selector.register(self._process.stdout, selectors.EVENT_READ)
        self._received = self._written = b""

    def _kill(self) -> int:
        """End the process and all that it started; return its exit status."""
        process, self._process = self._process, None
        if process is None:
            return 0
        self._selector.close()
        self._socket.close()
        assert process.stdout is not None
        process.stdout.close()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        return process.wait()

    # Messages

    def _send(self, request: Request, deadline_ms: int) -> None:
        message = {
            "request_id": request.request_id,
            "arn": request.arn,
            "trace_id": request.trace_id,
            "event": request.event,
            "deadline_ms": deadline_ms,
        }
        with contextlib.suppress(ConnectionError):  # ended meanwhile: seen when reading
            self._socket.sendall(json.dumps(message).encode() + b"\n")

    def _next(self, deadline_s: float) -> list[Any] | None:
        """Return the next message but logs, ``["ended"]`` at the end, None at the deadline."""
        while (left_s := deadline_s - time.monotonic()) > 0:
            for key, _ in self._selector.select(left_s):
                if key.fileobj is not self._socket:
                    self._read_output()
                    continue
                data = self._socket.recv(1 << 16)
                if not data:
                    return ["ended"]
                if message := self._note(data):
                    return message
        return None

    def _note(self, data: bytes) -> list[Any] | None:
        """Keep the log events in *data*; return the message that is none."""
        *lines, self._received = (self._received + data).split(b"\n")
        found: list[Any] | None = None
        for line in lines:
            message = json.loads(line)
            if message[0] != "log":
                found = message
            elif message[3] or self._wanted(message[2]):
                self._events.append((message[1], message[2]))
        return found

    def _read_output(self) -> None:
        """Read what was written to the standard streams past Python: by libraries, by children."""
        assert self._process is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._process.stdout.fileno(), 1 << 16):
                self._written += data
            self._selector.unregister(self._process.stdout)
        *lines, self._written = self._written.split(b"\n")
        self._note_output(lines)

    def _note_output(self, lines: list[bytes]) -> None:
        read_ms = now_ms()
        texts = (line.decode(errors="replace") for line in lines if line)
        self._events += [(read_ms, text) for text in texts if self._wanted(text)]

    def _wanted(self, line: str) -> bool:
        """
        Say whether a line from a standard stream passes the application log level.

        With JSON logs Lambda reads each line's own ``level``; a line without counts as INFO,
        metrics in embedded format too.
        """
        if not self.logs.json:
            return True
        level = "INFO"
        with contextlib.suppress(ValueError, AttributeError):
            level = str(json.loads(line).get("level", level)).upper()
        level = {"WARNING": "WARN", "CRITICAL": "FATAL"}.get(level, level)
        rank = LEVELS.index(level if level in LEVELS else "INFO")
        return rank >= LEVELS.index(self.logs.application_level)

    # Ends

    def _outcome(self, request: Request, message: list[Any] | None) -> Outcome:
        self._note_peak_memory()
        if self._process and self._process.stdout in self._selector.get_map():
            self._read_output()
        self._note_output([self._written])
        self._written = b""
        outcome = self._ending(request, message or ["deadline"])
        outcome.max_memory_mb = self._peak_mb
        return outcome

    def _ending(self, request: Request, message: list[Any]) -> Outcome:
        match message:
            case ["result", payload]:
                return Outcome(payload)
            case ["error", error]:
                return Outcome(json.dumps(error), "error", error["errorType"])
            case ["fault", error]:
                self._kill()
                return Outcome(json.dumps(error), "error", error["errorType"])
            case ["deadline"]:
                self._kill()
                text = f"Task timed out after {self.config['Timeout']:.2f} seconds"
                line = f"{surroundings.utc(now_ms())} {request.request_id} {text}"
                return self._failed(request, "timeout", "Sandbox.Timedout", text, line)
        text = exit_text(self._exit_status())
        line = f"RequestId: {request.request_id} Error: {text}\nRuntime.ExitError"
        return self._failed(request, "failure", "Runtime.ExitError", text, line)

    def _failed(self, request: Request, status: str, kind: str, text: str, line: str) -> Outcome:
        """Describe an invocation that the platform ended."""
        if not self.logs.json:  # where it is, the platform's report says so
            self._events.append((now_ms(), line))
        text = f"RequestId: {request.request_id} Error: {text}"
        return Outcome(json.dumps({"errorType": kind, "errorMessage": text}), status, kind)

    def _exit_status(self) -> int:
        """Let a process that has closed its socket end by itself before its group is killed."""
        assert self._process is not None
        os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        return self._kill()

    def _note_peak_memory(self) -> None:
        """Read the peak from the kernel; ``getrusage`` would count the server's, from the fork."""
        assert self._process is not None
        with contextlib.suppress(OSError):  # not Linux
            status = Path(f"/proc/{self._process.pid}/status").read_text()
            if found := PEAK.search(status):  # a process that has ended has none
                self._peak_mb = math.ceil(int(found[1]) / 1024)


def exit_text(code: int) -> str:
    """Say how a process ended, in Lambda's words."""
    if code == 0:
        return "Runtime exited without providing a reason"
    if code > 0:
        return f"Runtime exited with error: exit status {code}"
    name = {-9: "killed", -11: "segmentation fault"}.get(code, str(-code))
    return f"Runtime exited with error: signal: {name}"


def now_ms() -> int:
    """Return the time of day in milliseconds, as log events have it."""
    return int(time.time() * 1000)


def moment(event: tuple[int, str]) -> int:
    """Return a log event's time."""
    return event[0]
