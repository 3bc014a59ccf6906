"""
Run a function's handler as Lambda's Python runtime does: import it once, then answer invocations.

This file runs alone, in the interpreter that the function asks for, isolated (``-I -S``) from all
installed packages; it imports the standard library only. On ``sys.path`` come the task root, then
the runtime's own boto3, then the standard library, as on AWS.

It speaks JSON lines over one socket: invocations come in; log records, results and errors go out.
"""

from __future__ import annotations

import importlib
import io
import json
import logging
import os
import queue
import re
import socket
import sys
import threading
import time
import traceback
from datetime import datetime, timezone
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

NO_BREAK_SPACE = "\u00a0"
JSON_FORMAT = os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON"
RAW = re.compile('"\ue000([^"\ue001]*)\ue001"')  # marks a number that json itself cannot write
STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"aws_request_id", "taskName"}

request_id = ""  # of the invocation that runs


class FaultError(Exception):
    """The runtime itself refuses: the handler cannot be loaded, or its result not be sent."""

    def __init__(self, kind: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.kind, self.trace = f"Runtime.{kind}", trace or []


class Wire:
    """The socket to the cloud; each message is a JSON list on a line."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self.requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._receive, daemon=True).start()

    def _receive(self) -> None:
        with self._connection.makefile("rb") as lines:
            for line in lines:
                self.requests.put(json.loads(line))
        os._exit(0)  # the cloud has gone: end too, whatever the handler is doing

    def send(self, *message: Any) -> None:
        """Send one message, whole even where threads send at once."""
        line = json.dumps(message).encode() + b"\n"
        with self._lock:
            self._connection.sendall(line)

    def log(self, text: str, *, framed: bool) -> None:
        """Send one log event; a *framed* one comes from ``logging`` and may hold newlines."""
        if text := text.rstrip("\n"):
            self.send("log", int(time.time() * 1000), text, framed)


class Lines(io.RawIOBase):
    """A standard stream: each line is a log event, in the order in which Python wrote them."""

    def __init__(self, wire: Wire, descriptor: int) -> None:
        self._wire, self._descriptor, self._rest = wire, descriptor, b""

    def writable(self) -> bool:
        """Say yes: it is a stream to write to."""
        return True

    def fileno(self) -> int:
        """Return the true descriptor, which child processes inherit."""
        return self._descriptor

    def write(self, data: Any) -> int:
        """Log each line that *data* completes, and keep the rest."""
        *lines, self._rest = (self._rest + bytes(data)).split(b"\n")
        for line in lines:
            self._wire.log(line.decode(errors="replace"), framed=False)
        return len(data)

    def end_line(self) -> None:
        """Log what the handler left unfinished."""
        if self._rest:
            self.write(b"\n")


class LogHandler(logging.Handler):
    """Lambda's handler on the root logger: one event for each record, whatever its lines."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire
        self.setFormatter(JsonFormatter() if JSON_FORMAT else text_formatter())

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record."""
        record.aws_request_id = request_id
        self._wire.log(self.format(record), framed=True)


def text_formatter() -> logging.Formatter:
    """Return Lambda's own line for the text format."""
    layout = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
    formatter = logging.Formatter(layout, "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    return formatter


class JsonFormatter(logging.Formatter):
    """Lambda's own JSON, with what the caller put in ``extra`` beside its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one record as one line."""
        fields: dict[str, Any] = {
            "timestamp": utc(record.created),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            "requestId": request_id,
        }
        if record.exc_info and record.exc_info[0]:
            fields["stackTrace"] = traceback.format_tb(record.exc_info[2])
            fields["errorType"] = record.exc_info[0].__name__
            fields["errorMessage"] = str(record.exc_info[1])
            fields["location"] = f"{record.pathname}:{record.funcName}:{record.lineno}"
        extra = {k: v for k, v in vars(record).items() if k not in STANDARD_FIELDS}
        return json.dumps({**extra, **fields}, ensure_ascii=False)


class Context:
    """What a handler gets beside the event."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.aws_request_id = request["request_id"]
        self.invoked_function_arn = request["arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.client_context = None
        self.identity = SimpleNamespace(cognito_identity_id=None, cognito_identity_pool_id=None)
        self._deadline_ms: int = request["deadline_ms"]

    def get_remaining_time_in_millis(self) -> int:
        """Return the time until the platform kills this process."""
        return max(0, self._deadline_ms - int(time.time() * 1000))


def utc(seconds: float) -> str:
    """Write a moment as Lambda does: 2026-01-31T12:00:00.000Z."""
    moment = datetime.fromtimestamp(seconds, tz=timezone.utc)  # noqa: UP017 - also runs on 3.10
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def load(handler: str) -> Any:
    """Import the handler; every way in which that can fail has a name on AWS."""
    module_name, _, name = handler.rpartition(".")
    if not module_name:
        text = f"Bad handler '{handler}': not enough values to unpack (expected 2, got 1)"
        raise FaultError("MalformedHandlerName", text)
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        text = f"Unable to import module '{module_name}': {error}"
        raise FaultError("ImportModuleError", text) from error
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        text = f"Syntax error in module '{module_name}': {error}"
        raise FaultError("UserCodeSyntaxError", text, trace) from error
    if not hasattr(module, name):
        raise FaultError("HandlerNotFound", f"Handler '{name}' missing on module '{module_name}'")
    return getattr(module, name)


def marshal(result: Any) -> str:
    """Return a result as JSON; a Decimal stays the number that it is."""

    def number(value: Any) -> str:
        if isinstance(value, Decimal):
            return f"\ue000{'NaN' if value.is_nan() else value}\ue001"
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")

    try:
        return RAW.sub(r"\1", json.dumps(result, default=number, ensure_ascii=False))
    except Exception as error:
        raise FaultError("MarshalError", f"Unable to marshal response: {error}") from error


def described(error: Exception) -> dict[str, Any]:
    """Describe an error as Lambda reports it, without the runtime's own frames."""
    if isinstance(error, FaultError):
        kind, trace = error.kind, error.trace
    else:
        kind = type(error).__name__
        frames = traceback.extract_tb(error.__traceback__)
        while frames and frames[0].filename == __file__:
            del frames[0]
        trace = traceback.format_list(frames)
    return {
        "errorMessage": str(error),
        "errorType": kind,
        "requestId": request_id,
        "stackTrace": trace,
    }


def log_error(wire: Wire, error: dict[str, Any]) -> None:
    """Log an error that nobody caught, as one event."""
    if JSON_FORMAT:
        stamped = {"timestamp": utc(time.time()), "level": "ERROR", **error}
        wire.log(json.dumps(stamped, ensure_ascii=False), framed=True)
        return
    message = f": {error['errorMessage']}" if error["errorMessage"] else ""
    lines = [f"[ERROR] {error['errorType']}{message}", "Traceback (most recent call last):"]
    for line in (line for frame in error["stackTrace"] for line in frame.splitlines()):
        text = line.lstrip(" ")
        lines.append(NO_BREAK_SPACE * (len(line) - len(text)) + text)
    wire.log("\n".join(lines), framed=True)


def set_up_logging(wire: Wire) -> None:
    """Give the root logger Lambda's handler, and its level where one is set."""
    root = logging.getLogger()
    root.addHandler(LogHandler(wire))
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").replace("TRACE", "DEBUG")
    if level in {"DEBUG", "INFO", "WARN", "ERROR", "FATAL"}:
        root.setLevel(level)


def answer(wire: Wire, handler: Any, request: dict[str, Any]) -> None:
    """Run one invocation and send what came of it."""
    os.environ["_X_AMZN_TRACE_ID"] = request["trace_id"]
    try:
        outcome: tuple[Any, ...] = (
            "result",
            marshal(handler(json.loads(request["event"]), Context(request))),
        )
    except Exception as error:  # noqa: BLE001 - whatever a handler raises is its result
        outcome = ("error", described(error))
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
        if isinstance(stream.buffer, Lines):
            stream.buffer.end_line()
    if outcome[0] == "error":
        log_error(wire, outcome[1])
    wire.send(*outcome)


def main() -> None:
    """Load the handler, then answer until the cloud goes."""
    global request_id  # noqa: PLW0603 - the runtime runs one invocation at a time
    os.environ.pop("LC_CTYPE", None)  # Python's own, where the machine lacks Lambda's locale
    wire = Wire(socket.socket(fileno=int(sys.argv.pop())))
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        lines: Any = Lines(wire, descriptor)
        setattr(sys, name, io.TextIOWrapper(lines, encoding="utf-8", write_through=True))
    set_up_logging(wire)
    sys.path[:0] = [os.environ["LAMBDA_TASK_ROOT"], os.environ["LAMBDA_RUNTIME_DIR"]]
    try:
        handler = load(os.environ["_HANDLER"])
    except Exception as error:  # noqa: BLE001 - whatever the module's own code raises
        log_error(wire, described(error))
        wire.send("fault", described(error))
        return
    wire.send("ready")
    while True:
        request = wire.requests.get()
        request_id = request["request_id"]
        answer(wire, handler, request)


if __name__ == "__main__":
    main()
