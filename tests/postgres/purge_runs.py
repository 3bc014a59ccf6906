"""
Whole runs of the purge on a real server, with real objects and queues in the embedded cloud.
"""

from __future__ import annotations

import json
import secrets
import time
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.exceptions import EndpointConnectionError

from expiry.budget import Budget
from expiry.postgres.access import connector
from soft_delete_purge import setup
from soft_delete_purge.queues import Queues
from soft_delete_purge.request import Request
from soft_delete_purge.retry import Received
from soft_delete_purge.run import Run
from soft_delete_purge.settings import Settings
from tests.postgres.expiry_runs import password_of, variables
from tests.postgres.purge_scene import PLAN, TABLES
from tests.postgres.sessions import open_session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from expiry.postgres.session import Session
    from tests.cloud import Account, Cloud
    from tests.postgres.database import Database

RETRY, RESTING = "https://sqs/retry", "https://sqs/resting"
QUIET = Logger(service="purge_runs", level="CRITICAL")
# Refuses a record whose title says so, whoever deletes it.
POISON = """
    create or replace function refuse() returns trigger language plpgsql as $$
    begin
        if old.title = 'poisoned' then raise exception 'no' using errcode = '23000'; end if;
        return old;
    end $$;
    create or replace trigger refuse before delete on mocs for each row execute function refuse();
"""


EMPTY = """
    truncate mocs, files, lists, parts, albums, images, links, flags, uploads,
        expiry.purge_outbox, expiry.purge_failures restart identity
"""


def as_it_is(connect: Callable[[bool], Session]) -> Callable[[bool], Session]:
    """Wrap nothing."""
    return connect


def built(server: Database, cloud: Cloud) -> Iterator[World]:
    """Make a world for the tests of a file; each begins with ``reset``."""
    database = server.new_database()
    yield World(database, cloud.account())
    database.drop()


class Mail:
    """Two queues in one process, spoken to as through boto3's client."""

    def __init__(self) -> None:
        self.kept: defaultdict[str, dict[str, str]] = defaultdict(dict)  # body by message
        self.delays_s: list[int] = []  # of what was sent or hidden, in order
        self.down = False

    def send_message_batch(self, **request: Any) -> dict[str, Any]:
        """Take messages."""
        if self.down:
            raise EndpointConnectionError(endpoint_url=request["QueueUrl"])
        entries = request["Entries"]
        assert 1 <= len(entries) <= 10
        for entry in entries:
            name = secrets.token_hex(4)
            self.kept[request["QueueUrl"]][name] = entry["MessageBody"]
            self.delays_s += [entry["DelaySeconds"]] if "DelaySeconds" in entry else []
        return {"Successful": [{"Id": entry["Id"]} for entry in entries]}

    def change_message_visibility(self, **request: Any) -> None:
        """Hide a message."""
        assert request["ReceiptHandle"] in self.kept[request["QueueUrl"]]
        self.delays_s.append(request["VisibilityTimeout"])


