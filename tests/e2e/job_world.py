"""
An applied example of job claims, what a test asks of it, and what must hold of its history.
"""

from __future__ import annotations

import io
import json
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.cloud.probes.made import make_role
from tests.waiting import until
from tools.demo.stage import VARIABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cloud import Account
    from tests.e2e import consumer
    from tools.demo.job_scene import Scene

USERS = ("ada", "bob", "cyd", "dan")  # who have a queue of interrupts
ATTACHMENTS = """
def handler(event, context):
    if event["attachment"] == "broken":
        raise ValueError("cannot read it")
    return {"attachment": event["attachment"], "fence": event["fence"]}
"""


@dataclass(frozen=True)
class World:
    """The applied example, and who sends messages there."""

    account: Account
    root: consumer.Consumer
    scene: Scene
    destroy: Callable[[], None]

    @property
    def claims(self) -> dict[str, Any]:
        """What the claims tell of themselves."""
        return self.scene.claims

    def taken(self, message: str) -> dict[str, Any]:
        """Wait for the work of a message, and take it, as a worker does."""
        sqs, url = self.account.client("sqs"), self.scene.outputs["work_queue_url"]

        def look() -> dict[str, Any] | None:
            for received in sqs.receive_message(QueueUrl=url).get("Messages", []):
                work: dict[str, Any] = json.loads(received["Body"])
                assert work["messageId"] == message
                sqs.delete_message(QueueUrl=url, ReceiptHandle=received["ReceiptHandle"])
                return work
            return None

        return until(look, f"the work of {message}")

    def finish(self, work: dict[str, Any]) -> None:
        """Tell that work is done."""
        states = self.account.client("stepfunctions")
        states.send_task_success(taskToken=work["taskToken"], output='{"good": true}')

    def history(self, execution: str) -> list[str]:
        """Return the names of the states that an execution entered, in order."""
        return [name for _, name in self.scene.entered(execution)]

    @contextmanager
    def environment(self, function: str, **changes: str) -> Iterator[None]:
        """Change a function's environment for a while."""
        client, name = self.account.client("lambda"), self.function(function)["function_name"]
        before = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]

        def put(variables: dict[str, str]) -> None:
            client.update_function_configuration(
                FunctionName=name, Environment={"Variables": variables}
            )

        put(before | changes)
        try:
            yield
        finally:
            put(before)

    def function(self, name: str) -> dict[str, Any]:
        """Return what the module tells of a function."""
        told: dict[str, Any] = self.claims["functions"][name]
        return told

    def invoke(self, function: str, event: dict[str, Any]) -> Any:
        """Invoke a function directly."""
        answer = self.account.client("lambda").invoke(
            FunctionName=self.function(function)["function_name"], Payload=json.dumps(event)
        )
        return json.loads(answer["Payload"].read())


def attachments_function(account: Account) -> str:
    """Create a function that an application processes attachments with; return its ARN."""
    make_role(account, "attachments", {"Effect": "Allow", "Action": "logs:*", "Resource": "*"})
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as packed:
        packed.writestr("app.py", ATTACHMENTS)
    made = account.client("lambda").create_function(
        FunctionName="attachments",
        Runtime="python3.13",
        Handler="app.handler",
        Role=f"arn:aws:iam::{account.id}:role/attachments",
        Code={"ZipFile": code.getvalue()},
    )
    arn: str = made["FunctionArn"]
    return arn


def variables(account: Account) -> dict[str, str]:
    """Return the example's variables, with a function for attachments and four users' queues."""
    containers = {user: {"project_id": "engine", "user_id": user} for user in USERS}
    return VARIABLES | {
        "process_attachments_function_arn": attachments_function(account),
        "containers": json.dumps(containers),
        "claims_per_minute": "100",
        "interrupt_grace_seconds": "4",  # two looks whether the key is free
    }


def assert_one_owner(lines: list[dict[str, Any]]) -> None:
    """Hold what workers said, in order, to one owner a fence, and none behind the newest."""
    owner: dict[tuple[str, int], tuple[str, str]] = {}
    newest: dict[str, int] = {}
    begun: dict[tuple[str, int], int] = {}
    at: dict[tuple[str, int], set[tuple[str, str]]] = {}
    for line in filter(lambda line: "fence" in line, lines):
        key, claim = line["key"], (line["key"], line["fence"])
        work, event = (line["worker"], line["messageId"]), line["event"]
        assert owner.setdefault(claim, (line["containerId"], line["threadId"])) == (
            line["containerId"],
            line["threadId"],
        )
        if event == "takes":
            newest[key] = max(newest.get(key, 0), line["fence"])
            at.setdefault(claim, set()).add(work)
            assert len({worker for worker, _ in at[claim]}) == 1
        elif event == "works":
            begun[claim] = newest[key]
        elif event == "commits":
            assert line["fence"] == begun[claim]
        elif event != "leaves":
            at.get(claim, set()).discard(work)


def leftovers(account: Account) -> set[str]:
    """Name what is left of the deployment."""
    client = account.client
    left = [
        client("dynamodb").list_tables()["TableNames"],
        client("sqs").list_queues().get("QueueUrls", []),
        [one["name"] for one in client("stepfunctions").list_state_machines()["stateMachines"]],
        [one["FunctionName"] for one in client("lambda").list_functions()["Functions"]],
        [one["RoleName"] for one in client("iam").list_roles()["Roles"]],
        [one["TopicArn"] for one in client("sns").list_topics()["Topics"]],
        [one["logGroupName"] for one in client("logs").describe_log_groups()["logGroups"]],
        [one["AlarmName"] for one in client("cloudwatch").describe_alarms()["MetricAlarms"]],
        [
            one["DashboardName"]
            for one in client("cloudwatch").list_dashboards()["DashboardEntries"]
        ],
    ]
    return {name for names in left for name in names if "agents" in name}
