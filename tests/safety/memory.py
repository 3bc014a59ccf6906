"""
A table and a bucket in memory, for counting calls on many rows: fast, and as strict as AWS on how
much fits into a call. What safety rests on is shown on the embedded cloud, not here.
"""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import md5
from typing import Any

import boto3
from botocore.exceptions import ClientError

from tests.safety.stage import ID, Item, key_of

NAME = "many"
NOW_S = 1_800_000_000.0
HOUR_S = 3_600
PAGE_BYTES = 1024 * 1024
ROW_BYTES = 300
MOST_STATEMENTS, MOST_KEYS, MOST_OBJECTS = 25, 100, 1_000
OWNER = "111122223333"
ETAG = '"' + md5(b"x", usedforsecurity=False).hexdigest() + '"'

TERM = re.compile(r'"(?P<name>[^"]+)"\s*(?P<operator><>|<=|>=|=|<|>|IS MISSING)')


@dataclass(frozen=True, slots=True)
class Clients:
    """boto3's own clients, which never get to send anything."""

    dynamodb: Any
    s3: Any

    @property
    def account(self) -> Clients:
        """Return itself: the stores' only account."""
        return self

    @property
    def id(self) -> str:
        """Return the account's number."""
        return OWNER


def silent_clients() -> Clients:
    """Make clients without an address; a wire must answer for them."""
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "eu-west-1"}
    make: Any = boto3.client
    return Clients(make("dynamodb", **keys), make("s3", **keys))