@dataclass
class World:
    """A database of the real shape, a bucket, the two queues, and runs on them."""

    database: Database
    account: Account
    wraps: Callable[[Callable[[bool], Session]], Callable[[bool], Session]] = as_it_is
    logger: Logger = QUIET
    s3: Any = field(init=False)
    bucket: str = field(init=False)
    mail: Any = field(default_factory=Mail)
    user: Database | None = None  # whom the runs log in as; None: the owner

    def __post_init__(self) -> None:
        """Create the bucket and the tables."""
        self.bucket = f"files-{self.account.id}"  # buckets of all accounts share one namespace
        self.s3 = self.account.client("s3")
        self.s3.create_bucket(
            Bucket=self.bucket,
            CreateBucketConfiguration={"LocationConstraint": self.account.region},
        )
        self.database.run(TABLES)
        with open_session(self.database) as session:
            setup.make(session)

    def reset(self) -> None:
        """Take away what a test has left, but for what it did to tables themselves."""
        self.database.run(EMPTY)
        self.mail, self.user, self.logger, self.wraps = Mail(), None, QUIET, as_it_is
        self.s3 = self.account.client("s3")
        if keys := self.files():
            doomed = {"Objects": [{"Key": key} for key in keys]}
            self.s3.delete_objects(Bucket=self.bucket, Delete=doomed)

    @contextmanager
    def run(
        self,
        event: Mapping[str, Any] | None = None,
        *,
        queues: bool = False,
        left_s: Callable[[], float] = lambda: 1_000.0,
        **more: str,
    ) -> Iterator[Run]:
        """Make a run; the retry queue and the other one are there only where *queues* says so."""
        urls = (RETRY, RESTING) if queues else (None, None)
        seen = self.user or self.database
        with password_of(seen) as path:
            settings = Settings.from_env(
                variables(
                    seen,
                    path,
                    **{
                        "PLAN": json.dumps(PLAN),
                        "RETENTION_DAYS": "30",
                        "BUCKET": self.bucket,
                        **more,
                    },
                )
            )
            yield Run(
                run_id="run",
                settings=settings,
                request=Request.parse(dict(event or {})),
                connect=self.wraps(connector(settings.server, settings.password, "purge")),
                s3=self.s3,
                queues=Queues(self.mail, *urls),
                budget=Budget(lambda: int(left_s() * 1000), 0.0),
                logger=self.logger,
                owner_account_id=self.account.id,
                clock=time.monotonic,
                sleep=lambda _: None,
            )

    def purge(
        self, event: Mapping[str, Any] | None = None, *, queues: bool = False, **more: Any
    ) -> dict[str, Any]:
        """Run once; return the result."""
        with self.run(event, queues=queues, **more) as run:
            return run.execute()

    def retry(self, **more: Any) -> list[str]:
        """
        Hand the messages of the retry queue to its handler, as Lambda does; return those to come.

        What is done is deleted, so that the queue holds what comes again.
        """
        waiting = dict(self.mail.kept[RETRY])
        received = [Received(name, name, body) for name, body in waiting.items()]
        with self.run(queues=True, **more) as run:
            answer = run.retry(received)
        again = [each["itemIdentifier"] for each in answer["batchItemFailures"]]
        for name in waiting.keys() - set(again):
            del self.mail.kept[RETRY][name]
        return again

    def redrive(self) -> None:
        """Move what rests back to the retry queue, as an operator does."""
        self.mail.kept[RETRY] |= self.mail.kept.pop(RESTING, {})

    def messages(self, url: str) -> list[dict[str, Any]]:
        """Return what a queue holds."""
        return [json.loads(body) for body in self.mail.kept[url].values()]

    def put(self, *keys: str, body: str = "old") -> None:
        """Store objects."""
        for key in keys:
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=body.encode())

    def files(self) -> set[str]:
        """Return the keys in the bucket."""
        answer = self.s3.list_objects_v2(Bucket=self.bucket)
        return {each["Key"] for each in answer.get("Contents", ())}

    def mocs(self) -> set[str]:
        """Return the records that are there."""
        return {key for (key,) in self.database.run("select id::text from mocs")}

    def outbox(self) -> list[tuple[Any, ...]]:
        """Return what waits: key, attempts, last error."""
        return self.database.run(
            "select key, attempts, last_error from expiry.purge_outbox order by id"
        )

    def enqueue(self, *keys: str, etag: str | None = None, seconds_ago: float = 0) -> None:
        """Put keys into the outbox, as a purge so many seconds ago would have."""
        for key in keys:
            self.database.run(
                "insert into expiry.purge_outbox"
                " (bucket, key, etag, source, correlation_id, enqueued_at)"
                " values (%s, %s, %s, 'files', 'run', now() - %s * interval '1 second')",
                self.bucket,
                key,
                etag,
                seconds_ago,
            )

    def failures(self) -> list[tuple[Any, ...]]:
        """Return what failed: record, attempts, whether it rests."""
        return self.database.run(
            "select record_key, attempts, resting from expiry.purge_failures order by record_key"
        )
