"""
Upload cleanup beside the one that one would write first, on the same sessions and objects.

Each run is a process of its own. The stores are in memory and answer after 5 ms; the naive one
waits for one call after the other, so its waiting is added up instead of waited for.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COUNTS = (10_000, 100_000)
KINDS = {
    "orphans": "objects, of which each twentieth has lost its session",
    "expired": "expired sessions, each with its object",
}


def measured(who: str, kind: str, count: int) -> dict[str, Any]:
    """Run the worker alone, and return what it says."""
    worker = Path(__file__).with_name("upload_cleanup_worker.py")
    path = os.pathsep.join(map(str, (ROOT / "lambda_src", ROOT)))
    done = subprocess.run(
        [sys.executable, worker, who, kind, str(count)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def report(kind: str, count: int) -> str:
    """Measure both, and put the numbers side by side."""
    cleanup, naive, idle = (measured(who, kind, count) for who in ("cleanup", "naive", "idle"))
    rows = [
        ("calls", cleanup["total"], naive["total"]),
        ("seconds at 5 ms a call", round(cleanup["took_s"], 1), round(naive["took_s"], 1)),
        ("rows left", cleanup["rows_left"], naive["rows_left"]),
        ("objects left", cleanup["objects_left"], naive["objects_left"]),
        *(
            (f"{name}, MB", round(cleanup[key] - idle[key], 1), round(naive[key] - idle[key], 1))
            for name, key in (("peak memory over the stores' own", "peak_mb"),)
        ),
    ]
    lines = [
        f"upload-cleanup: {count:,} {KINDS[kind]}",
        f"{'':40}{'cleanup':>12}{'naive':>12}",
        *(f"{name:40}{ours:>12,}{theirs:>12,}" for name, ours, theirs in rows),
        f"calls by operation: {json.dumps(cleanup['calls'])}",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure and print; nothing is asserted about seconds."""
    for kind in KINDS:
        for count in COUNTS:
            sys.stdout.write(report(kind, count) + "\n\n")
            sys.stdout.flush()
