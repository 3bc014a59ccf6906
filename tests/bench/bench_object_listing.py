"""
A listing of a million objects, by the engine and by boto3's own parser.

Each run is a process of its own, with the runtime's boto3. Both read the same bytes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.bench.bench_ttl_monitor import LAMBDA_PYTHON, ROOT, RUNTIME

OBJECTS = 1_000_000
FEWER = 100_000  # for a mean, and for what grows with them
CPU_TARGET = 1 / 3
MEMORY_TARGET_MB = 10


def measured(kind: str, objects: int) -> dict[str, Any]:
    """Run the worker alone, and return what it says."""
    python = LAMBDA_PYTHON if LAMBDA_PYTHON.is_file() else Path(sys.executable)
    worker = Path(__file__).with_name("object_listing_worker.py")
    done = subprocess.run(
        # Without site: else the interpreter's own packages would be imported instead.
        [python, "-S", "-B", worker, kind, str(objects)],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "lambda_src", RUNTIME, ROOT))),
        },
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> None:
    """Measure and print; nothing is asserted about seconds."""
    idle, ours = measured("idle", 0), measured("ours", OBJECTS)
    default, kept = measured("default", FEWER), measured("kept", FEWER)
    growth_mb = ours["peak_mb"] - idle["peak_mb"]
    kept_mb = (kept["peak_mb"] - idle["peak_mb"]) * OBJECTS / FEWER
    ratio = ours["cpu_us"] / default["cpu_us"]
    each = f"{ours['cpu_us']:.0f} and {default['cpu_us']:.0f} µs"
    lines = [
        f"listing: {ours['listed']:,} objects in {ours['calls']:,} calls",
        f"CPU an object, against boto3's parser: {ratio:.2f} (target {CPU_TARGET:.2f}; {each})",
        f"memory it adds, MB: {growth_mb:.0f} (target {MEMORY_TARGET_MB})",
        f"memory where all are kept, MB: {kept_mb:.0f}",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
