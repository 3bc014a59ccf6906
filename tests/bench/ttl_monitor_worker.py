"""
One measured run in a process of its own; prints a JSON object.

    python ttl_monitor_worker.py (monitor|sample|naive|idle) ROWS ROW_BYTES EXPIRED_EACH
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

import boto3

import_began_s = time.perf_counter()
from ttl_monitor import handler as monitor  # noqa: E402 - its import is what is timed

IMPORT_S = time.perf_counter() - import_began_s

from boto3.dynamodb.conditions import Attr  # noqa: E402 - after what is timed

from expiry import clients  # noqa: E402 - likewise
from tests.bench.wire_table import NAME, WireTable  # noqa: E402 - likewise

ENVIRONMENT = {
    "CHECKPOINT_TABLE_NAME": NAME,
    "ENVIRONMENT": "bench",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
}


class Context:
    """Fifteen minutes of Lambda."""

    aws_request_id = "bench"
    invoked_function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:monitor"

    def get_remaining_time_in_millis(self) -> int:
        """Return the timeout: nothing is stopped here."""
        return 900_000


def run_monitor(table: WireTable, percent: str = "100") -> dict[str, Any]:
    """Run the real handler with boto3's real client."""
    real = clients.dynamodb
    clients.dynamodb = lambda **options: table.listen(real(**options))
    os.environ["SAMPLE_PERCENT"] = percent
    with redirect_stdout(StringIO()):
        body = monitor.handler({}, Context())["body"]  # type: ignore[arg-type]
    return {name: body["scan"][name] for name in ("pages", "rows", "read_units")} | {
        "expired": body["summary"]["expired_count"]
    }


def run_naive(table: WireTable) -> dict[str, Any]:
    """Do as most do: the resource API, whole rows, a filter, and a list of all that match."""
    naive = boto3.resource("dynamodb").Table(NAME)
    table.listen(naive.meta.client)
    now_s = int(time.time())
    options: dict[str, Any] = {"FilterExpression": Attr("expires_at").lt(now_s)}
    expired: list[dict[str, Any]] = []
    while True:
        page = naive.scan(**options)
        expired.extend(page["Items"])
        if "LastEvaluatedKey" not in page:
            break
        options["ExclusiveStartKey"] = page["LastEvaluatedKey"]
    ages = [(now_s - int(item["expires_at"])) / 3_600 for item in expired]
    return {"expired": len(expired), "oldest": max(ages), "newest": min(ages)}


def main(kind: str, rows: str, row_bytes: str, expired_each: str) -> None:
    """Run one kind, and print what it took."""
    os.environ.update(ENVIRONMENT)
    table = WireTable(int(rows), int(row_bytes), int(expired_each))
    began_s = time.process_time()
    found: dict[str, Any] = {}
    if kind == "naive":
        found = run_naive(table)
    elif kind != "idle":
        found = run_monitor(table, "1" if kind == "sample" else "100")
    unit = 1 if sys.platform == "darwin" else 1_024
    found |= {
        "cpu_s": time.process_time() - began_s,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20,
        "import_ms": IMPORT_S * 1_000,
        "calls": table.calls,
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
