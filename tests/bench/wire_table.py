"""
A large DynamoDB table that exists only on the wire.

boto3's real client sends to it and parses its answers; only the socket is missing. Rows are made
up page by page, so the memory that is measured is the client's and the handler's.
"""

from __future__ import annotations

import io
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "sessions-bench"
PAGE_BYTES = 1024 * 1024
BLOCK_BYTES = 4_096
USERS = 20_000


class _Body(io.BytesIO):
    """The part of urllib3's response that botocore reads."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


@dataclass
class WireTable:
    """So many rows, each counted as *row_bytes*, of which every so manieth is expired."""

    rows: int
    row_bytes: int
    expired_each: int
    calls: dict[str, int] = field(default_factory=dict)
    now_s: int = field(default_factory=lambda: int(time.time()))

    def listen(self, client: Any) -> Any:
        """Answer what *client* sends; return it."""
        client.meta.events.register("before-send.dynamodb", self._answer)
        return client

    def _answer(self, request: Any, **_: Any) -> AWSResponse:
        action = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
        self.calls[action] = self.calls.get(action, 0) + 1
        answers = {
            "DescribeTable": self._describe_table,
            "DescribeTimeToLive": self._describe_time_to_live,
            "Scan": self._scan,
        }
        body = answers[action](json.loads(request.body))
        headers = HTTPHeaders.from_dict({"Content-Type": "application/x-amz-json-1.0"})
        return AWSResponse(request.url, 200, headers, _Body(body.encode()))

    def _describe_table(self, _: dict[str, Any]) -> str:
        schema = [
            {"AttributeName": "thread_id", "KeyType": "HASH"},
            {"AttributeName": "checkpoint_id", "KeyType": "RANGE"},
        ]
        facts = {
            "KeySchema": schema,
            "TableStatus": "ACTIVE",
            "ItemCount": self.rows,
            "TableSizeBytes": self.rows * self.row_bytes,
        }
        return json.dumps({"Table": facts})

    def _describe_time_to_live(self, _: dict[str, Any]) -> str:
        found = {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}
        return json.dumps({"TimeToLiveDescription": found})

    def _scan(self, request: dict[str, Any]) -> str:
        segment, total = request.get("Segment", 0), request.get("TotalSegments", 1)
        first, end = self.rows * segment // total, self.rows * (segment + 1) // total
        if "ExclusiveStartKey" in request:
            first = int(request["ExclusiveStartKey"]["thread_id"]["S"].partition("#")[2]) + 1
        most = min(PAGE_BYTES // self.row_bytes, request.get("Limit", end))
        until = min(end, first + most)
        numbers: range | list[int] = range(first, until)
        if "FilterExpression" in request:
            numbers = [n for n in numbers if n % self.expired_each == 0]
        whole = "ProjectionExpression" not in request
        items = ",".join(self._item(n, whole=whole) for n in numbers)
        units = max(0.5, -(-(until - first) * self.row_bytes // BLOCK_BYTES) * 0.5)
        after = f',"LastEvaluatedKey":{{{self._keys(until - 1)}}}' if until < end else ""
        return (
            f'{{"Items":[{items}],"Count":{len(numbers)},"ScannedCount":{until - first},'
            f'"ConsumedCapacity":{{"TableName":"{NAME}","CapacityUnits":{units}}}{after}}}'
        )

    def _keys(self, n: int) -> str:
        return (
            f'"thread_id":{{"S":"user-{n % USERS}#{n}"}},'
            f'"checkpoint_id":{{"S":"1ef4f797-8335-6428-8001-{n:012}"}}'
        )

    def _item(self, n: int, *, whole: bool) -> str:
        hours = n % 48 + 1
        at = self.now_s + hours * (-3_600 if n % self.expired_each == 0 else 3_600)
        rest = ""
        if whole:
            state = "x" * max(0, self.row_bytes - 120)
            rest = f',"user_id":{{"S":"user-{n % USERS}"}},"state":{{"S":"{state}"}}'
        return f'{{{self._keys(n)},"expires_at":{{"N":"{at}"}}{rest}}}'
