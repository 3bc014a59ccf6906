"""
The zips of this very source: the same bytes everywhere, small, complete.

They are packed here from a copy of the source; that the committed ones are the same is for
``build.py --check`` to say.
"""

from __future__ import annotations

import csv
import functools
import io
import json
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import build
from tests.unit.build_checkout import ROOT, run_build
from tools import setup_env
from tools.packing.target import STDLIB, TARGET_PYTHON
from tools.packing.wheels import LOCK, Wheels

MINORS = ("3.11", "3.12", "3.13")
NAMES = build.Project(ROOT).names()

IMPORT = """
import importlib, json, sys, time
sys.dont_write_bytecode = True
sys.path[:0] = sys.argv[1:3]
import boto3
started = time.perf_counter()
for path in sys.argv[3:]:
    module, function = path.rsplit(".", 1)
    assert callable(getattr(importlib.import_module(module), function)), path
spent_ms = round((time.perf_counter() - started) * 1000)
files = [m.__file__ for m in list(sys.modules.values()) if getattr(m, "__file__", None)]
print(json.dumps({"spent_ms": spent_ms, "files": files}))
"""

EMIT = """
import sys
sys.dont_write_bytecode = True
sys.path[:0] = sys.argv[1:3]
from aws_lambda_powertools import Logger, Metrics
logger = Logger(service="sweep")
with logger.append_context_keys(run="r1"):
    try:
        raise ValueError("bad row")
    except ValueError:
        logger.exception("failed", extra={"key": {"pk": "a"}})
metrics = Metrics(namespace="Expiry/Sweep")
metrics.add_dimension(name="TableName", value="sessions")
metrics.add_metric(name="Deleted", unit="Count", value=3)
metrics.flush_metrics()
"""


@functools.cache
def python_of(minor: str) -> str | None:
    """Find an interpreter of *minor* that really runs."""
    python = setup_env.find_python(minor)
    return python if setup_env.version_of(python) == tuple(map(int, minor.split("."))) else None


def copied(source: Path, target: Path) -> Path:
    """Copy what build.py reads; the unpacked wheels are shared, as it verifies them anyway."""
    shutil.copytree(
        source / "lambda_src", target / "lambda_src", ignore=shutil.ignore_patterns("__pycache__")
    )
    (target / "requirements").mkdir()
    shutil.copy(source / LOCK, target / LOCK)
    shutil.copy(source / "build.py", target)
    shutil.copytree(source / "tools" / "packing", target / "tools" / "packing")
    (target / ".tools").mkdir()
    (target / ".tools" / "wheels").symlink_to(ROOT / ".tools" / "wheels")
    return target


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this checkout as it is now, with every handler packed under plain conditions."""
    Wheels(ROOT).unpacked()
    root = copied(ROOT, tmp_path_factory.mktemp("packed") / "checkout")
    done = run_build(root)
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture(scope="module")
def runtime() -> Path:
    """The folder with what Lambda puts beside a zip: boto3 and what it needs."""
    return setup_env.ensure(setup_env.ENVIRONMENTS["lambda-runtime"])


@pytest.fixture(params=NAMES)
def unpacked(request: pytest.FixtureRequest, packed: Path, tmp_path: Path) -> Path:
    """One handler's zip, unpacked as Lambda does: a folder named as the handler."""
    folder = tmp_path / str(request.param)
    with zipfile.ZipFile(packed / "artifacts" / f"{request.param}.zip") as archive:
        archive.extractall(folder)
    return folder


