"""
The functions of job-claims in fresh processes, from the zip as it is packed, beside get-then-put.

Each is given what Lambda has: the unpacked zip without ``.pyc``, and the runtime's own boto3. The
memory is the process's peak, the interpreter and boto3 included; CPU is this machine's.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from build import Project

ROOT = Path(__file__).resolve().parents[2]
RUNTIME = ROOT / ".tools/lambda-runtime"
LAMBDA_PYTHON = ROOT / ".tools/cloud/bin/python"
NAME = "job_claims"
TIMES = 200
LAMBDA_MB = 128
WHOLE_CPU_MB = 1_769  # what AWS gives a whole vCPU for; less memory has its share of it
SHOWN = ("boto3_ms", "import_ms", "first_ms", "warm_ms", "peak_mb")


def measured(folder: Path, kind: str, path: tuple[Path, ...]) -> dict[str, Any]:
    """Run the worker alone, and return what it says."""
    python = LAMBDA_PYTHON if LAMBDA_PYTHON.is_file() else Path(sys.executable)
    worker = Path(__file__).with_name("job_claims_worker.py")
    done = subprocess.run(
        # Without site: else the interpreter's own packages would be imported instead.
        [python, "-S", "-B", worker, kind, str(TIMES)],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(map(str, path))},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def report(found: dict[str, dict[str, Any]], packed: int) -> str:
    """Put the numbers side by side."""
    slower = WHOLE_CPU_MB / LAMBDA_MB
    most = max(run["peak_mb"] for run in found.values())
    first, warm = (found["claim_job"][name] * slower for name in ("first_ms", "warm_ms"))
    claim, naive = found["claim_job"]["calls"], found["naive"]["calls"]
    lines = [
        f"job-claims: one zip of {packed:,} bytes; CPU in ms at a whole vCPU, memory in MB",
        f"{'':22}" + "".join(f"{name:>11}" for name in SHOWN) + "  calls, warm",
        *(
            f"{kind:22}"
            + "".join(f"{run.get(name, 0):>11.1f}" for name in SHOWN)
            + f"  {json.dumps(run['calls'])}"
            for kind, run in found.items()
        ),
        f"most memory, MB: {most:.0f} of Lambda's least, {LAMBDA_MB}",
        f"with {LAMBDA_MB} MB's share of a vCPU, ms: first claim {first:.0f}, warm {warm:.0f}",
        f"calls of a claim: {sum(claim.values()):.0f}, by get and put: {sum(naive.values()):.0f}",
    ]
    return "\n".join(lines)


def main() -> None:
    """Measure and print; nothing is asserted about seconds."""
    project = Project(ROOT)
    packed = project.pack([NAME])[NAME]
    functions = [name.rpartition(".")[2] for name in project.handlers(NAME)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            archive.extractall(folder)
        found = {kind: measured(folder, kind, (folder, RUNTIME)) for kind in ("idle", *functions)}
        found["naive"] = measured(folder, "naive", (RUNTIME, ROOT))
    sys.stdout.write(report(found, len(packed)) + "\n")
