"""build.py packs what a handler reaches, and nothing else."""

from __future__ import annotations

import hashlib
import zipfile
from typing import TYPE_CHECKING

import pytest

import build
from tests.unit.build_checkout import HANDLER, Checkout

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout with one handler package, ``sweep``, and no wheels."""
    return Checkout(tmp_path / "checkout")


def test_build_handler_packs_its_package_and_what_it_reaches_of_expiry(checkout: Checkout) -> None:
    """A zip holds the whole handler package, and of ``expiry`` only the modules that it reaches."""
    checkout.handler("from expiry import clock")
    checkout.write("lambda_src/sweep/spare.py", "")
    checkout.write("lambda_src/expiry/clock.py", "import expiry.budget\n")
    checkout.write("lambda_src/expiry/budget.py", "")
    checkout.write("lambda_src/expiry/postgres.py", "")

    assert build.main([], checkout.root) == 0
    assert sorted(checkout.members()) == [
        "expiry/__init__.py",
        "expiry/budget.py",
        "expiry/clock.py",
        "sweep/__init__.py",
        "sweep/handler.py",
        "sweep/spare.py",
    ]


def test_build_import_in_a_function_is_reached(checkout: Checkout) -> None:
    """An import that only runs when a function is called is packed like any other."""
    checkout.write("lambda_src/expiry/late.py", "")
    checkout.write("lambda_src/sweep/spare.py", "def f():\n    from expiry import late\n")

    assert build.main([], checkout.root) == 0
    assert "expiry/late.py" in checkout.members()


@pytest.mark.parametrize("guard", ["TYPE_CHECKING", "typing.TYPE_CHECKING"])
def test_build_import_for_type_checkers_does_not_count(checkout: Checkout, guard: str) -> None:
    """What only a type checker imports is neither packed nor refused; its else branch counts."""
    checkout.write("lambda_src/expiry/shapes.py", "")
    checkout.write("lambda_src/expiry/real.py", "")
    checkout.handler(
        f"import typing\nfrom typing import TYPE_CHECKING\nif {guard}:\n"
        "    import mypy_boto3_dynamodb\n    import expiry.shapes\n"
        "else:\n    import expiry.real\n"
    )

    assert build.main([], checkout.root) == 0
    assert {"expiry/real.py"} == {
        path for path in checkout.members() if path.startswith("expiry/") and "__init__" not in path
    }


def test_build_data_goes_with_the_code_beside_it(checkout: Checkout) -> None:
    """A data file is packed where the code of its folder, or of the nearest above, is packed."""
    checkout.handler("import expiry.rules")
    checkout.write("lambda_src/expiry/rules/__init__.py", "")
    for path in (
        "sweep/metrics.json",
        "sweep/sql/purge.sql",
        "expiry/rules/rules.json",
        "expiry/postgres/rds.pem",
    ):
        checkout.write(f"lambda_src/{path}", "data\n")
    checkout.write("lambda_src/expiry/postgres/__init__.py", "")

    assert build.main([], checkout.root) == 0
    assert [path for path in checkout.members() if not path.endswith(".py")] == [
        "expiry/rules/rules.json",
        "sweep/metrics.json",
        "sweep/sql/purge.sql",
    ]


def test_build_bytecode_stubs_and_hidden_files_stay_out(checkout: Checkout) -> None:
    """What Python, an editor or a type checker leaves beside a module is not packed."""
    for path in ("__pycache__/handler.cpython-313.pyc", "old.pyc", "handler.pyi", "py.typed"):
        checkout.write(f"lambda_src/sweep/{path}", "")
    checkout.write("lambda_src/sweep/.handler.py.swp", "")
    checkout.write("lambda_src/.cache/x.py", "")

    assert build.main([], checkout.root) == 0
    assert ["expiry" in path for path in checkout.members()] == [False, False]


def test_build_zip_says_nothing_of_the_machine(checkout: Checkout) -> None:
    """Every member is stored, dated 1980, mode 0644, made on Unix; the names are sorted."""
    checkout.handler("import expiry.clock")
    checkout.write("lambda_src/expiry/clock.py", "").chmod(0o700)

    assert build.main([], checkout.root) == 0

    with zipfile.ZipFile(checkout.root / "artifacts/sweep.zip") as archive:
        infos = archive.infolist()
    assert [info.filename for info in infos] == sorted(info.filename for info in infos)
    assert {
        (info.compress_type, info.date_time, info.external_attr >> 16, info.create_system)
        for info in infos
    } == {(zipfile.ZIP_STORED, (1980, 1, 1, 0, 0, 0), 0o100644, 3)}


def test_build_all_writes_sums_and_removes_what_has_no_source(checkout: Checkout) -> None:
    """SHA256SUMS names every zip, sorted, with its digest; a zip whose handler is gone goes too."""
    checkout.write("lambda_src/claim/__init__.py", "")
    checkout.write("lambda_src/claim/handler.py", HANDLER)
    checkout.write("artifacts/gone.zip", "")

    assert build.main([], checkout.root) == 0

    found = checkout.artifacts()
    lines = [f"{hashlib.sha256(found[n]).hexdigest()}  {n}\n" for n in ("claim.zip", "sweep.zip")]
    assert sorted(found) == ["SHA256SUMS", "claim.zip", "sweep.zip"]
    assert found["SHA256SUMS"] == "".join(lines).encode()


def test_build_name_leaves_the_other_zips_alone(checkout: Checkout) -> None:
    """With a NAME only that zip is written; SHA256SUMS still names all that are there."""
    checkout.write("lambda_src/claim/__init__.py", "")
    checkout.write("lambda_src/claim/handler.py", HANDLER)
    assert build.main([], checkout.root) == 0
    before = checkout.artifacts()
    checkout.write("lambda_src/claim/extra.py", "")
    checkout.write("lambda_src/sweep/extra.py", "")

    assert build.main(["sweep"], checkout.root) == 0

    after = checkout.artifacts()
    assert before["claim.zip"] == after["claim.zip"]
    assert before["sweep.zip"] != after["sweep.zip"]
    assert after["SHA256SUMS"].count(b".zip\n") == 2


def test_build_prints_name_files_bytes_and_digest(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table has a row a zip: its name, members, size and SHA-256."""
    assert build.main([], checkout.root) == 0

    content = checkout.artifacts()["sweep.zip"]
    digest = hashlib.sha256(content).hexdigest()
    head, row = capsys.readouterr().out.splitlines()
    assert head.split() == ["name", "files", "bytes", "sha256"]
    assert row.split() == ["sweep", "2", str(len(content)), digest]


