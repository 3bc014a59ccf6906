"""
The Lambda's entry points, as Lambda calls them: real server, real objects, real queues.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from expiry.errors import EventError, MismatchError, SettingsError
from soft_delete_purge.handler import handler, retry
from tests.postgres.expiry_runs import password_of, variables
from tests.postgres.purge_runs import POISON, World
from tests.postgres.purge_scene import PLAN, moc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cloud import Account
    from tests.postgres.database import Database


@dataclass
class Deployed:
    """A world that the environment names, and its queues."""

    world: World
    context: Any
    sqs: Any
    retry_url: str
    resting_url: str

    def waiting(self, url: str) -> dict[str, int]:
        """Count the messages of a queue: to be had, hidden, delayed."""
        names = ["", "NotVisible", "Delayed"]
        names = [f"ApproximateNumberOfMessages{name}" for name in names]
        told = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return {name.removeprefix("ApproximateNumberOf"): int(told[name]) for name in names}

    def event(self) -> dict[str, Any]:
        """Receive from the retry queue, and write it as an event source mapping does."""
        answer = self.sqs.receive_message(QueueUrl=self.retry_url, MaxNumberOfMessages=10)
        return {
            "Records": [
                {
                    "messageId": each["MessageId"],
                    "receiptHandle": each["ReceiptHandle"],
                    "body": each["Body"],
                    "eventSource": "aws:sqs",
                }
                for each in answer.get("Messages", ())
            ]
        }


@pytest.fixture
def deployed(
    postgres: Database, account: Account, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Deployed]:
    """Return a world with two queues, and let the environment name it all."""
    world, sqs = World(postgres, account), account.client("sqs")
    urls = [sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("retry", "resting")]
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # it keeps the first credentials it saw
    with password_of(postgres) as path:
        told = {
            "PLAN": json.dumps(PLAN),
            "RETENTION_DAYS": "30",
            "BUCKET": world.bucket,
            "RETRY_QUEUE_URL": urls[0],
            "DEAD_LETTER_QUEUE_URL": urls[1],
        }
        for name, value in (account.env() | variables(postgres, path, **told)).items():
            monkeypatch.setenv(name, value)
        context = SimpleNamespace(
            aws_request_id="request-1",
            function_name="purge",
            invoked_function_arn=f"arn:aws:lambda:eu-west-1:{account.id}:function:purge",
            get_remaining_time_in_millis=lambda: 300_000,
        )
        yield Deployed(world, context, sqs, *urls)


def test_handler_purges_and_sends_what_failed_to_the_retry_queue(deployed: Deployed) -> None:
    """Records and files go; the poisoned one waits a minute in the queue."""
    world = deployed.world
    world.database.run(POISON)
    world.put("mocs/a")
    moc(world.database, files=["mocs/a"])
    bad = moc(world.database)
    world.database.run("update mocs set title = 'poisoned' where id::text = %s", bad)

    answer = handler({"source": "aws.scheduler"}, deployed.context)

    assert (answer["processed"], answer["failed"], answer["s3Deleted"]) == (2, 1, 1)
    assert answer["correlationId"] == "request-1"
    assert (world.mocs(), world.files()) == ({bad}, set())
    assert deployed.waiting(deployed.retry_url)["MessagesDelayed"] == 1
    json.dumps(answer)  # as Lambda does


def test_retry_hides_a_message_that_comes_again_and_buries_one_that_rests(
    deployed: Deployed,
) -> None:
    """The queue itself holds it back; after the last try it is in the other one."""
    world = deployed.world
    world.database.run(POISON)
    bad = moc(world.database)
    world.database.run("update mocs set title = 'poisoned'")
    handler({}, deployed.context)
    body = json.dumps({"root": "public.mocs", "id": bad, "correlationId": "request-1"})
    for _ in range(3):  # copies that are not delayed, so that nobody has to wait
        deployed.sqs.send_message(QueueUrl=deployed.retry_url, MessageBody=body)
    events = [deployed.event() for _ in range(3)]
    (first, second, third) = [each for event in events for each in event["Records"]]

    again = [retry({"Records": [each]}, deployed.context) for each in (first, second, third)]

    assert [len(each["batchItemFailures"]) for each in again] == [1, 1, 0]
    assert again[0]["batchItemFailures"] == [{"itemIdentifier": first["messageId"]}]
    assert deployed.waiting(deployed.retry_url)["MessagesNotVisible"] == 3
    assert deployed.waiting(deployed.resting_url)["Messages"] == 1
    assert world.failures() == [(bad, 3, True)]


def test_handler_that_cannot_do_its_work_raises_and_logs_why(
    deployed: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """Lambda's own Errors metric sees it; no run has completed, and no password is shown."""
    deployed.world.database.run("alter table mocs rename to elsewhere")

    with pytest.raises(MismatchError, match=r"there is no table public\.mocs"):
        handler({}, deployed.context)

    out = capsys.readouterr().out
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["error"] for line in lines if line.get("level") == "ERROR"] == ["MismatchError"]
    assert not any("RunsCompleted" in line for line in lines)
    assert deployed.world.database.password not in out


def test_retry_of_what_is_no_queue_event_is_refused(deployed: Deployed) -> None:
    """A schedule that is pointed at the wrong entry point purges nothing."""
    key = moc(deployed.world.database)

    with pytest.raises(EventError):
        retry({}, deployed.context)
    assert deployed.world.mocs() == {key}


def test_handler_without_its_environment_names_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All of it, at once."""
    for name in [name for name in os.environ if name.startswith("PG_")]:
        monkeypatch.delenv(name)

    with pytest.raises(SettingsError, match=r"PLAN is not set; PG_DB_HOST is not set; .*RETENTION"):
        handler({}, SimpleNamespace(aws_request_id="1"))  # type: ignore[arg-type]  # all it uses
