"""
The TTL monitor as a consumer deploys it: downloaded, applied, fired, and read back through AWS.

One apply serves the whole file; tests that change the deployment put back what they changed.
"""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e import consumer
from tests.e2e.deployed import Deployed
from tools.demo.stage import VARIABLES
from tools.terraform import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cloud import Account, Cloud

ROWS = 50_000
EXPIRED = 1_500
NEVER = {"missing": 70, "wrong_type": 13, "too_old": 9, "milliseconds": 21}
HOUR_S = 3_600
YEAR_S = 365 * 24 * HOUR_S
OLDEST_H = 80.5
METRICS = "Expiry/TTLMonitor"


@dataclass(frozen=True)
class World(Deployed):
    """The applied example's function, and what else the example tells."""

    outputs: dict[str, Any]

    def reports(self) -> list[dict[str, Any]]:
        """Return the report lines of the log, oldest first."""
        return self.lines("report")


def rows(now_s: int) -> Iterator[dict[str, Any]]:
    """Yield the table's rows; the oldest expired one is exactly OLDEST_H old."""
    expiries: list[dict[str, str] | None] = [
        {"N": str(now_s - int(OLDEST_H * HOUR_S))},
        *({"N": str(now_s - HOUR_S - second)} for second in range(EXPIRED - 1)),
        *(None for _ in range(NEVER["missing"])),
        *({"S": "tomorrow"} for _ in range(NEVER["wrong_type"])),
        *({"N": str(now_s - 6 * YEAR_S)} for _ in range(NEVER["too_old"])),
        *({"N": str(now_s * 1_000)} for _ in range(NEVER["milliseconds"])),
    ]
    expiries += [{"N": str(now_s + 24 * HOUR_S)}] * (ROWS - len(expiries))
    for number, expires_at in enumerate(expiries):
        row = {
            "thread_id": {"S": f"user-{number % 40:02}#session-{number}"},
            "checkpoint_id": {"S": "1"},
            "user_id": {"S": f"user-{number % 40:02}"},
            "last_activity": {"N": str(now_s)},
            "state": {"S": "never read"},
        }
        yield row | ({"expires_at": expires_at} if expires_at else {})


def write(account: Account, table: str, items: list[dict[str, Any]]) -> None:
    """Put *items*, 25 a call."""
    client = account.client("dynamodb")

    def put(batch: list[dict[str, Any]]) -> None:
        requests = [{"PutRequest": {"Item": item}} for item in batch]
        assert not client.batch_write_item(RequestItems={table: requests})["UnprocessedItems"]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, [items[start : start + 25] for start in range(0, len(items), 25)]))


