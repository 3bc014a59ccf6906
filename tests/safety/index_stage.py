"""
A table of one's own for index cleanup, with rows as ActingWeb writes them, and a clock.

Rows are written as DynamoDB has them, not through the library: the cases here are those that it
would write, and those that it never should.
"""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.safety.stage import HOUR_S

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.safety.stage import Clients, Item

SYSTEM = "_actingweb_oauth2"
ACTOR = "4a5f0c7d"
NAMES = ("id", "bucket_name")
BATCH = 25

Place = tuple[str, str]
"""A row's hash key and its sort key."""


@dataclass
class IndexStage:
    """An empty table whose keys are text; its TTL is not switched on, so nothing goes by itself."""

    clients: Clients
    key_names: tuple[str, str] = NAMES
    name: str = field(default_factory=lambda: f"i-{uuid.uuid4().hex[:20]}")
    now_s: float = field(default_factory=lambda: float(int(time.time())))

    def __post_init__(self) -> None:
        """Create the table."""
        kinds = zip(self.key_names, ("HASH", "RANGE"), strict=True)
        self.clients.dynamodb.create_table(
            TableName=self.name,
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in kinds],
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in self.key_names
            ],
            BillingMode="PAY_PER_REQUEST",
        )

    def clock(self) -> float:
        """Return the time; give this to a run."""
        return self.now_s

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds

    def at(self, hours: float) -> int:
        """Return a moment, in seconds, so many hours from now."""
        return int(self.now_s + hours * HOUR_S)

    def key(self, item: Item) -> Item:
        """Return a row's whole key."""
        return {name: item[name] for name in self.key_names}

    def place(self, item: Item) -> Place:
        """Return a row's key as text."""
        first, second = self.key_names
        return item[first]["S"], item[second]["S"]

    def row(
        self,
        partition: str,
        bucket: str,
        name: str,
        data: Any = None,
        *,
        ttl_h: float | None = 24,
        text: str | None = None,
    ) -> Item:
        """Make an attribute as ActingWeb does: *data* as JSON, or *text* as it stands."""
        words = {"id": partition, "bucket_name": f"{bucket}:{name}", "bucket": bucket, "name": name}
        item: Item = {attribute: {"S": word} for attribute, word in words.items()}
        if text is not None or data is not None:
            item["data"] = {"S": text if text is not None else json.dumps(data)}
        if ttl_h is not None:
            item["ttl_timestamp"] = {"N": str(self.at(ttl_h))}
        return item

    def write(self, items: Iterable[Item]) -> None:
        """Put rows, 25 a call."""
        left = list(items)
        for start in range(0, len(left), BATCH):
            requests = [{"PutRequest": {"Item": item}} for item in left[start : start + BATCH]]
            self.clients.dynamodb.batch_write_item(RequestItems={self.name: requests})

    def rows(self) -> dict[Place, Item]:
        """Return every row."""
        pages = self.clients.dynamodb.get_paginator("scan").paginate(
            TableName=self.name, ConsistentRead=True
        )
        return {self.place(item): item for page in pages for item in page["Items"]}

    def tear_down(self) -> None:
        """Forget the table, so that a long test does not slow the store down."""
        self.clients.dynamodb.delete_table(TableName=self.name)
