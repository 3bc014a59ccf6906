"""
Write what a function logged, between the lines that Lambda adds, to the function's log group.

Only where its role may: on AWS a function without the permission runs, and leaves no trace.
"""
# ruff: noqa: SLF001 - it reaches into the emulator by its nature

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from tests.cloud import emulator
from tests.cloud.lambda_environment import Logging, utc
from tests.cloud.lambda_role import may

if TYPE_CHECKING:
    from tests.cloud.lambda_environment import Config
    from tests.cloud.lambda_worker import Outcome

Event = tuple[int, str]  # milliseconds and text


def framed(config: Config, request_id: str, outcome: Outcome) -> tuple[list[Event], list[Event]]:
    """Return the events of the cold start, and those of the invocation itself."""
    lines = json_lines if Logging.of(config).json else text_lines
    first, start, last = lines(config, request_id, outcome)
    begun_ms = outcome.begun_ms
    ended_ms = max([begun_ms + int(outcome.duration_ms), *(ms for ms, _ in outcome.events)])
    before, during = outcome.events[: outcome.init_events], outcome.events[outcome.init_events :]
    init_ms = begun_ms - int(outcome.init_ms or 0)
    return (
        [*((init_ms, line) for line in first), *before],
        [*((begun_ms, line) for line in start), *during, *((ended_ms, line) for line in last)],
    )


Lines = tuple[list[str], list[str], list[str]]  # before the init, before and after the handler


def text_lines(config: Config, request_id: str, outcome: Outcome) -> Lines:
    """Return Lambda's own lines for the text format."""
    parts = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {outcome.duration_ms:.2f} ms",
        f"Billed Duration: {math.ceil(outcome.duration_ms)} ms",
        f"Memory Size: {config['MemorySize']} MB",
        f"Max Memory Used: {outcome.max_memory_mb} MB",
    ]
    init = []
    if outcome.init_ms is not None:
        init = [f"INIT_START Runtime Version: {config['Runtime'].replace('python', 'python:')}"]
        parts.append(f"Init Duration: {outcome.init_ms:.2f} ms")
    if outcome.status == "timeout":
        parts.append("Status: timeout")
    elif outcome.status == "failure":
        parts += ["Status: error", f"Error Type: {outcome.error_type}"]
    start = [f"START RequestId: {request_id} Version: {config['Version']}"]
    return init, start, [f"END RequestId: {request_id}", "\t".join(parts)]


def json_lines(config: Config, request_id: str, outcome: Outcome) -> Lines:
    """Return platform events, those that the system log level lets through."""
    begun_ms = outcome.begun_ms
    metrics: dict[str, Any] = {
        "durationMs": round(outcome.duration_ms, 3),
        "billedDurationMs": math.ceil(outcome.duration_ms),
        "memorySizeMB": config["MemorySize"],
        "maxMemoryUsedMB": outcome.max_memory_mb,
    }
    init = []
    if outcome.init_ms is not None:
        metrics["initDurationMs"] = round(outcome.init_ms, 3)
        about = {
            "initializationType": "on-demand",
            "phase": "init",
            "runtimeVersion": config["Runtime"].replace("python", "python:"),
            "functionName": config["FunctionName"],
            "functionVersion": config["Version"],
        }
        init = [platform("initStart", begun_ms - int(outcome.init_ms), about)]
    start = platform("start", begun_ms, {"requestId": request_id, "version": config["Version"]})
    about = {"requestId": request_id, "metrics": metrics, "status": outcome.status}
    if outcome.error_type:
        about["errorType"] = outcome.error_type
    report = platform("report", begun_ms + int(outcome.duration_ms), about)
    if Logging.of(config).system_level == "WARN":
        return [], [], [report] if outcome.error_type else []
    return init, [start], [report]


def platform(kind: str, moment_ms: int, record: dict[str, Any]) -> str:
    """Write one platform event."""
    return json.dumps({"time": utc(moment_ms), "type": f"platform.{kind}", "record": record})


def write(config: Config, stream: str, events: list[Event]) -> None:
    """Put *events* into the function's log group, as far as its role allows."""
    logs = emulator.module("services.cloudwatch_logs")
    group = Logging.of(config).group
    arn = f"arn:aws:logs:{':'.join(config['FunctionArn'].split(':')[3:5])}:log-group:{group}"
    if group not in logs._log_groups:
        if not may(config, "logs:CreateLogGroup", f"{arn}:log-stream:"):
            return
        logs._create_log_group({"logGroupName": group})
    if stream not in logs._log_groups[group]["streams"]:
        if not may(config, "logs:CreateLogStream", f"{arn}:log-stream:{stream}"):
            return
        logs._create_log_stream({"logGroupName": group, "logStreamName": stream})
    if may(config, "logs:PutLogEvents", f"{arn}:log-stream:{stream}"):
        rows = [{"timestamp": ms, "message": text} for ms, text in events]
        logs._put_log_events({"logGroupName": group, "logStreamName": stream, "logEvents": rows})
