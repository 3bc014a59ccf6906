"""
An ActingWeb application's attributes table, in which everything is there that a cleanup can meet.

Rows as the library writes them (3.15.1); each kind knows what of it stays, and as what it counts.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.cloud import Account

HOUR_S = 3_600
DAY_S = 24 * HOUR_S
SKEW_S = HOUR_S  # the library lets a row's TTL end so much later than the row
INDEX_BUFFER_S = 2 * HOUR_S
BATCH = 25  # BatchWriteItem's limit
SYSTEM = "_actingweb_oauth2"

Item = dict[str, dict[str, str]]
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Kind:
    """How many things of a kind there are, how one is made, and what becomes of it."""

    name: str
    count: int
    make: Callable[[Maker, str], list[Item]]
    counts_as: str = ""  # in the result; "" for what stays
    entries: int = 0  # index rows without a target, of each

    @property
    def goes(self) -> bool:
        """Whether a cleanup takes all of it."""
        return bool(self.counts_as or self.entries)


@dataclass(frozen=True, slots=True)
class Maker:
    """Rows as the library writes them, at one time."""

    now_s: int

    def row(self, owner: str, bucket: str, name: str, data: object, ttl_s: float | None) -> Item:
        """Return one attribute; *ttl_s* is its TTL from now on, None for a row without one."""
        written = time.gmtime(self.now_s - HOUR_S)
        item: Item = {
            "id": {"S": owner},
            "bucket_name": {"S": f"{bucket}:{name}"},
            "bucket": {"S": bucket},
            "name": {"S": name},
            "data": {"S": json.dumps(data)},
            "timestamp": {"S": time.strftime("%Y-%m-%dT%H:%M:%S.000000+0000", written)},
        }
        ttl = {} if ttl_s is None else {"ttl_timestamp": {"N": str(int(self.now_s + ttl_s))}}
        return item | ttl

    def token(self, bucket: str, name: str, left_s: float, **data: object) -> Item:
        """Return an actor's token that lives for *left_s* seconds more; its row an hour longer."""
        own = {"token": name, "actor_id": actor_of(name), "expires_at": int(self.now_s + left_s)}
        return self.row(actor_of(name), bucket, name, own | data, left_s + SKEW_S)

    def index(self, bucket: str, name: str, left_s: float) -> Item:
        """Return the index row of a token that lives, or lived, for *left_s* seconds more."""
        ttl_s = left_s + INDEX_BUFFER_S + SKEW_S
        return self.row(SYSTEM, bucket, name, actor_of(name), ttl_s)

    def provider(self, name: str, left_s: float) -> Item:
        """Return the provider's token that a token names."""
        key = provider_key(name)
        return self.row(actor_of(name), "mcp_google_tokens", key, {"access_token": "x"}, left_s)


def actor_of(name: str) -> str:
    """Return the actor whose token it is."""
    return f"actor-{sum(name.encode()) % 7}"


def provider_key(name: str) -> str:
    """Return the name of the provider's token that a token names."""
    return f"google_token_{name}"


@dataclass
class Scene:
    """The table of one example, being filled."""

    account: Account
    table: str
    now_s: int = field(default_factory=lambda: int(time.time()))
    things: list[tuple[Kind, list[Key]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the client once."""
        self.dynamodb = self.account.client("dynamodb")

    def fill(self, kinds: Sequence[Kind]) -> list[Item]:
        """Write everything, 25 rows a call, and remember whose each row is."""
        made = [
            (kind, kind.make(Maker(self.now_s), f"{kind.name.replace(' ', '-')}-{number:03}"))
            for kind in kinds
            for number in range(kind.count)
        ]
        rows = [row for _, thing in made for row in thing]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self._write, batches(rows)))
        self.things += [(kind, [key_of(row) for row in thing]) for kind, thing in made]
        return rows

    def _write(self, rows: list[Item]) -> None:
        left: Any = {self.table: [{"PutRequest": {"Item": row}} for row in rows]}
        while left:
            left = self.dynamodb.batch_write_item(RequestItems=left)["UnprocessedItems"]

    def rows(self) -> dict[Key, Item]:
        """Return every row that is there, by its key."""
        pages = self.dynamodb.get_paginator("scan").paginate(
            TableName=self.table, ConsistentRead=True
        )
        return {key_of(row): row for page in pages for row in page["Items"]}

    def there(self) -> Counter[str]:
        """Count the things of which every row is still there, by kind."""
        rows = self.rows()
        return Counter(kind.name for kind, keys in self.things if all(key in rows for key in keys))

    def remains(self) -> Counter[str]:
        """Count the things of which any row is still there, by kind."""
        rows = self.rows()
        return Counter(kind.name for kind, keys in self.things if any(key in rows for key in keys))


def batches(rows: list[Item]) -> Iterator[list[Item]]:
    """Yield *rows* in batches of at most 25."""
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]


def key_of(row: Item) -> Key:
    """Return a row's key."""
    return row["id"]["S"], row["bucket_name"]["S"]


def expected_body(kinds: Sequence[Kind]) -> dict[str, Any]:
    """Return what a cleanup of *kinds* answers, in ActingWeb's own form."""
    counts: Counter[str] = Counter()
    for kind in kinds:
        if kind.counts_as:
            counts[kind.counts_as] += kind.count
        counts["index_entries"] += kind.count * kind.entries
    mcp = ("access_tokens", "refresh_tokens", "auth_codes", "index_entries")
    return {
        "oauth_sessions": counts["oauth_sessions"],
        "spa_tokens": counts["spa_tokens"],
        "mcp_tokens": {name: counts[name] for name in mcp},
    }
