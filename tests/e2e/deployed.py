"""
A deployed function, seen through AWS: fired as its schedule does, invoked, and read back.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e import consumer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cloud import Account

WAIT_S = 180


@dataclass(frozen=True)
class Deployed:
    """One system's function; *told* is what its module's outputs tell of it."""

    account: Account
    root: consumer.Consumer
    told: dict[str, Any]

    def fire(self) -> None:
        """Fire the schedule as deployed, and wait until Lambda is done with it."""
        before = len(self.finished())
        self.account.fire_schedule(
            self.told["schedule_name"], group=self.told["schedule_group_name"]
        )
        wait_until(lambda: len(self.finished()) > before, "a run to finish")

    def finished(self) -> list[str]:
        """Return Lambda's own records of runs that ended, well or not."""
        return [line for line in self.log() if '"platform.report"' in line or "REPORT " in line]

    def log(self) -> list[str]:
        """Return every line of the function's log group."""
        return self.account.logs(self.told["log_group_name"])

    def lines(self, message: str) -> list[dict[str, Any]]:
        """Return the handler's lines with that message, oldest first."""
        lines = [json.loads(line) for line in self.log() if line.startswith("{")]
        return [line for line in lines if line.get("message") == message]

    def alarm_states(self) -> dict[str, str]:
        """Evaluate every alarm now, and read the states back through CloudWatch."""
        self.account.evaluate_alarms()
        described = consumer.aws(self.account, "cloudwatch", "describe-alarms")
        prefix = f"{self.told['function_name']}-"
        return {
            alarm["AlarmName"].removeprefix(prefix): alarm["StateValue"]
            for alarm in described["MetricAlarms"]
        }

    def invoke(self, folder: Path, payload: str = "") -> dict[str, Any]:
        """Run the module's `invoke_command`, as it stands unless a *payload* is given."""
        command = shlex.split(self.told["invoke_command"])
        if payload:
            command[command.index("--payload") + 1] = payload
        shell = self.root.env | consumer.cli_on_path()
        subprocess.run(command, check=True, cwd=folder, capture_output=True, env=shell)
        answer: dict[str, Any] = json.loads((folder / "response.json").read_text())
        return answer

    @contextmanager
    def environment(self, **changes: str) -> Iterator[None]:
        """Change the function's environment for a while."""
        client, name = self.account.client("lambda"), self.told["function_name"]
        before = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
        change = {"FunctionName": name, "Environment": {"Variables": before | changes}}
        client.update_function_configuration(**change)
        try:
            yield
        finally:
            client.update_function_configuration(
                FunctionName=name, Environment={"Variables": before}
            )

    def dead_letter(self) -> dict[str, Any]:
        """Wait for the next record in the dead-letter queue, take it, and return it."""
        sqs, url = self.account.client("sqs"), self.told["dead_letter_queue_url"]
        received: list[dict[str, Any]] = []

        def arrived() -> bool:
            answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)
            received.extend(answer.get("Messages", []))
            return bool(received)

        wait_until(arrived, "the failure in the dead-letter queue")
        sqs.delete_message(QueueUrl=url, ReceiptHandle=received[0]["ReceiptHandle"])
        record: dict[str, Any] = json.loads(received[0]["Body"])
        return record


def wait_until(true: Callable[[], bool], what: str) -> None:
    """Poll until *true*; fail with *what* was waited for."""
    deadline = time.monotonic() + WAIT_S
    while not true():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {WAIT_S} s for {what}")
        time.sleep(0.2)
