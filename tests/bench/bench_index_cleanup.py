"""
Index cleanup beside ActingWeb's own, on the same 10,000 index entries.

Each run is a process of its own. The table is in memory and answers after 5 ms; ActingWeb waits
for one call after the other, so its waiting is added up instead of waited for.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COUNT = 10_000
LEAST_RATIO = 20
KINDS = {
    "orphans": "index entries, of which nine in ten have lost their token",
    "expired": "index entries of expired tokens, each with its provider's row",
}


def measured(who: str, kind: str, count: int) -> dict[str, Any]:
    """Run the worker alone, and return what it says."""
    worker = Path(__file__).with_name("index_cleanup_worker.py")
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
    cleanup, peer = (measured(who, kind, count) for who in ("cleanup", "actingweb"))
    ratio = peer["total"] / cleanup["total"]
    rows = [
        ("calls", cleanup["total"], peer["total"]),
        ("seconds at 5 ms a call", round(cleanup["took_s"], 1), round(peer["took_s"], 1)),
        ("rows left", cleanup["rows_left"], peer["rows_left"]),
        ("peak memory with the table, MB", round(cleanup["peak_mb"]), round(peer["peak_mb"])),
    ]
    lines = [
        f"index-cleanup: {count:,} {KINDS[kind]}",
        f"{'':40}{'cleanup':>12}{'ActingWeb':>12}",
        *(f"{name:40}{ours:>12,}{theirs:>12,}" for name, ours, theirs in rows),
        f"calls, ActingWeb's to ours: {ratio:.0f} (at least {LEAST_RATIO})",
        f"calls by operation: {json.dumps(cleanup['calls'])}",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure and print; nothing is asserted about seconds."""
    for kind in KINDS:
        sys.stdout.write(report(kind, COUNT) + "\n\n")
        sys.stdout.flush()