def test_list_names_every_entry_point_and_builds_nothing(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    """``--list`` names the public functions that take (event, context), and writes nothing."""
    more = "def stream(_event, context): ...\ndef _hidden(event, context): ...\ndef f(x): ...\n"
    checkout.write("lambda_src/sweep/handler.py", HANDLER + more)

    assert build.main(["--list"], checkout.root) == 0
    assert capsys.readouterr().out == "sweep  sweep.handler.handler sweep.handler.stream\n"
    assert checkout.artifacts() == {}


def test_check_after_a_build_is_content(checkout: Checkout) -> None:
    """``--check`` right after a build exits 0 and changes nothing."""
    assert build.main([], checkout.root) == 0
    before = checkout.artifacts()

    assert build.main(["--check"], checkout.root) == 0
    assert checkout.artifacts() == before


@pytest.mark.parametrize(
    ("path", "text", "said"),
    [
        ("lambda_src/sweep/handler.py", HANDLER + "# more\n", "sweep.zip differs"),
        ("artifacts/gone.zip", "", "gone.zip has no handler package"),
        ("artifacts/SHA256SUMS", "", "SHA256SUMS differs"),
        ("lambda_src/claim/handler.py", HANDLER, "claim.zip is missing"),
    ],
)
def test_check_finds_what_is_stale_and_says_what_to_run(
    checkout: Checkout, capsys: pytest.CaptureFixture[str], path: str, text: str, said: str
) -> None:
    """``--check`` exits 1 where a zip is altered, stale, unlisted or missing, and names it."""
    assert build.main([], checkout.root) == 0
    checkout.write(path, text)
    before = checkout.artifacts()

    assert build.main(["--check"], checkout.root) == 1

    message = capsys.readouterr().err
    assert f"artifacts/{said}\n" in message
    assert "python build.py" in message
    assert checkout.artifacts() == before