def run_clean(script: str, *arguments: str | Path) -> str:
    """Run *script* in Lambda's Python where it is there, with nothing installed or inherited."""
    python = python_of(TARGET_PYTHON) or setup_env.find_python(None)
    command = [python, "-I", "-S", "-W", "error", "-c", script, *map(str, arguments)]
    done = subprocess.run(
        command, env={}, cwd="/", capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("minor", MINORS)
def test_build_under_hostile_conditions_gives_the_same_bytes(
    packed: Path, tmp_path: Path, minor: str
) -> None:
    """Umask, time zone, locale, folder, file times, hash seed, Python minor: none shows."""
    python = python_of(minor)
    if python is None:
        pytest.skip(f"no Python {minor} on this machine")
    root = copied(packed, tmp_path / "Ünder a folder" / "deep")
    for index, path in enumerate(sorted((root / "lambda_src").rglob("*"))):
        path.chmod(0o700)
        os.utime(path, (index * 1e6, index * 1e6))
    zone = {"TZ": "Pacific/Kiritimati", "LC_ALL": "C", "LANG": "tr_TR.UTF-8"}

    done = run_build(root, python=python, umask=0o077, PYTHONHASHSEED="1", **zone)

    assert done.returncode == 0, done.stderr
    for name in (*(f"{name}.zip" for name in NAMES), "SHA256SUMS"):
        assert (root / "artifacts" / name).read_bytes() == (
            packed / "artifacts" / name
        ).read_bytes()


def test_check_from_another_umask_zone_and_folder_is_content(packed: Path) -> None:
    """``--check`` is green wherever it is run, whatever the day looks like there."""
    done = run_build(packed, "--check", umask=0o077, TZ="America/St_Johns", PYTHONHASHSEED="2")

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("minor", MINORS)
def test_standard_library_is_that_of_the_target(minor: str) -> None:
    """Whichever Python runs build.py, it takes the same public modules for the standard library."""
    python = python_of(minor)
    if python is None:
        pytest.skip(f"no Python {minor} on this machine")
    script = (
        "import json; from tools.packing.target import STDLIB; print(json.dumps(sorted(STDLIB)))"
    )
    done = subprocess.run([python, "-c", script], cwd=ROOT, capture_output=True, check=True)

    public = {name for name in json.loads(done.stdout) if not name.startswith("_")}
    assert public == {name for name in STDLIB if not name.startswith("_")}
    assert "tomllib" in public


def test_zip_imports_beside_boto3_alone(unpacked: Path, packed: Path, runtime: Path) -> None:
    """Every entry point imports from its zip, the runtime's boto3 and Python; nothing else."""
    handlers = build.Project(packed).handlers(unpacked.name)

    told = json.loads(run_clean(IMPORT, unpacked, runtime, *handlers))

    print(f"{unpacked.name}: imported in {told['spent_ms']} ms without bytecode")  # noqa: T201 - for people who run with -s
    ours = {Path(file) for file in told["files"] if Path(file).is_relative_to(unpacked)}
    assert unpacked / unpacked.name / "handler.py" in ours
    strange = [file for file in told["files"] if "site-packages" in file or str(ROOT) in file]
    assert [file for file in strange if not Path(file).is_relative_to(runtime)] == []


def test_zip_logs_and_emits_metrics(unpacked: Path, runtime: Path) -> None:
    """What is packed of Powertools is enough for a JSON log line and an EMF metric."""
    log, emf = map(json.loads, run_clean(EMIT, unpacked, runtime).splitlines())

    assert log["message"] == "failed"
    assert log["key"] == {"pk": "a"}
    assert log["exception_name"] == "ValueError"
    assert emf["Deleted"] == [3.0]
    assert emf["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["TableName"]]


def test_zip_holds_no_compiled_code_no_scripts_and_nothing_of_the_runtime(unpacked: Path) -> None:
    """Nothing that depends on a machine, and nothing that Lambda brings itself."""
    files = [path.relative_to(unpacked) for path in unpacked.rglob("*") if path.is_file()]

    unwanted = re.compile(r".*\.(so|pyd|dylib|pyc|pyi)|RECORD|INSTALLER|REQUESTED|py\.typed")
    assert [str(path) for path in files if unwanted.fullmatch(path.name)] == []
    tops = {path.parts[0] for path in files}
    assert tops.isdisjoint({"bin", "boto3", "botocore", "s3transfer", "urllib3"})


def test_zip_is_small(unpacked: Path, packed: Path) -> None:
    """A zip stays under 2 MB, although it is not compressed."""
    assert (packed / "artifacts" / f"{unpacked.name}.zip").stat().st_size < 2_000_000


def test_zip_keeps_the_licence_of_every_wheel_in_it(unpacked: Path) -> None:
    """Each distribution of which a module is packed brings its METADATA and its licence."""
    site = Wheels(ROOT).unpacked()
    shipped = 0
    for record in site.glob("*.dist-info/RECORD"):
        rows = csv.reader(io.StringIO(record.read_text(encoding="utf-8")))
        if not any((unpacked / row[0]).is_file() for row in rows if row[0].endswith(".py")):
            continue
        kept = [path.name for path in (unpacked / record.parent.name).rglob("*")]
        assert "METADATA" in kept
        assert any(re.match("LICEN[CS]E", name) for name in kept)
        shipped += 1
    assert shipped > 0


def test_lock_holds_versions_that_the_runtime_accepts(runtime: Path) -> None:
    """What a zip shares with boto3 and botocore is in a version that they accept."""
    found = re.findall(r"(?m)^([\w.-]+)==([^\s;\\]+)", (ROOT / LOCK).read_text())
    locked = {canonicalize_name(name): version for name, version in found}
    checked = 0
    for metadata in runtime.glob("*.dist-info/METADATA"):
        for line in re.findall(r"(?m)^Requires-Dist: (.+)", metadata.read_text(encoding="utf-8")):
            needed = Requirement(line)
            version = locked.get(canonicalize_name(needed.name))
            if version and (needed.marker is None or needed.marker.evaluate({"extra": ""})):
                assert needed.specifier.contains(version), f"{metadata.parent.name}: {line}"
                checked += 1
    assert checked > 0
