"""What the documents say is there: modules, arguments, commands, files."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import hcl2
import pytest

from tests.unit.monitor_runs import Bucket, run
from tests.unit.stored_table import StoredTable
from tools.terraform import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODULES = sorted(path.name for path in (ROOT / "modules").iterdir())
DOCUMENTS = sorted(
    path.relative_to(ROOT)
    for path in ROOT.rglob("*.md")
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)  # tools' own
)
META_ARGUMENTS = {"source", "version", "count", "for_each", "depends_on", "providers"}


def blocks(document: Path, language: str) -> list[str]:
    """Return the fenced blocks of *language*."""
    text = (ROOT / document).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def bare(key: str) -> str:
    """Return a name as it was written, without the quotes that python-hcl2 keeps."""
    return key.strip('"')


def module_calls(document: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the module's name and the arguments of each call in *document*'s HCL blocks."""
    for block in blocks(document, "hcl"):
        parsed = hcl2.loads(block)
        for named in parsed.get("module", []):
            for arguments in named.values():
                source = re.search(r"modules/([a-z-]+)", str(arguments.get("source", "")))
                if source:
                    yield source[1], arguments


def variables(module: str) -> dict[str, dict[str, Any]]:
    """Return the variables of a module, by name."""
    parsed = hcl2.loads((ROOT / "modules" / module / "variables.tf").read_text())
    return {bare(name): body for entry in parsed["variable"] for name, body in entry.items()}


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_document_hcl_blocks_name_real_arguments(document: Path) -> None:
    """Each example calls a module that is there, with arguments that it takes."""
    for module, arguments in module_calls(document):
        given = {bare(name) for name in arguments if not name.startswith("__")}

        assert module in MODULES
        assert given - META_ARGUMENTS <= variables(module).keys()


@pytest.mark.parametrize("module", MODULES)
def test_module_readme_has_an_example_that_is_enough(module: str) -> None:
    """The first example of a module's README gives every argument that has no default."""
    name, arguments = next(module_calls(ROOT / "modules" / module / "README.md"))
    needed = {key for key, body in variables(module).items() if "default" not in body}

    assert name == module
    assert needed <= {bare(key) for key in arguments}


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_document_sources_are_written_alike(document: Path) -> None:
    """A source that is copied out of a document works once the organisation is put in."""
    text = (ROOT / document).read_text()
    form = (
        r"git::https://github\.com/ORGANISATION/terraform-aws-expiry\.git//modules/[a-z-]+\?ref=v"
    )

    for source in re.findall(r"git::https[^\s`\"]+", text):
        assert re.match(form, source)


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_document_make_commands_exist(document: Path) -> None:
    """Each `make target` that a document names is a target."""
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = (ROOT / document).read_text()
    named = re.findall(r"(?:`|^)make ((?:[a-z0-9-]+ ?)+)", text, re.MULTILINE)

    assert {target for targets_ in named for target in targets_.split()} <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_document_links_lead_somewhere(document: Path) -> None:
    """Each link to a place in the repository is a file or a folder that is there."""
    text = (ROOT / document).read_text()
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)

    assert [link for link in links if not (ROOT / document).parent.joinpath(link).exists()] == []


def test_makefile_has_no_more_targets_than_a_screen_holds() -> None:
    """`make help` stays readable: 14 targets at most."""
    documented = re.findall(r"^[a-z0-9-]+:.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)

    assert len(documented) <= 14


def test_readme_is_short() -> None:
    """The front page has fewer than 200 lines."""
    assert len((ROOT / "README.md").read_text().splitlines()) < 200


def test_athena_table_names_what_an_export_holds() -> None:
    """Each column of the documented Athena table is a key of the exported line, or a partition."""
    (sql,) = blocks(ROOT / "examples" / "ttl-monitor" / "README.md", "sql")
    columns = re.findall(r"`?(\w+)`? (?:string|bigint|double|boolean|array)\b", sql)
    bucket = Bucket()
    run(StoredTable([]), {"EXPORT_BUCKET": "reports"}, bucket=bucket)

    line = json.loads(bucket.puts[0]["Body"])
    nested = {"user"}
    assert len(columns) > 10
    assert set(columns) <= line.keys() | {"table", "dt"} | nested
