"""
One measured cleanup of index rows in a process of its own; prints a JSON object.

    python index_cleanup_worker.py (cleanup|actingweb) (orphans|expired) COUNT
"""

from __future__ import annotations

import json
import logging
import resource
import sys
import time
from contextlib import redirect_stdout
from io import StringIO
from typing import TYPE_CHECKING, Any

from tests.safety.index_drive import run
from tests.safety.index_memory import many
from tests.safety.wire import Wire

if TYPE_CHECKING:
    from tests.safety.index_memory import IndexMemory

LATENCY_S = 0.005
ENVIRONMENT = {"PRESET": "actingweb", "THREADS": "8", "MAX_DELETES_PER_RUN": "1000000"}


def cleanup(memory: IndexMemory) -> Wire:
    """Run ours; its threads wait at the same time."""

    def answered_late(*call: Any) -> Any:
        time.sleep(LATENCY_S)
        return memory(*call)

    wire = Wire(disturb=answered_late, keep_requests=False)
    run(memory, wire, environment=ENVIRONMENT)
    return wire


def actingweb(memory: IndexMemory) -> Wire:
    """Run ActingWeb's own; it waits for one call after the other, so that is added up."""
    from tests.actingweb.library import Library  # noqa: PLC0415 - not in our own process
    from tests.actingweb.stores import point_to  # noqa: PLC0415

    library = Library("dynamodb")
    logging.disable(logging.CRITICAL)
    wire = Wire(disturb=memory, keep_requests=False)
    point_to(memory.name, wire.wrap(memory.clients.dynamodb))
    library.clean_up()
    return wire


WHO = {"cleanup": cleanup, "actingweb": actingweb}


def main(who: str, kind: str, count: str) -> None:
    """Run, and print what it took."""
    memory = many(int(count), float(int(time.time())), kind=kind)
    began_s = time.perf_counter()
    with redirect_stdout(StringIO()):
        wire = WHO[who](memory)
    took_s = time.perf_counter() - began_s
    calls = wire.count()
    if who == "actingweb":
        took_s += calls.total() * LATENCY_S
    unit = 1 if sys.platform == "darwin" else 1_024
    found = {
        "calls": calls,
        "total": calls.total(),
        "took_s": took_s,
        "rows_left": len(memory.rows),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20,
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
