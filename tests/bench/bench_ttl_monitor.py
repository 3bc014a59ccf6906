"""
The TTL monitor on a million rows, beside the handler that one would write first.

Each run is a process of its own, with what Lambda has: the handler's packages without ``.pyc``,
and the runtime's boto3. What the made-up table itself costs is in both columns.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
RUNTIME = ROOT / ".tools/lambda-runtime"
LAMBDA_PYTHON = ROOT / ".tools/cloud/bin/python"
VENDORED = ("aws_lambda_powertools", "jmespath", "typing_extensions")

ROWS = 1_000_000
USUAL = ("400", "10")  # bytes a row, and each so manieth is expired
WORST = ("100", "1")
LAMBDA_MB = 128
IMPORT_TARGET_MS = 150


def task_root(folder: Path) -> None:
    """Put into *folder* what the zip holds: sources, no bytecode."""
    bare = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "lambda_src", folder, ignore=bare, dirs_exist_ok=True)
    for name in VENDORED:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise ImportError(f"{name} is missing: run this with the tools' Python, by make bench")
        origin = Path(spec.origin)
        if origin.name == "__init__.py":
            shutil.copytree(origin.parent, folder / name, ignore=bare)
        else:
            shutil.copy(origin, folder)


def measured(folder: Path, kind: str, shape: tuple[str, str]) -> dict[str, Any]:
    """Run the worker alone, and return what it says."""
    python = LAMBDA_PYTHON if LAMBDA_PYTHON.is_file() else Path(sys.executable)
    worker = Path(__file__).with_name("ttl_monitor_worker.py")
    done = subprocess.run(
        # Without site: else the interpreter's own packages would be imported instead.
        [python, "-S", "-B", worker, kind, str(ROWS), *shape],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(map(str, (folder, RUNTIME, ROOT))),
        },
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def report(found: dict[str, dict[str, Any]]) -> str:
    """Put the numbers side by side."""
    monitor, naive, sample = found["monitor"], found["naive"], found["sample"]
    rows = [
        ("expired rows found", monitor["expired"], naive["expired"]),
        ("calls", sum(monitor["calls"].values()), sum(naive["calls"].values())),
        ("peak memory, MB", round(monitor["peak_mb"]), round(naive["peak_mb"])),
        ("CPU against the naive one", round(monitor["cpu_s"] / naive["cpu_s"], 2), 1.0),
    ]
    extra = sum(monitor["calls"].values()) - monitor["pages"]
    share = sample["read_units"] / monitor["read_units"]
    worst = found["worst"]["peak_mb"]
    import_ms = min(run["import_ms"] for run in found.values())  # each process has imported once
    lines = [
        f"ttl-monitor: {ROWS:,} rows of {USUAL[0]} bytes, each tenth expired",
        f"{'':28}{'monitor':>12}{'naive':>12}",
        *(f"{name:28}{ours:>12,}{theirs:>12,}" for name, ours, theirs in rows),
        f"calls = {monitor['pages']} pages + {extra}",
        f"memory before the run, MB: {found['idle']['peak_mb']:.0f}",
        f"memory where every row is expired and has {WORST[0]} bytes, MB: {worst:.0f}",
        f"Lambda's least, MB: {LAMBDA_MB}",
        f"a sample of 1 % costs {share:.2%} of the full scan's read units",
        f"import of the handler, boto3 aside, ms: {import_ms:.0f} (target {IMPORT_TARGET_MS})",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure and print; nothing is asserted about seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        task_root(folder)
        kinds = ("idle", "monitor", "naive", "sample")
        found = {kind: measured(folder, kind, USUAL) for kind in kinds}
        found["worst"] = measured(folder, "monitor", WORST)
    sys.stdout.write(report(found) + "\n")
