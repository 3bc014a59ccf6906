"""
Run the monitor's real handler on a table in memory, and read what it wrote.
"""

from __future__ import annotations

import io
import json
import time
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from tests.unit.stored_table import session
from ttl_monitor.handler import handler

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.stored_table import Row, StoredTable

ENVIRONMENT = {"CHECKPOINT_TABLE_NAME": "sessions-dev", "ENVIRONMENT": "dev"}


@dataclass
class Context:
    """What Lambda gives beside the event."""

    aws_request_id: str = "run-1"
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:111122223333:function:monitor"
    remaining_ms: Callable[[], int] = lambda: 60_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms()


@dataclass
class Bucket:
    """The part of S3 that the monitor may use."""

    puts: list[dict[str, Any]] = field(default_factory=list)
    refusal: Exception | None = None

    def put_object(self, **request: Any) -> dict[str, Any]:
        if self.refusal:
            raise self.refusal
        self.puts.append(request)
        return {}


@dataclass
class Ran:
    """One run: its result or error, and its lines."""

    body: dict[str, Any]
    lines: list[dict[str, Any]]
    error: Exception | None

    @property
    def metrics(self) -> dict[str, float]:
        """Every metric emitted, by name."""
        emitted = {}
        for line in self.lines:
            for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
                for metric in directive["Metrics"]:
                    emitted[metric["Name"]] = line[metric["Name"]][0]
        return emitted


def run(
    table: StoredTable,
    variables: dict[str, str] | None = None,
    *,
    event: Any = None,
    context: Context | None = None,
    bucket: Bucket | None = None,
) -> Ran:
    """Invoke the handler as Lambda does; an error is returned, not raised."""
    written = io.StringIO()
    body, error = {}, None
    with (
        patch.dict("os.environ", ENVIRONMENT | (variables or {}), clear=True),
        patch("expiry.clients.dynamodb", lambda **_: table),
        patch("expiry.clients.s3", lambda **_: bucket),
        redirect_stdout(written),
    ):
        try:
            answer = handler({} if event is None else event, context or Context())  # type: ignore[arg-type]
            body = json.loads(json.dumps(answer))["body"]
        except Exception as raised:  # noqa: BLE001 - the test judges it
            error = raised
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    return Ran(body, lines, error)


def ago(hours: float) -> dict[str, str]:
    """Return a TTL value so many hours in the past."""
    return {"N": str(int(time.time() - hours * 3_600))}


def mixed_rows() -> list[Row]:
    """Return rows of every standing: 3 expired, 2 live, one of each never."""
    return [
        session("ann", 1, ago(2.5)),
        session("ann", 2, ago(0.5)),
        session("bob", 3, ago(1)),
        session("bob", 4, ago(-5)),
        session("bob", 5, ago(-5)),
        session("eve", 6),
        session("eve", 7, {"S": "soon"}),
        session("eve", 8, {"N": "1"}),
        session("eve", 9, {"N": "1700000000000"}),
    ]
