"""
A DynamoDB table in memory, spoken to as through the low-level client.

It keeps to what a scan rests on: segments are equal ranges of the hash key's hash, rows of one
hash key lie together, a page ends at a size and not at a match, an empty page may have a
LastEvaluatedKey, and every call costs at least half a read unit. It records each call.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from bisect import bisect_left
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from botocore.exceptions import ClientError

Row = Mapping[str, Mapping[str, Any]]

HASHES = 2**64
BLOCK_BYTES = 4_096


def hash_of(value: object) -> int:
    """Return the place of a hash key's *value* in the hash space."""
    return int.from_bytes(hashlib.md5(repr(value).encode(), usedforsecurity=False).digest()[:8])


def refusal(code: str, text: str = "no") -> ClientError:
    """Make the error that boto3 raises for a service's *code*."""
    return ClientError({"Error": {"Code": code, "Message": text}}, "Operation")


class StoredTable:
    """The client and the table at once."""

    def __init__(
        self,
        rows: list[Row],
        *,
        name: str = "sessions-dev",
        keys: tuple[str, ...] = ("thread_id", "checkpoint_id"),
        ttl: tuple[str, str | None] = ("ENABLED", "expires_at"),
        row_bytes: int = 400,
        page_bytes: int = 1024 * 1024,
    ) -> None:
        """Store *rows*; *row_bytes* is what each counts for, whatever it holds."""
        self.name, self.keys, self.ttl = name, keys, ttl
        self.row_bytes, self.page_bytes = row_bytes, page_bytes
        ranked = sorted((hash_of(row[keys[0]]), n) for n, row in enumerate(rows))
        self.hashes = [place for place, _ in ranked]
        self.rows = [rows[n] for _, n in ranked]
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.refusals: dict[str, ClientError] = {}
        self.before_scan: Callable[[dict[str, Any]], None] = lambda _: None
        self.empty_first_pages = False
        self.described = {"ItemCount": len(rows), "TableSizeBytes": len(rows) * row_bytes}

    def scans(self) -> list[dict[str, Any]]:
        """Return the requests of all scans, in their order."""
        return [request for action, request in self.calls if action == "scan"]

    def describe_table(self, **request: Any) -> dict[str, Any]:
        self._called("describe_table", request)
        schema = [
            {"AttributeName": name, "KeyType": kind}
            for name, kind in zip(self.keys, ("HASH", "RANGE"), strict=False)
        ]
        # The range key first: nobody promises an order.
        facts = {"KeySchema": schema[::-1], "TableStatus": "ACTIVE", **self.described}
        return {"Table": facts}

    def describe_time_to_live(self, **request: Any) -> dict[str, Any]:
        self._called("describe_time_to_live", request)
        status, attribute = self.ttl
        found = {"TimeToLiveStatus": status} | ({"AttributeName": attribute} if attribute else {})
        return {"TimeToLiveDescription": found}

    def scan(self, **request: Any) -> dict[str, Any]:
        self._called("scan", request)
        self.before_scan(request)
        segment, total = request["Segment"], request["TotalSegments"]
        first = bisect_left(self.hashes, math.ceil(segment * HASHES / total))
        end = bisect_left(self.hashes, math.ceil((segment + 1) * HASHES / total))
        start = request.get("ExclusiveStartKey")
        if start is None and self.empty_first_pages:
            return self._page([], request, {"place": {"N": str(first)}})
        if start is not None:
            first = int(start["place"]["N"])
        count = min(self.page_bytes // self.row_bytes, request.get("Limit", end - first))
        until = min(end, first + count)
        after = {"place": {"N": str(until)}} if until < end else None
        return self._page(self.rows[first:until], request, after)

    @staticmethod
    def _passes(row: Row, request: dict[str, Any]) -> bool:
        """Say whether the filter lets *row* through; it knows just what a scan of ours may say."""
        if "FilterExpression" not in request:
            return True
        numbers = request["ExpressionAttributeValues"]
        for reason in request["FilterExpression"].split(" OR "):
            place = re.findall(r"#\w+", reason)[0]
            value = row.get(request["ExpressionAttributeNames"][place])
            number = Decimal(value["N"]) if value and "N" in value else None
            match reason.replace(place, "#").split():
                case ["attribute_not_exists(#)"]:
                    passes = value is None
                case ["NOT", "attribute_type(#,", ":n)"]:
                    passes = value is None or number is None
                case ["#", "<", bound]:
                    passes = number is not None and number < int(numbers[bound]["N"])
                case ["#", ">=", bound]:
                    passes = number is not None and number >= int(numbers[bound]["N"])
                case _:
                    raise refusal("ValidationException", reason)
            if passes:
                return True
        return False

    def _page(
        self, rows: list[Row], request: dict[str, Any], after: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        names = request["ExpressionAttributeNames"]
        shown = [names[place] for place in request["ProjectionExpression"].split(", ")]
        units = max(0.5, math.ceil(len(rows) * self.row_bytes / BLOCK_BYTES) * 0.5)
        sent = [row for row in rows if self._passes(row, request)]
        page = {
            "Items": [{name: row[name] for name in shown if name in row} for row in sent],
            "Count": len(sent),
            "ScannedCount": len(rows),
            "ConsumedCapacity": {"CapacityUnits": units},
        }
        return page | ({"LastEvaluatedKey": after} if after else {})

    def _called(self, action: str, request: dict[str, Any]) -> None:
        self.calls.append((action, json.loads(json.dumps(request))))
        if action in self.refusals:
            raise self.refusals[action]
        if request["TableName"] != self.name:
            raise refusal("ResourceNotFoundException")


def session(user: str, number: int, expires_at: Mapping[str, Any] | None = None) -> Row:
    """Make a row as the application writes it."""
    row: dict[str, Mapping[str, Any]] = {
        "thread_id": {"S": f"{user}#{number}"},
        "checkpoint_id": {"S": "latest"},
        "state": {"S": "what must never be read"},
    }
    return row | ({"expires_at": expires_at} if expires_at else {})
