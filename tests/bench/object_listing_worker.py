"""
One measured listing in a process of its own; prints a JSON object.

    python object_listing_worker.py (idle|ours|default|kept) OBJECTS
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from typing import TYPE_CHECKING, Any

from expiry import clients
from expiry.bucket import Bucket
from expiry.budget import Budget, Pace
from expiry.objects import Objects
from tests.bench.wire_bucket import NAME, WireBucket

if TYPE_CHECKING:
    from collections.abc import Callable

ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "bench",
    "AWS_SECRET_ACCESS_KEY": "bench",
}


def list_ours(wire: WireBucket) -> int:
    """List as the engine does: fast times, a page at a time."""
    pace = Pace(0, time.monotonic, time.sleep)
    bucket = Bucket(wire.listen(clients.s3_listing()), NAME, "111122223333", pace)
    objects = Objects(bucket, Budget(lambda: 900_000, reserve_s=10))
    return sum(len(page) for page in objects.list("uploads/"))


def list_default(wire: WireBucket) -> int:
    """List by boto3's own paginator, a page at a time."""
    pages = wire.listen(clients.s3()).get_paginator("list_objects_v2").paginate(Bucket=NAME)
    return sum(len(page["Contents"]) for page in pages)


def list_kept(wire: WireBucket) -> int:
    """List as most do: all into one list, then look at it."""
    pages = wire.listen(clients.s3()).get_paginator("list_objects_v2").paginate(Bucket=NAME)
    return len([each for page in pages for each in page["Contents"]])


def idle(wire: WireBucket) -> int:
    """Make the client and list nothing."""
    wire.listen(clients.s3_listing())
    return 0


KINDS: dict[str, Callable[[WireBucket], int]] = {
    "idle": idle,
    "ours": list_ours,
    "default": list_default,
    "kept": list_kept,
}


def main(kind: str, objects: str) -> None:
    """Run one kind, and print what it took."""
    os.environ.update(ENVIRONMENT)
    wire = WireBucket(int(objects))
    began_s = time.process_time()
    listed = KINDS[kind](wire)
    unit = 1 if sys.platform == "darwin" else 1_024
    found: dict[str, Any] = {
        "listed": listed,
        "calls": wire.calls,
        "cpu_us": (time.process_time() - began_s) * 1e6 / max(1, listed),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20,
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
