"""One poisoned record among a hundred: on real queues, from its first failure to its redrive."""

from __future__ import annotations

from contextlib import redirect_stdout
from dataclasses import dataclass, field, replace
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest

from soft_delete_purge.queues import Queues
from soft_delete_purge.retry import Received
from tests.postgres.purge_runs import POISON, World
from tests.postgres.purge_scene import moc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from soft_delete_purge.run import Run
    from tests.cloud import Cloud
    from tests.postgres.database import Database

RECORDS = 100


@dataclass
class Impatient:
    """SQS, but for delays: they are noted, and over at once."""

    client: Any
    delays_s: list[int] = field(default_factory=list)

    def send_message_batch(self, **request: Any) -> Any:
        entries = [dict(each) for each in request["Entries"]]
        self.delays_s += [each.pop("DelaySeconds") for each in entries if "DelaySeconds" in each]
        return self.client.send_message_batch(**{**request, "Entries": entries})

    def change_message_visibility(self, **request: Any) -> Any:
        self.delays_s.append(request["VisibilityTimeout"])
        return self.client.change_message_visibility(**{**request, "VisibilityTimeout": 0})


@dataclass
class Night:
    """Runs on a world, with the queues of the embedded cloud."""

    world: World

    def __post_init__(self) -> None:
        """Create the queues."""
        self.sqs = self.world.account.client("sqs")
        self.mail = Impatient(self.sqs)
        self.urls = [self.sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("a", "b")]

    def purge(self, transaction: str) -> dict[str, Any]:
        """Run as the schedule does."""
        with self.world.run(TRANSACTION=transaction) as run, redirect_stdout(StringIO()):
            return self._mailing(run).execute()

    def retry(self) -> list[str]:
        """Hand over what waits, as Lambda does, and delete what is done; return what was tried."""
        received = self._received(self.urls[0])
        handed = [
            Received(each["MessageId"], each["ReceiptHandle"], each["Body"]) for each in received
        ]
        with self.world.run() as run, redirect_stdout(StringIO()):
            answer = self._mailing(run).retry(handed)
        again = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
        for each in handed:
            if each.message_id not in again:
                self.sqs.delete_message(QueueUrl=self.urls[0], ReceiptHandle=each.receipt)
        return [each.body for each in handed]

    def redrive(self) -> int:
        """Move what rests back to the retry queue, as an operator does; return how many."""
        found = self._received(self.urls[1])
        for each in found:
            self.sqs.send_message(QueueUrl=self.urls[0], MessageBody=each["Body"])
            self.sqs.delete_message(QueueUrl=self.urls[1], ReceiptHandle=each["ReceiptHandle"])
        return len(found)

    def _mailing(self, run: Run) -> Run:
        client: Any = self.mail
        return replace(run, queues=Queues(client, *self.urls))

    def _received(self, url: str) -> list[dict[str, Any]]:
        answer = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        found: list[dict[str, Any]] = answer.get("Messages", [])
        return found


@pytest.fixture(scope="module")
def kept(embedded18: Database, cloud: Cloud) -> Iterator[World]:
    """Create one database for the tests of this file."""
    database = embedded18.new_database()
    yield World(database, cloud.account())
    database.drop()


@pytest.fixture
def world(kept: World) -> World:
    """Return a world in which a record called poisoned cannot be deleted."""
    kept.reset()
    kept.database.run(POISON)
    return kept


@pytest.mark.parametrize("transaction", ["record", "batch"])
def test_one_poisoned_record_of_a_hundred_fails_alone_rests_and_is_redriven(
    world: World, transaction: str
) -> None:
    """99 go; one is tried three times more, rests, is not tried again, and goes after a redrive."""
    night = Night(world)
    world.put("mocs/poisoned", "mocs/fine")
    bad = moc(world.database, files=["mocs/poisoned"], parts=2)
    moc(world.database, files=["mocs/fine"])
    world.database.run(
        "insert into mocs (deleted_at) select now() - n * interval '40 days'"
        " from generate_series(1, %s) n",
        RECORDS - 2,
    )
    world.database.run("update mocs set title = 'poisoned' where id::text = %s", bad)

    answer = night.purge(transaction)
    assert (answer["outcomes"]["deleted"], answer["failed"]) == (RECORDS - 1, 1)
    assert (world.mocs(), world.files()) == ({bad}, {"mocs/poisoned"})

    assert [len(night.retry()) for _ in range(4)] == [1, 1, 1, 0]
    assert night.mail.delays_s == [60, 300, 900]
    assert world.failures() == [(bad, 3, True)]

    assert night.purge(transaction)["processed"] == 0  # left alone
    assert night.retry() == []
    assert world.mocs() == {bad}

    world.database.run("drop trigger refuse on mocs")
    assert night.redrive() == 1
    assert len(night.retry()) == 1
    assert (world.mocs(), world.files(), world.failures()) == (set(), set(), [])
    assert world.database.run("select count(*) from parts where status = 'available'") == [(2,)]
    assert (night.retry(), night.redrive(), world.outbox()) == ([], 0, [])
