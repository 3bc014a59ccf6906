"""
One measured cleanup in a process of its own; prints a JSON object.

    python upload_cleanup_worker.py (cleanup|naive|idle) (orphans|expired) COUNT
"""

from __future__ import annotations

import json
import resource
import sys
import time
from contextlib import redirect_stdout
from io import StringIO
from typing import Any

from tests.safety.drive import run
from tests.safety.memory import NAME, Memory, many_expired, many_objects
from tests.safety.naive import Naive
from tests.safety.wire import Wire

LATENCY_S = 0.005
ORPHAN_EACH = 20
THREADS = {"THREADS": "8", "SCAN_SEGMENTS": "4", "MAX_DELETES_PER_RUN": "1000000"}


def made(kind: str, count: int) -> Memory:
    """Make the stores."""
    return (
        many_expired(count) if kind == "expired" else many_objects(count, orphan_each=ORPHAN_EACH)
    )


def measured(who: str, memory: Memory) -> dict[str, Any]:
    """Run one, and count."""

    def answered_late(*call: Any) -> Any:
        if who == "cleanup":  # its threads wait at the same time
            time.sleep(LATENCY_S)
        return memory(*call)

    wire = Wire(disturb=answered_late, keep_requests=False)
    began_s = time.perf_counter()
    if who == "cleanup":
        run(memory, wire, environment=THREADS)
    elif who == "naive":
        clients = (wire.wrap(memory.clients.dynamodb), wire.wrap(memory.clients.s3))
        Naive(*clients, NAME, NAME, memory.clock()).execute()
    took_s = time.perf_counter() - began_s
    calls = wire.count()
    if who == "naive":  # one call after the other: what it waits is what they sum up to
        took_s += calls.total() * LATENCY_S
    left = {"rows_left": len(memory.rows), "objects_left": len(memory.objects)}
    return {"calls": calls, "total": calls.total(), "took_s": took_s, **left}


def main(who: str, kind: str, count: str) -> None:
    """Run, and print what it took."""
    memory = made(kind, int(count))
    unit = 1 if sys.platform == "darwin" else 1_024
    with redirect_stdout(StringIO()):
        found = measured(who, memory)
    found["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
