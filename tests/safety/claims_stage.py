"""
Tables of active jobs and interruptions, and parties who claim, each with a clock of its own.

Time stands until a test moves it. It begins ahead of the real one, so that the store's own TTL
removes nothing: a test removes what is due itself.
"""

from __future__ import annotations

import itertools
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from job_claims.claims import Claims
from job_claims.endings import Ending
from job_claims.fields import Holder, JobKey
from job_claims.interruptions import Records
from job_claims.owners import Owners
from job_claims.request import ClaimRequest, InterruptionRequest
from job_claims.settings import Attributes, ClaimSettings, RateLimit, RecordSettings
from job_claims.update import Table
from tests.safety.wire import Wire

if TYPE_CHECKING:
    from job_claims.endings import Claimed, Owned
    from tests.safety.stage import Clients

AHEAD_S = 100 * 3_600
LEASE_S = 3_600
SKEW_S = 30
DAY_S = 86_400
RETENTION_S = 7 * DAY_S
UNLIMITED = RateLimit(0, 60)
KEY = JobKey("amelia", "scott")

Row = dict[str, dict[str, Any]]


@dataclass
class ClaimsStage:
    """Two empty tables, and the time."""

    clients: Clients
    rate: RateLimit = UNLIMITED
    key: JobKey = KEY
    name: str = field(default_factory=lambda: f"c-{uuid.uuid4().hex[:20]}")
    now_s: float = field(default_factory=lambda: float(int(time.time()) + AHEAD_S))

    def __post_init__(self) -> None:
        """Create the tables as the module does."""
        self.ids = itertools.count(1)
        self.settings = ClaimSettings(
            self.name, Attributes(), LEASE_S, SKEW_S, RETENTION_S, self.rate
        )
        for name, key in ((self.name, "projectUserId"), (self.records_name, "messageId")):
            self.clients.dynamodb.create_table(
                TableName=name,
                KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )

    @property
    def records_name(self) -> str:
        """Return the table of interruptions."""
        return f"{self.name}-interruptions"

    def tear_down(self) -> None:
        """Forget the tables, so that a long test does not slow the store down."""
        for name in (self.name, self.records_name):
            self.clients.dynamodb.delete_table(TableName=name)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds

    def row(self) -> Row | None:
        """Return the row as it is."""
        key = {"projectUserId": {"S": str(self.key)}}
        answer = self.clients.dynamodb.get_item(TableName=self.name, Key=key, ConsistentRead=True)
        row: Row | None = answer.get("Item")
        return row

    def put(self, **attributes: Any) -> Row:
        """Write a row as somebody else might."""
        row = {"projectUserId": {"S": str(self.key)}, **attributes}
        self.clients.dynamodb.put_item(TableName=self.name, Item=row)
        return row

    def expire(self) -> bool:
        """Do what TTL may do now: remove the row, if its time has come."""
        row = self.row()
        if row is None or "ttl" not in row or int(row["ttl"]["N"]) >= self.now_s:
            return False
        key = {"projectUserId": {"S": str(self.key)}}
        self.clients.dynamodb.delete_item(TableName=self.name, Key=key)
        return True

    def records(self) -> list[Row]:
        """Return every record of the table of interruptions."""
        found: list[Row] = self.clients.dynamodb.scan(
            TableName=self.records_name, ConsistentRead=True
        )["Items"]
        return found


@dataclass
class Party:
    """Somebody who claims, with a wire of its own and a clock that is wrong by *skew_s*."""

    stage: ClaimsStage
    skew_s: float = 0
    wire: Wire = field(default_factory=Wire)
    thread: str = "thread-1"
    seen_s: float = 0

    def __post_init__(self) -> None:
        """Make what the functions work with."""
        stage, client = self.stage, self.wire.wrap(self.stage.clients.dynamodb)
        table = Table(client, stage.name, "ACTIVE_JOBS_TABLE")
        self.claims = Claims(table, stage.settings, self.clock, self._container)
        self.owners = Owners(table, stage.settings, self.clock)
        self.interruptions = Records(
            Table(client, stage.records_name, "INTERRUPTIONS_TABLE"),
            RecordSettings(stage.records_name, 30 * DAY_S),
            self.clock,
        )

    def clock(self) -> float:
        """Return the time as this party has it, and remember that it has looked."""
        self.seen_s = self.stage.now_s + self.skew_s
        return self.seen_s

    def claim(
        self,
        message: str = "message-1",
        *,
        thread: str = "",
        container: str | None = None,
        preempt: Holder | None = None,
    ) -> Claimed:
        """Claim the key for a message of this party's thread, or of *thread*."""
        return self.claims.claim(
            ClaimRequest(self.stage.key, thread or self.thread, message, container, preempt)
        )

    def won(self, message: str = "message-1", **options: Any) -> Holder:
        """Claim the key, which must be to be had; return the holder."""
        result = self.claim(message, **options)
        assert result.ending in {Ending.CLAIMED, Ending.REFRESHED}, result
        return result.claim.holder

    def refresh(self, holder: Holder) -> Owned:
        """Make *holder*'s lease longer."""
        return self.owners.refresh(self.stage.key, holder)

    def release(self, holder: Holder, message: str | None = None) -> Owned:
        """Free *holder*'s key, or have one message done."""
        return self.owners.release(self.stage.key, holder, message)

    def record(self, message: str = "message-1", thread: str = "thread-2") -> tuple[Any, bool]:
        """Record that *message* interrupted a container."""
        return self.interruptions.interruption(
            InterruptionRequest(message, "container-1", thread, "new_message")
        )

    def _container(self, now_s: int) -> str:
        return f"container-{now_s}-{next(self.stage.ids)}"