@pytest.fixture(scope="module")
def world(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Apply the example out of an empty folder, its modules downloaded; fire it once."""
    served, folder = tmp_path_factory.mktemp("served"), tmp_path_factory.mktemp("platform")
    consumer.pack_repo(served / consumer.ARCHIVE)
    account = cloud.account()
    with consumer.served(served) as address:
        source = f"{address}/{consumer.ARCHIVE}"
        consumer.copy_root(ROOT / "examples" / "ttl-monitor", folder, source)
        with consumer.applied(folder, account, VARIABLES) as root:
            outputs = consumer.outputs(root)
            applied = World(account, root, outputs["monitor"], outputs)
            write(account, applied.outputs["table_name"], list(rows(int(time.time()))))
            account.clear_calls()
            applied.fire()
            yield applied


def test_example_second_plan_is_empty(world: World) -> None:
    """Right after an apply, nothing is left to change."""
    assert world.root.changes() == []


def test_schedule_fired_report_holds_every_class(world: World) -> None:
    """Late rows and rows that TTL will never remove are two things, each counted exactly."""
    report = world.reports()[0]

    assert report["rows_scanned"] == ROWS
    assert report["expired_count"] == EXPIRED
    assert report["oldest_expired_ago_hours"] == OLDEST_H
    assert {name: report[f"never_expire_{name}"] for name in NEVER} == NEVER


def test_schedule_fired_export_is_one_line_that_athena_reads(world: World) -> None:
    """A run leaves one object under Hive partitions: one JSON object on one line."""
    bucket = world.outputs["export_bucket"]
    listed = consumer.aws(world.account, "s3api", "list-objects-v2", "--bucket", bucket)
    key = listed["Contents"][0]["Key"]
    body = world.account.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().decode()

    today = time.strftime("%Y-%m-%d", time.gmtime())
    assert key.startswith(f"ttl-monitor/table={world.outputs['table_name']}/dt={today}/")
    assert body.endswith("\n")
    (line,) = body.splitlines()
    assert json.loads(line)["expired_count"] == EXPIRED


def test_schedule_fired_metrics_are_read_back(world: World) -> None:
    """Every metric of the table arrives in CloudWatch, under exactly its dimensions."""
    table = world.outputs["table_name"]
    listed = consumer.aws(world.account, "cloudwatch", "list-metrics", "--namespace", METRICS)
    statistics = consumer.aws(
        world.account,
        *("cloudwatch", "get-metric-statistics", "--namespace", METRICS),
        *("--metric-name", "ExpiredCount", "--dimensions", f"Name=TableName,Value={table}"),
        *("--statistics", "Maximum", "--period", "3600"),
        *("--start-time", iso(time.time() - 2 * HOUR_S), "--end-time", iso(time.time() + 60)),
    )

    declared = json.loads((ROOT / "lambda_src/ttl_monitor/metrics.json").read_text())
    assert {metric["MetricName"] for metric in listed["Metrics"]} == set(declared["metrics"])
    assert all(
        metric["Dimensions"] == [{"Name": "TableName", "Value": table}]
        for metric in listed["Metrics"]
    )
    assert max(point["Maximum"] for point in statistics["Datapoints"]) == EXPIRED


def iso(seconds: float) -> str:
    """Format a time as the CLI takes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def test_schedule_fired_alarms_tell_what_is_wrong(world: World) -> None:
    """Too many expired rows and too old ones go off; what is in order does not."""
    states = world.alarm_states()

    off = {name for name, state in states.items() if state == "ALARM"}
    assert off == {"expired-count", "oldest-expired-age"}
    assert states["ttl-misconfigured"] == "OK"
    assert states["silence"] == "OK"


def test_alarm_going_off_tells_the_topic(world: World) -> None:
    """An alarm that changes to ALARM arrives at whoever subscribed to the topic."""
    queue = subscribed_queue(world.account, world.outputs["topic_arn"])
    name = f"{world.told['function_name']}-ttl-misconfigured"
    client = world.account.client("cloudwatch")
    client.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="test")
    table = world.outputs["table_name"]
    set_ttl(world.account, table, enabled=False)

    try:
        world.fire()
        states = world.alarm_states()
        messages = world.account.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=2)
    finally:
        set_ttl(world.account, table, enabled=True)

    assert states["ttl-misconfigured"] == "ALARM"
    (message,) = messages["Messages"]
    assert json.loads(json.loads(message["Body"])["Message"])["AlarmName"] == name


def subscribed_queue(account: Account, topic_arn: str) -> str:
    """Make a queue that *topic_arn* may send to, subscribe it, and return its URL."""
    sqs = account.client("sqs")
    url: str = sqs.create_queue(QueueName="on-call")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    policy = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": attributes["QueueArn"],
                "Condition": {"ArnEquals": {"aws:SourceArn": topic_arn}},
            }
        ],
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    account.client("sns").subscribe(
        TopicArn=topic_arn, Protocol="sqs", Endpoint=attributes["QueueArn"]
    )
    return url


def set_ttl(account: Account, table: str, *, enabled: bool) -> None:
    """Switch the table's TTL."""
    account.client("dynamodb").update_time_to_live(
        TableName=table,
        TimeToLiveSpecification={"Enabled": enabled, "AttributeName": "expires_at"},
    )