@dataclass
class Memory:
    """The stores; :meth:`__call__` is what a wire does instead of sending."""

    rows: dict[str, Item] = field(default_factory=dict)
    objects: dict[str, float] = field(default_factory=dict)  # key → when it was last modified
    clients: Clients = field(default_factory=silent_clients)
    name: str = NAME

    def __post_init__(self) -> None:
        """Keep both in the order in which they are listed."""
        self.keys = sorted(self.objects)
        self.ids = list(self.rows)

    def clock(self) -> float:
        """Return the time, which stands."""
        return NOW_S

    def __call__(self, call: Any, _: Any, request: dict[str, Any]) -> Any:
        """Answer a call."""
        answer: Any = getattr(self, "_" + re.sub(r"(?<!^)(?=[A-Z])", "_", call.operation).lower())
        return answer(request)

    # DynamoDB

    def _describe_table(self, _: dict[str, Any]) -> dict[str, Any]:
        schema = [{"AttributeName": ID, "KeyType": "HASH"}]
        size = len(self.rows) * ROW_BYTES
        facts = {"ItemCount": len(self.rows), "TableSizeBytes": size, "TableStatus": "ACTIVE"}
        return {"Table": {"TableName": NAME, "KeySchema": schema, **facts}}

    def _scan(self, request: dict[str, Any]) -> dict[str, Any]:
        segment, total = request.get("Segment", 0), request.get("TotalSegments", 1)
        first, end = (len(self.ids) * n // total for n in (segment, segment + 1))
        if "ExclusiveStartKey" in request:
            first = int(request["ExclusiveStartKey"]["place"]["N"])
        until = min(end, first + min(PAGE_BYTES // ROW_BYTES, request.get("Limit", end + 1)))
        items = [self.rows[name] for name in self.ids[first:until] if name in self.rows]
        page: dict[str, Any] = {
            "Items": items,
            "Count": len(items),
            "ScannedCount": len(items),
            "ConsumedCapacity": {"CapacityUnits": 1.0},
        }
        return page | ({"LastEvaluatedKey": {"place": {"N": str(until)}}} if until < end else {})

    def _batch_get_item(self, request: dict[str, Any]) -> dict[str, Any]:
        keys = request["RequestItems"][NAME]["Keys"]
        refuse(len(keys) > MOST_KEYS, "ValidationException")
        found = [self.rows[key[ID]["S"]] for key in keys if key[ID]["S"] in self.rows]
        return {"Responses": {NAME: found}, "UnprocessedKeys": {}}

    def _get_item(self, request: dict[str, Any]) -> dict[str, Any]:
        row = self.rows.get(request["Key"][ID]["S"])
        return {"Item": row} if row else {}

    def _delete_item(self, request: dict[str, Any]) -> dict[str, Any]:
        self.rows.pop(request["Key"][ID]["S"], None)
        return {}

    def _batch_execute_statement(self, request: dict[str, Any]) -> dict[str, Any]:
        statements = request["Statements"]
        refuse(len(statements) > MOST_STATEMENTS, "ValidationException")
        return {"Responses": [self._execute(statement) for statement in statements]}

    def _execute(self, statement: dict[str, Any]) -> dict[str, Any]:
        head, _, where = statement["Statement"].partition(" WHERE ")
        where = where.removesuffix(" RETURNING ALL OLD *")
        values = iter(statement["Parameters"])
        changes = {name: next(values) for name in re.findall(r'SET "([^"]+)"=\?', head)}
        terms = [
            (term["name"], term["operator"], None if "IS" in term["operator"] else next(values))
            for term in TERM.finditer(where)
        ]
        key = next(value["S"] for name, _, value in terms if name == ID and value)
        row = self.rows.get(key)
        if row is None and head.startswith("DELETE"):
            return {"TableName": NAME}
        if row is None or not all(holds(row.get(name), op, value) for name, op, value in terms):
            failed = {"Code": "ConditionalCheckFailed", "Message": "no"}
            return {"Error": failed | ({"Item": row} if row else {}), "TableName": NAME}
        if head.startswith("DELETE"):
            return {"Item": self.rows.pop(key), "TableName": NAME}
        gone = set(re.findall(r'REMOVE "([^"]+)"', head))
        self.rows[key] = {n: v for n, v in {**row, **changes}.items() if n not in gone}
        return {"Item": row, "TableName": NAME}

    # S3

    def _list_objects_v2(self, request: dict[str, Any]) -> dict[str, Any]:
        prefix, most = request.get("Prefix", ""), request.get("MaxKeys", MOST_OBJECTS)
        after = request.get("ContinuationToken") or request.get("StartAfter", "")
        start = max(
            bisect.bisect_left(self.keys, prefix),
            bisect.bisect_right(self.keys, after) if after else 0,
        )
        contents: list[dict[str, Any]] = []
        common: dict[str, None] = {}
        truncated = False
        for place in range(start, len(self.keys)):
            key = self.keys[place]
            if not key.startswith(prefix):
                break
            if key not in self.objects:
                continue
            if truncated := len(contents) + len(common) >= most:
                break
            folder, divided, _ = key[len(prefix) :].partition(request.get("Delimiter") or "\0")
            if divided:
                common[f"{prefix}{folder}{divided}"] = None
            else:
                contents.append(self._entry(key))
        found = {"Contents": contents, "CommonPrefixes": [{"Prefix": name} for name in common]}
        more = {"NextContinuationToken": contents[-1]["Key"]} if truncated and contents else {}
        return {**found, "IsTruncated": truncated, "KeyCount": len(contents), **more}

    def _entry(self, key: str) -> dict[str, Any]:
        modified = datetime.fromtimestamp(self.objects[key], UTC)
        return {"Key": key, "ETag": ETAG, "Size": 1, "LastModified": modified}

    def _head_object(self, request: dict[str, Any]) -> dict[str, Any]:
        refuse(request["Key"] not in self.objects, "404")
        return self._entry(request["Key"])

    def _delete_object(self, request: dict[str, Any]) -> dict[str, Any]:
        self.objects.pop(request["Key"], None)
        return {}

    def _delete_objects(self, request: dict[str, Any]) -> dict[str, Any]:
        wanted = [each["Key"] for each in request["Delete"]["Objects"]]
        refuse(len(wanted) > MOST_OBJECTS, "MalformedXML")
        there = [key for key in wanted if self.objects.pop(key, None) is not None]
        missing = [{"Key": key, "Code": "NoSuchKey"} for key in wanted if key not in set(there)]
        return {"Deleted": [{"Key": key} for key in there], "Errors": missing}

    def _list_multipart_uploads(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"Uploads": [], "IsTruncated": False}

    def _get_bucket_versioning(self, _: dict[str, Any]) -> dict[str, Any]:
        return {}


def refuse(wrong: bool, code: str) -> None:  # noqa: FBT001 - reads as a sentence
    """Raise the service's error where a request is wrong."""
    if wrong:
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "Operation")


def holds(value: dict[str, Any] | None, operator: str, wanted: Any) -> bool:
    """Judge one term of a condition."""
    if operator == "IS MISSING":
        return value is None
    if operator == "<>":
        return bool(value != wanted)
    if value is None or set(value) != set(wanted):
        return False
    [(kind, mine)], [theirs] = value.items(), wanted.values()
    if operator == "<":
        return kind == "N" and float(mine) < float(theirs)
    return str(mine) == str(theirs)


def many_expired(count: int) -> Memory:
    """Make so many expired single-upload sessions, each with its object."""
    ids = [f"{number:08}" for number in range(count)]
    rows = {name: session(name, "created", NOW_S - 48 * HOUR_S) for name in ids}
    return Memory(rows, {dated(name): NOW_S - 50 * HOUR_S for name in ids})


def many_objects(count: int, *, orphan_each: int) -> Memory:
    """Make so many objects of uploaded sessions, of which every so manieth has lost its session."""
    ids = [f"{number:08}" for number in range(count)]
    living = [name for number, name in enumerate(ids) if number % orphan_each]
    rows = {name: session(name, "uploaded") for name in living}
    return Memory(rows, {dated(name): NOW_S - 50 * HOUR_S for name in ids})


def dated(name: str) -> str:
    """Return the key of a session's object; ten days share them."""
    return key_of(name, f"2026-01-1{int(name) % 10}")


def session(name: str, status: str, ttl_s: float | None = None) -> Item:
    """Make a row."""
    row: Item = {
        ID: {"S": name},
        "uploadType": {"S": "single"},
        "key": {"S": dated(name)},
        "status": {"S": status},
        "createdAt": {"S": "2026-01-01T00:00:00.000Z"},
    }
    return row | ({"ttl": {"N": f"{ttl_s:.0f}"}} if ttl_s is not None else {})
