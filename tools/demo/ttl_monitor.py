"""
The TTL monitor's story: a table of sessions, of which some are late and some will never go.
"""

from __future__ import annotations

import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from tools.demo.screen import say, step, table
from tools.demo.stage import DemoError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.demo.stage import Stage

Item = dict[str, dict[str, str]]

LIVING = 4_000
EXPIRED = 420
NEVER = {"missing": 60, "wrong_type": 12, "too_old": 8, "milliseconds": 25}
USERS = 300
HOUR_S = 3_600
YEAR_S = 365 * 24 * HOUR_S
BATCH = 25  # BatchWriteItem's limit
REPORT_WAIT_S = 120


def sessions(now_s: int, rng: random.Random) -> Iterator[Item]:
    """Yield the rows of the story: living, expired, and malformed ones of each class."""
    expiries: list[dict[str, str] | None] = [
        *({"N": str(now_s + rng.randint(HOUR_S, 24 * HOUR_S))} for _ in range(LIVING)),
        *({"N": str(now_s - rng.randint(HOUR_S // 2, 90 * HOUR_S))} for _ in range(EXPIRED)),
        *(None for _ in range(NEVER["missing"])),
        *({"S": "2026-01-31T00:00:00Z"} for _ in range(NEVER["wrong_type"])),
        *({"N": str(now_s - 6 * YEAR_S)} for _ in range(NEVER["too_old"])),
        *({"N": str((now_s - HOUR_S) * 1_000)} for _ in range(NEVER["milliseconds"])),
    ]
    rng.shuffle(expiries)
    for number, expires_at in enumerate(expiries):
        user = f"user-{min(int(rng.expovariate(6 / USERS)), USERS):03}"
        row: Item = {
            "thread_id": {"S": f"{user}#session-{number:05}"},
            "checkpoint_id": {"S": "1"},
            "user_id": {"S": user},
            "last_activity": {"N": str(now_s - rng.randint(0, 90 * HOUR_S))},
            "state": {"S": "x" * rng.randint(100, 300)},
        }
        yield row | ({"expires_at": expires_at} if expires_at else {})


def fill(stage: Stage, table_name: str) -> int:
    """Write the rows, 25 a call, and return how many there were."""
    client = stage.account.client("dynamodb")
    rows = list(sessions(int(time.time()), random.Random(1)))  # noqa: S311 - a story, no secret
    batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]

    def write(batch: list[Item]) -> None:
        left: Any = {table_name: [{"PutRequest": {"Item": item}} for item in batch]}
        while left:
            left = client.batch_write_item(RequestItems=left)["UnprocessedItems"]

    with ThreadPoolExecutor(4) as pool:
        for done, _ in enumerate(pool.map(write, batches), start=1):
            if done % 45 == 0 or done == len(batches):
                say(f"    {min(done * BATCH, len(rows)):5} of {len(rows)} rows")
    return len(rows)


def wait_for_report(stage: Stage, log_group: str) -> dict[str, Any]:
    """
    Wait for the run's report in the function's own log.

    Raises:
        DemoError: None came; the message holds what the log says instead.
    """
    deadline = time.monotonic() + REPORT_WAIT_S
    lines: list[str] = []
    while time.monotonic() < deadline:
        lines = stage.account.logs(log_group)
        for line in lines:
            if line.startswith("{") and json.loads(line).get("message") == "report":
                report: dict[str, Any] = json.loads(line)
                return report
        time.sleep(0.5)
    raise DemoError(f"no report came within {REPORT_WAIT_S} s; the log says:\n" + "\n".join(lines))


def exported(stage: Stage, bucket: str) -> tuple[str, dict[str, Any]]:
    """Return the export's location, and the report as it was written there."""
    client = stage.account.client("s3")
    (found,) = client.list_objects_v2(Bucket=bucket)["Contents"]
    body = client.get_object(Bucket=bucket, Key=found["Key"])["Body"].read()
    return f"s3://{bucket}/{found['Key']}", json.loads(body)


def show_alarms(stage: Stage) -> None:
    """Print each alarm with its state, those that went off first."""
    states = stage.account.evaluate_alarms()
    table(
        sorted(((state, name) for name, state in states.items())),
        header=("state", "alarm"),
    )


def tell(stage: Stage) -> None:
    """
    Fill the table, fire the schedule, and show what the monitor says.

    Raises:
        DemoError: No report came.
    """
    outputs = stage.outputs()
    monitor = outputs["monitor"]

    step(f"Filling {outputs['table_name']} with sessions")
    fill(stage, outputs["table_name"])

    step(f"Firing the schedule {monitor['schedule_name']}, as deployed")
    stage.account.fire_schedule(monitor["schedule_name"], group=monitor["schedule_group_name"])
    wait_for_report(stage, monitor["log_group_name"])
    location, report = exported(stage, outputs["export_bucket"])

    step("What the monitor reports")
    show_report(report)

    step("Alarms")
    show_alarms(stage)

    step("Where to look")
    table(
        [
            ("log", f"aws logs filter-log-events --log-group-name {monitor['log_group_name']}"),
            ("saved query", monitor["query_name"]),
            ("dashboard", monitor["dashboard_name"]),
            ("export", location),
            ("by hand", monitor["invoke_command"]),
        ]
    )


def show_report(report: dict[str, Any]) -> None:
    """Print what is late, what will never go, who has most of it, and what the run cost."""
    for title, names in PARTS.items():
        say(f"    {title}")
        table([(f"  {name}", "none" if report[name] is None else report[name]) for name in names])
    say("    Users with the most expired rows")
    table([(f"  {user['user']}", user["expired_count"]) for user in report["top_users"]])


# The report's own names, as the log, the export and Athena have them.
PARTS = {
    "Late: TTL will remove these": (
        "expired_count",
        "oldest_expired_ago_hours",
        "newest_expired_ago_hours",
    ),
    "Never: TTL will not remove these": (
        "never_expire_missing",
        "never_expire_wrong_type",
        "never_expire_too_old",
        "never_expire_milliseconds",
    ),
    "The run": (
        "table_name",
        "ttl_status",
        "ttl_attribute",
        "rows_scanned",
        "share_seen_percent",
        "pages",
        "read_units",
        "duration_s",
    ),
}
