"""What a function writes is in its log group, event by event, as on AWS."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tests.cloud.lambda_deploy import LOGGING, Function, client

if TYPE_CHECKING:
    from tests.cloud import Account

TALKING = """
import logging, subprocess, sys
print("at import")
log = logging.getLogger()
def handler(event, context):
    print("one\\ntwo")
    log.warning("a record\\nof two lines", extra={"row": 7})
    print("unfinished", end="")
    print("to stderr", file=sys.stderr)
    subprocess.run(["echo", "a child"])
    log.info("quiet")
    if event: raise ValueError("boom")
"""
METRIC = json.dumps(
    {
        "_aws": {
            "Timestamp": 0,
            "CloudWatchMetrics": [
                {"Namespace": "N", "Dimensions": [["D"]], "Metrics": [{"Name": "M"}]}
            ],
        },
        "D": "d",
        "M": 1,
    }
)
REPORT = re.compile(
    r"REPORT RequestId: [-0-9a-f]{36}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\t"
    r"Memory Size: 128 MB\tMax Memory Used: [1-9]\d* MB\tInit Duration: [\d.]+ ms"
)


def anonymous(lines: list[str]) -> list[str]:
    """Return *lines* without what differs from run to run."""
    lines = [re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", line) for line in lines]
    return [re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", line) for line in lines]


def test_log_each_line_and_each_record_is_one_event(account: Account) -> None:
    """Printed text is split into lines; records and traces stay whole; order is kept."""
    function = Function.deploy(account, TALKING)
    function.invoke("fail")

    events = function.events()
    events.remove("a child")  # it comes by another way, so it may be a little late
    *events, error, end, report = events

    assert anonymous(events) == [
        "INIT_START Runtime Version: python:3.13",
        "at import",
        "START RequestId: ID Version: $LATEST",
        "one",
        "two",
        "[WARNING]\tTIME\tID\ta record\nof two lines",
        "to stderr",
        "unfinished",
    ]
    assert error.startswith("[ERROR] ValueError: boom\nTraceback (most recent call last):\n")
    assert anonymous([end]) == ["END RequestId: ID"]
    assert REPORT.fullmatch(report)


def test_log_tail_is_the_end_of_the_log(account: Account) -> None:
    """A tail has the platform's lines too, and never more than 4 KB."""
    source = "def handler(event, context): print('x' * event)\n"
    function = Function.deploy(account, source)

    short, long = function.invoke(10).tail, function.invoke(5000).tail

    assert [line.split(" ")[0] for line in short.splitlines()] == [
        "START",
        "x" * 10,
        "END",
        "REPORT",
    ]
    assert len(long) == 4096
    assert "REPORT RequestId" in long


def test_log_in_json_has_platform_events_and_whole_records(account: Account) -> None:
    """With the JSON format, platform events and records are objects; other text is left."""
    logging = {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "LogGroup": "/chosen"}
    function = Function.deploy(account, TALKING, LoggingConfig=logging)
    function.invoke("fail")

    events = function.events("/chosen")
    objects = [json.loads(event) for event in events if event.startswith("{")]
    by_type = {row["type"]: row["record"] for row in objects if "type" in row}
    warning, quiet, error = (row for row in objects if "level" in row)

    assert list(by_type) == ["platform.initStart", "platform.start", "platform.report"]
    assert by_type["platform.report"]["status"] == "error"
    assert by_type["platform.report"]["errorType"] == "ValueError"
    assert by_type["platform.report"]["metrics"]["memorySizeMB"] == 128
    assert (warning["message"], warning["level"], warning["row"]) == (
        "a record\nof two lines",
        "WARNING",
        7,
    )
    assert quiet["requestId"] == by_type["platform.start"]["requestId"]
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "boom")
    assert {"one", "two", "a child"} <= set(events)


def test_log_level_above_info_drops_metric_lines(account: Account) -> None:
    """A metric line has no level and counts as INFO: at WARN Lambda drops it, silently."""
    source = f"def handler(event, context): print({METRIC!r})\n"
    quiet = {"LogFormat": "JSON", "ApplicationLogLevel": "WARN", "SystemLogLevel": "WARN"}
    Function.deploy(account, source, name="info").invoke()
    function = Function.deploy(account, source, name="warn", LoggingConfig=quiet)
    function.invoke()

    assert METRIC in Function(account, "info").events()
    assert function.events() == []


def test_log_metric_line_arrives_whole(account: Account) -> None:
    """A metric line of many kilobytes is one event."""
    source = f"def handler(event, _): print({METRIC!r}[:-1] + ', \"x\": \"' + 'x' * event + '\"}}')"
    function = Function.deploy(account, source)
    function.invoke(200_000)

    found = [event for event in function.events() if event.startswith("{")]

    assert [json.loads(event)["M"] for event in found] == [1]


def test_log_needs_the_roles_permission(account: Account) -> None:
    """A role that lacks any of the log permissions runs and leaves no trace."""
    create = {**LOGGING, "Action": "logs:CreateLogStream"}
    put = {**LOGGING, "Action": "logs:PutLogEvents"}
    groups = client(account, "logs")
    for name, statements in {"all": (create, put), "create": (create,), "put": (put,)}.items():
        groups.create_log_group(logGroupName=f"/aws/lambda/{name}")
        Function.deploy(account, TALKING, *statements, name=name).invoke()
    Function.deploy(account, TALKING, create, put, name="homeless").invoke()

    assert "one" in Function(account, "all").events()
    assert Function(account, "create").events() == []
    assert Function(account, "put").events() == []
    assert [group["logGroupName"] for group in groups.describe_log_groups()["logGroups"]] == [
        "/aws/lambda/all",
        "/aws/lambda/create",
        "/aws/lambda/put",
    ]
