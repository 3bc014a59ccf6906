"""The invariants of ARCHITECTURE.md that can be read off the files; most of them are absences."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

from tools.terraform import ROOT


def tracked(*patterns: str) -> list[Path]:
    """Return the committed files that match *patterns*, relative to the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", *patterns],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [Path(name) for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


HANDLER_SOURCES = tracked("lambda_src/*.py")
MODULES = sorted({path.parent for path in tracked("modules/*/README.md")})
TERRAFORM = tracked("modules/*.tf")
ENGINE = "expiry"


def tree(path: Path) -> ast.Module:
    """Parse a source."""
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def imported(path: Path) -> set[str]:
    """Return the packages that a source imports, type-checking imports included."""
    names = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    return names


def attributes(path: Path) -> set[str]:
    """Return every `name.attribute` that a source mentions."""
    return {ast.unparse(node) for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute)}


@pytest.mark.parametrize("path", HANDLER_SOURCES, ids=str)
def test_handler_source_imports_its_own_package_and_the_engine(path: Path) -> None:
    """The engine knows no handler, and no handler another one."""
    package = path.parts[1]
    packages = {source.parts[1] for source in HANDLER_SOURCES}

    assert imported(path) & packages <= {package, ENGINE}


@pytest.mark.parametrize("path", HANDLER_SOURCES, ids=str)
def test_handler_source_reads_the_environment_at_the_edge_only(path: Path) -> None:
    """What a run depends on is in its settings, which a handler alone parses."""
    reads = attributes(path) & {"os.environ", "os.environb", "os.getenv"}

    assert reads == set() or path.parts[1] != ENGINE
    assert reads == set() or path.name == "handler.py"


@pytest.mark.parametrize("path", HANDLER_SOURCES, ids=str)
def test_handler_source_makes_clients_in_one_place(path: Path) -> None:
    """Retries, timeouts and connections are decided once; nothing else imports boto3."""
    assert "boto3" not in imported(path) or path == Path("lambda_src/expiry/clients.py")


@pytest.mark.parametrize("path", [p for p in HANDLER_SOURCES if p.parts[1] == ENGINE], ids=str)
def test_engine_calls_no_clock(path: Path) -> None:
    """Time is an argument, so that a test can hold it."""
    clocks = {"time.time", "time.monotonic", "time.sleep", "datetime.now", "datetime.utcnow"}
    calls = {ast.unparse(node.func) for node in ast.walk(tree(path)) if isinstance(node, ast.Call)}

    assert calls & clocks == set()


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_module_has_the_files_that_each_has(module: Path) -> None:
    """Whoever knows one module finds their way in all."""
    files = {path.name for path in tracked(f"{module}/*")}

    assert files >= {"main.tf", "variables.tf", "outputs.tf", "versions.tf", "README.md"}


def test_modules_ask_for_the_same_versions() -> None:
    """One floor for Terraform and the provider, and no ceiling."""
    written = {(ROOT / module / "versions.tf").read_text() for module in MODULES}

    assert len(written) == 1
    assert re.findall(r"version *= *(.+)", written.pop()) == ['">= 1.9"', '">= 5.100.0"']


@pytest.mark.parametrize("path", TERRAFORM, ids=str)
def test_module_source_runs_nothing_and_takes_anything_typed(path: Path) -> None:
    """No module starts a program, asks a network, or hides what it takes behind `any`."""
    text = (ROOT / path).read_text(encoding="utf-8")

    assert (
        re.findall(
            r'provisioner "|data "(?:external|http)"|"null_resource"|"local_(?:sensitive_)?file"',
            text,
        )
        == []
    )
    assert re.findall(r"type *= *any\b|\(any\)", text) == []


def test_repository_names_no_machine_and_no_registry() -> None:
    """Nothing committed holds a path of somebody's machine, or a package registry's address."""
    own = re.compile(
        rb"/(?:root|home/\w+|Users/\w+)/|/(?:opt|work)/\w"
        rb"|https?://[^\s\"'/]*(?:pypi|pythonhosted|repo1?[.]maven|proxy[.]golang|registry[.]terraform)"
    )
    # In a zip, a dependency's own metadata may say where it was published.
    checked = [path for path in tracked("*") if path.suffix != ".zip"]
    found = [
        f"{path}: {match[0].decode()}"
        for path in checked
        for match in own.finditer((ROOT / path).read_bytes())
    ]

    assert found == []
