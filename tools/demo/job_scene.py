"""
Messages, workers and what becomes of them: the claims of an applied example, seen from outside.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from tests.waiting import until
from tools.terraform import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cloud import Account

WORKER = ROOT / "examples" / "job-claims" / "worker"
STEPS = ("a first line", "a second line", "a third line")
ENDS_S = 10
Line = dict[str, Any]


@dataclass(frozen=True)
class Scene:
    """One applied example."""

    account: Account
    outputs: dict[str, Any]

    @property
    def claims(self) -> dict[str, Any]:
        """What the claims tell of themselves."""
        told: dict[str, Any] = self.outputs["claims"]
        return told

    # What a sender does

    def send(self, key: str, thread: str, message: str, **more: Any) -> str:
        """Start an execution for a message, with three steps of work; return its ARN."""
        about = {"projectUserId": key, "threadId": thread, "messageId": message}
        work = {"payload": {"steps": STEPS}}
        return self.start(message, {**about, **work, **more})

    def start(self, name: str, event: dict[str, Any]) -> str:
        """Start an execution with whatever input; return its ARN."""
        started = self.account.client("stepfunctions").start_execution(
            stateMachineArn=self.claims["state_machine"]["arn"], name=name, input=json.dumps(event)
        )
        execution: str = started["executionArn"]
        return execution

    def ended(self, execution: str) -> dict[str, Any]:
        """Wait for an execution's end; return its ``status``, and its output or its error."""
        states = self.account.client("stepfunctions")

        def look() -> dict[str, Any] | None:
            found = states.describe_execution(executionArn=execution)
            return found if found["status"] != "RUNNING" else None

        found = until(look, execution)
        if found["status"] == "SUCCEEDED":
            output: dict[str, Any] = json.loads(found["output"])
            return {"execution": "SUCCEEDED", **output}
        about = {"error": found.get("error", ""), "cause": found.get("cause", "")}
        return {"execution": found["status"], **about}

    def entered(self, execution: str) -> list[tuple[float, str]]:
        """Return when an execution entered which state, in order."""
        states = self.account.client("stepfunctions")
        pages = states.get_paginator("get_execution_history").paginate(executionArn=execution)
        return [
            (event["timestamp"].timestamp(), event["stateEnteredEventDetails"]["name"])
            for page in pages
            for event in page["events"]
            if "stateEnteredEventDetails" in event
        ]

    # What is there

    def claim(self, key: str) -> dict[str, Any]:
        """Return the row of the claim on *key*; without a ``containerId`` it is free."""
        table = self.claims["tables"]["active_jobs"]["name"]
        return self._row(table, {"projectUserId": key})

    def record(self, message: str) -> dict[str, Any]:
        """Return the record of the interruption by a message."""
        return self._row(self.claims["tables"]["interruptions"]["name"], {"messageId": message})

    def document(self, key: str) -> dict[str, Any]:
        """Return the document of *key*."""
        return self._row(self.outputs["documents_table"], {"projectUserId": key})

    def _row(self, table: str, key: dict[str, str]) -> dict[str, Any]:
        found = self.account.client("dynamodb").get_item(
            TableName=table, Key={n: {"S": v} for n, v in key.items()}, ConsistentRead=True
        )
        return {name: plain(value) for name, value in found.get("Item", {}).items()}

    def received(self, url: str) -> list[dict[str, Any]]:
        """Take all messages of a queue; each is its body, with its attributes."""
        sqs, taken = self.account.client("sqs"), []
        asked = {"QueueUrl": url, "MaxNumberOfMessages": 10, "MessageAttributeNames": ["All"]}
        while messages := sqs.receive_message(**asked).get("Messages"):
            for message in messages:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                attributes = {
                    name: value["StringValue"]
                    for name, value in message.get("MessageAttributes", {}).items()
                }
                taken.append({**json.loads(message["Body"]), "attributes": attributes})
        return taken

    def dead_letters(self) -> list[dict[str, Any]]:
        """Take what waits for a person."""
        return self.received(self.claims["dead_letter_queue_url"])

    # Workers

    @contextmanager
    def worker(self, name: str, *options: str) -> Iterator[WorkerProcess]:
        """Start a worker; at the end it finishes what it holds."""
        command = [
            *(sys.executable, str(WORKER), "--name", name, "--look-seconds", "0"),
            *("--work", self.outputs["work_queue_url"]),
            *("--interrupts", self.claims["interrupt_queue_template"]),
            *("--documents", self.outputs["documents_table"], *options),
        ]
        kept = {name: value for name, value in os.environ.items() if name[:4] != "AWS_"}
        with WorkerProcess(command, kept | self.account.env()) as process:
            yield process


class WorkerProcess:
    """The example's worker, as a process of its own."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        """Start it, and read what it says as it says it."""
        self.lines: list[Line] = []
        self._process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def said(self, event: str, message: str = "", **about: object) -> Line:
        """Wait until it says *event*, of that message where one is named; return the line."""
        wanted = {"event": event, **about} | ({"messageId": message} if message else {})

        def look() -> Line | None:
            return next((line for line in self.lines if wanted.items() <= line.items()), None)

        return until(look, f"a worker to say {wanted}; it said {self.lines[-5:]}")

    def pause(self) -> None:
        """Stop it in the middle of whatever it does, as a frozen machine."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on, as if nothing had been."""
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Let it die at once."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        """Return the process."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let it finish what it holds; whatever happens, end it."""
        try:
            self._process.terminate()
            self._process.wait(ENDS_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        if self._process.stdout:
            self._process.stdout.close()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self.lines.append(json.loads(line))


def plain(value: Any) -> Any:
    """Return a DynamoDB value as Python has it; numbers are whole here."""
    ((kind, inner),) = value.items()
    if kind == "N":
        return int(inner)
    if kind == "L":
        return [plain(each) for each in inner]
    if kind == "M":
        return {name: plain(each) for name, each in inner.items()}
    return inner