def test_invoke_command_answers_in_the_documented_shape(world: World, tmp_path: Path) -> None:
    """The command that the module outputs runs as it stands, and answers in the agreed shape."""
    answer = world.invoke(tmp_path)

    assert answer["statusCode"] == 200
    body = answer["body"]
    assert body["message"] == "Cleanup monitoring completed successfully"
    assert body["summary"].keys() >= {
        "table_name",
        "table_item_count",
        "expired_count",
        "scan_timestamp",
    }
    stats = body["expired_stats"]
    assert stats["expired_count"] == EXPIRED
    assert stats["oldest_expired_ago_hours"] == pytest.approx(OLDEST_H, abs=0.2)
    assert len(stats["sample_expired_items"]) == 10
    assert stats["sample_expired_items"][0].keys() >= {
        "thread_id",
        "checkpoint_id",
        "expires_at",
        "expired_ago_hours",
    }
    assert body["table_metrics"]["table_status"] == "ACTIVE"
    assert {name: body["never_expire"][name] for name in NEVER} == NEVER


def test_run_calls_are_pages_and_a_constant(world: World) -> None:
    """A run asks for each page once; everything else is four calls, whatever the table's size."""
    world.account.clear_calls()
    world.fire()
    calls = [call.operation for call in world.account.calls(role=world.told["role_name"])]

    report = world.reports()[-1]
    handler = [name for name in calls if name not in LAMBDAS_OWN]
    assert handler.count("Scan") == report["pages"]
    assert sorted(name for name in handler if name != "Scan") == [
        "DescribeTable",
        "DescribeTimeToLive",
        "PutObject",
    ]


# What Lambda does with the role by itself; the function module declares these grants with reasons.
LAMBDAS_OWN = frozenset({"CreateLogStream", "PutLogEvents", "SendMessage"})


def test_role_grants_are_the_calls_made(world: World) -> None:
    """What the role may and what the handler does is the same list; services' grants aside."""
    role = world.told["role_name"]
    services = {action for grant in world.told["service_grants"] for action in grant["actions"]}

    granted = {action for action, _ in world.account.grants(role)} - services
    used = {action for action, _ in world.account.used(role)} - services
    assert granted == used
    assert granted == {
        "dynamodb:Scan",
        "dynamodb:DescribeTable",
        "dynamodb:DescribeTimeToLive",
        "s3:PutObject",
    }


def test_role_call_beyond_its_grants_is_denied(world: World) -> None:
    """The role deletes nothing, reads no other table, and writes nowhere but under its prefix."""
    role = world.told["role_name"]
    dynamodb = world.account.client("dynamodb", role=role)
    s3 = world.account.client("s3", role=role)
    key = {"thread_id": {"S": "user-00#session-0"}, "checkpoint_id": {"S": "1"}}

    calls: tuple[Callable[[], Any], ...] = (
        lambda: dynamodb.delete_item(TableName=world.outputs["table_name"], Key=key),
        lambda: dynamodb.scan(TableName="another"),
        lambda: s3.put_object(Bucket=world.outputs["export_bucket"], Key="elsewhere", Body=b""),
    )
    for call in calls:
        with pytest.raises(ClientError, match="AccessDenied"):
            call()


def test_unknown_event_key_is_refused_by_name(world: World, tmp_path: Path) -> None:
    """A misspelt payload fails with one error that names the key."""
    answer = world.invoke(tmp_path, '{"limitt": 5}')

    assert "limitt" in answer["errorMessage"]
    assert answer["errorType"] == "EventError"


def test_failed_run_waits_in_the_dead_letter_queue(world: World) -> None:
    """A schedule whose run fails leaves its event and its error where an operator finds both."""
    with world.environment(CHECKPOINT_TABLE_NAME="no-such-table"):
        world.fire()
        record = world.dead_letter()

    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert record["responsePayload"]["errorType"] == "DeniedError"
    assert "no-such-table" in record["responsePayload"]["errorMessage"]


def test_rows_removed_by_ttl_let_the_alarm_recover(world: World) -> None:
    """When TTL has caught up, the next run says so; what TTL never removes stays, counted."""
    world.account.sweep_ttl()
    world.fire()

    report = world.reports()[-1]
    assert report["expired_count"] == 0
    assert "oldest_expired_ago_hours" not in report
    assert {name: report[f"never_expire_{name}"] for name in NEVER} == NEVER
