"""
The building blocks in a platform team's own stack: their own handler, one key for everything.
"""

from __future__ import annotations

import json
import time
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e import consumer
from tools.terraform import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cloud import Account, Cloud

WORKER = """
import json, os

def handler(event, context):
    if event.get("fail"):
        raise ValueError("asked to")
    print(json.dumps({"message": "worked", "event": event, "table": os.environ["TABLE"]}))
"""


class Stack:
    """The applied stack."""

    def __init__(self, account: Account, root: consumer.Consumer) -> None:
        """Read the outputs once."""
        self.account, self.root, self.outputs = account, root, consumer.outputs(root)


@pytest.fixture(scope="module")
def stack(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Apply the stack out of an empty folder, its modules downloaded."""
    served, folder = tmp_path_factory.mktemp("served"), tmp_path_factory.mktemp("stack")
    consumer.pack_repo(served / consumer.ARCHIVE)
    with zipfile.ZipFile(folder / "worker.zip", "w") as packed:
        packed.writestr("worker/app.py", WORKER)
    account = cloud.account()
    variables = {"local_cloud": "true", "zip": "worker.zip"}
    with consumer.served(served) as address:
        source = f"{address}/{consumer.ARCHIVE}"
        consumer.copy_root(ROOT / "tests" / "e2e" / "blocks", folder, source)
        with consumer.applied(folder, account, variables) as root:
            yield Stack(account, root)


def test_blocks_second_plan_is_empty(stack: Stack) -> None:
    """With every feature on, and a customer's key everywhere, nothing is left to change."""
    assert stack.root.changes() == []


def test_schedule_fired_reaches_the_function_with_its_input(stack: Stack) -> None:
    """The event is the schedule's own input, with Scheduler's context attributes filled in."""
    schedule, worker = stack.outputs["schedule"], stack.outputs["worker"]

    stack.account.fire_schedule(schedule["name"], group=schedule["group_name"])

    (said,) = waited_for(lambda: messages(stack, worker["log_group_name"]))
    assert said["table"] == "blocks-sessions"
    assert said["event"]["limit"] == 5
    assert said["event"]["at"].startswith("20")


def messages(stack: Stack, log_group: str) -> list[dict[str, Any]]:
    """Return what the worker said."""
    lines = [json.loads(line) for line in stack.account.logs(log_group) if line.startswith("{")]
    return [line for line in lines if line.get("message") == "worked"]


def waited_for(found: Any) -> Any:
    """Poll until *found* returns something."""
    deadline = time.monotonic() + 60
    while not (result := found()):
        if time.monotonic() > deadline:
            pytest.fail("waited 60 s in vain")
        time.sleep(0.2)
    return result


def test_failed_event_is_retried_and_then_waits_encrypted(stack: Stack) -> None:
    """One retry as configured, then the whole record lies in the queue."""
    worker = stack.outputs["worker"]
    stack.account.client("lambda").invoke(
        FunctionName=worker["name"], InvocationType="Event", Payload=b'{"fail": true}'
    )
    sqs = stack.account.client("sqs")

    (message,) = waited_for(
        lambda: sqs.receive_message(QueueUrl=stack.outputs["queue_url"]).get("Messages")
    )

    record = json.loads(message["Body"])
    assert record["requestPayload"] == {"fail": True}
    assert record["requestContext"]["approximateInvokeCount"] == 2
    assert record["responsePayload"]["errorType"] == "ValueError"


def test_bucket_lifecycle_is_what_was_written(stack: Stack) -> None:
    """Each rule arrives in S3 with just its own scope."""
    rules = consumer.aws(
        stack.account,
        *("s3api", "get-bucket-lifecycle-configuration", "--bucket", stack.outputs["bucket"]),
    )["Rules"]
    by_name = {rule["ID"]: rule for rule in rules}

    assert by_name["tmp"]["Filter"] == {"Prefix": "tmp/"}
    assert by_name["tmp"]["Expiration"]["Days"] == 7
    archive = by_name["archive"]["Filter"]["And"]
    assert (archive["Prefix"], archive["Tags"]) == (
        "archive/",
        [{"Key": "class", "Value": "cold"}],
    )
    assert by_name["uploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 2}
    assert by_name["uploads"]["Expiration"] == {"ExpiredObjectDeleteMarker": True}


def test_backlog_alarm_goes_off_by_metric_math(stack: Stack) -> None:
    """An expression over two metrics, one of them without data, is evaluated as written."""
    client = stack.account.client("cloudwatch")
    now = time.time()
    for minutes in range(5):
        datum = {"MetricName": "Put", "Value": 50, "Timestamp": now - 60 * minutes}
        client.put_metric_data(Namespace="Blocks", MetricData=[datum])

    states = stack.account.evaluate_alarms()

    assert states["blocks-backlog"] == "ALARM"
    assert states["blocks-slow"] == "OK"
