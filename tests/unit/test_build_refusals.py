"""What build.py refuses in our own source, with file and line, leaving the artifacts alone."""

from __future__ import annotations

from pathlib import Path

import pytest

import build
from tests.unit.build_checkout import HANDLER, Checkout


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A checkout that was built once, so that a refusal has something to leave alone."""
    checkout = Checkout(tmp_path / "checkout")
    assert build.main([], checkout.root) == 0
    return checkout


def refusal(checkout: Checkout, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Build, see it refused without any change below artifacts/, and return the message."""
    before = checkout.artifacts()
    capsys.readouterr()
    assert build.main(list(arguments), checkout.root) == 1
    assert checkout.artifacts() == before
    said = capsys.readouterr()
    assert said.out == ""
    return said.err


@pytest.mark.parametrize(
    ("imports", "said"),
    [
        ("import requests", "imports requests, which requirements/lambda.txt does not pin"),
        ("from yaml import load", "imports yaml, which requirements/lambda.txt does not pin"),
        ("import telnetlib", "imports telnetlib, which Python 3.13 does not have"),
        ("import cgi", "imports cgi, which Python 3.13 does not have"),
        ("import imp", "imports imp, which Python 3.13 does not have"),
        ("import distutils.util", "imports distutils, which Python 3.13 does not have"),
        ("import compression.zstd", "imports compression, which Python 3.13 does not have"),
        ("import expiry.nothing", "imports expiry.nothing, and there is no such module"),
        ("from expiry.nothing import x", "imports expiry.nothing, and there is no such module"),
        ("from . import spare", "relative import: write it from the top, as sweep"),
        ("from .spare import x", "relative import: write it from the top, as sweep.spare"),
        ("x = __import__('json')", "imports by string"),
        ("import importlib; importlib.import_module('json')", "imports by string"),
    ],
)
def test_build_import_that_lambda_lacks_is_refused(
    checkout: Checkout, capsys: pytest.CaptureFixture[str], imports: str, said: str
) -> None:
    """An import that is neither standard, ours, locked nor the runtime's names file and line."""
    checkout.handler(f"import json\n\n{imports}")

    assert refusal(checkout, capsys).startswith(f"lambda_src/sweep/handler.py:3: {said}")


@pytest.mark.parametrize("around", ["def f():\n    {}", "try:\n    {}\nexcept ImportError: ..."])
def test_build_optional_import_of_ours_is_refused_too(
    checkout: Checkout, capsys: pytest.CaptureFixture[str], around: str
) -> None:
    """Neither a function nor a try excuses an import of ours that cannot succeed."""
    checkout.handler(around.format("import requests"))

    assert refusal(checkout, capsys).startswith("lambda_src/sweep/handler.py:2: imports requests")


def test_build_import_inside_expiry_is_refused_where_it_is_reached(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    """A module of expiry is held to the same rules as the handler that reaches it."""
    checkout.handler("import expiry.clock")
    checkout.write("lambda_src/expiry/clock.py", "\nimport requests\n")

    assert refusal(checkout, capsys).startswith("lambda_src/expiry/clock.py:2: imports requests")


@pytest.mark.parametrize(
    "name", ["boto3", "botocore.config", "s3transfer", "urllib3", "dateutil", "six", "jmespath"]
)
def test_build_import_from_the_runtime_is_not_packed(checkout: Checkout, name: str) -> None:
    """What Lambda's runtime brings may be imported, and is never shipped."""
    checkout.handler(f"import {name}")

    assert build.main([], checkout.root) == 0
    assert sorted(checkout.members()) == ["sweep/__init__.py", "sweep/handler.py"]


def test_build_import_of_another_handler_is_refused(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    """Handlers share expiry and nothing else."""
    checkout.write("lambda_src/claim/handler.py", HANDLER)
    checkout.handler("from claim import handler as other")

    message = refusal(checkout, capsys)
    assert message.startswith("lambda_src/sweep/handler.py:1: imports claim: handlers share only")


def test_build_import_of_a_handler_by_expiry_is_refused(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    """The engine imports no handler, not even the one that is packed."""
    checkout.write("lambda_src/expiry/__init__.py", "import sweep.handler\n")
    checkout.handler("import expiry")

    message = refusal(checkout, capsys)
    assert message.startswith("lambda_src/expiry/__init__.py:1: imports sweep: handlers share only")


@pytest.mark.parametrize("text", ["\n\ndef f(:\n", "\n\nx = (\n"])
def test_build_syntax_error_is_placed(
    checkout: Checkout, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    """A module that does not parse is named with its line, and no traceback."""
    checkout.write("lambda_src/sweep/spare.py", text)

    assert refusal(checkout, capsys).startswith("lambda_src/sweep/spare.py:3: syntax error")


def test_build_null_bytes_are_a_syntax_error(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    """A module that Python cannot even read is refused like one that it cannot parse."""
    checkout.write("lambda_src/sweep/spare.py", "x = 1\0\n")

    assert refusal(checkout, capsys).startswith("lambda_src/sweep/spare.py:1: syntax error")


@pytest.mark.parametrize(
    ("name", "owner"), [("json", "the standard library"), ("boto3", "Lambda's runtime")]
)
def test_build_package_with_a_name_that_is_taken_is_refused(
    checkout: Checkout, capsys: pytest.CaptureFixture[str], name: str, owner: str
) -> None:
    """A package of ours would hide the module whose name it takes."""
    checkout.write(f"lambda_src/{name}/handler.py", HANDLER)

    message = refusal(checkout, capsys)
    assert message.startswith(
        f"lambda_src/{name}/handler.py:1: {name} is the name of one of {owner}"
    )


def test_build_module_that_is_also_a_folder_is_refused(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two files that give one module are not left to the order of the import system."""
    checkout.write("lambda_src/sweep/rules.py", "")
    checkout.write("lambda_src/sweep/rules/__init__.py", "")

    message = refusal(checkout, capsys)
    assert message == "lambda_src/sweep/rules.py:1: sweep.rules is there as a file and a folder\n"


@pytest.mark.parametrize("path", ["claim/rules.py", "claim.py"])
def test_build_package_without_a_handler_is_refused(
    checkout: Checkout, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    """What is neither a handler package nor expiry would silently never be packed."""
    checkout.write(f"lambda_src/{path}", "")

    message = refusal(checkout, capsys)
    assert message.startswith(f"lambda_src/{path}:1: ")
    assert "has no handler.py" in message


@pytest.mark.parametrize("argument", [None, "--list"])
def test_build_handler_without_an_entry_point_is_refused(
    checkout: Checkout, capsys: pytest.CaptureFixture[str], argument: str | None
) -> None:
    """A zip that Lambda cannot enter is no zip."""
    checkout.write("lambda_src/sweep/handler.py", "def handle(event): ...\n")

    message = refusal(checkout, capsys, *filter(None, [argument]))
    assert message.startswith("lambda_src/sweep/handler.py:1: no public function here takes")


def test_build_unknown_name_lists_the_known(
    checkout: Checkout, capsys: pytest.CaptureFixture[str]
) -> None:
    """A NAME that is no handler package is answered with those that are."""
    assert refusal(checkout, capsys, "swep") == "no handler package swep; there are: sweep\n"


def test_build_that_cannot_write_leaves_no_half_of_a_zip(
    checkout: Checkout, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk fails in the middle of a zip, the old one stays and nothing lies beside it."""
    write = Path.write_bytes

    def fail_halfway(path: Path, content: bytes) -> int:
        write(path, content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail_halfway)
    checkout.write("lambda_src/sweep/more.py", "")

    assert "No space left on device" in refusal(checkout, capsys)


@pytest.mark.parametrize("arguments", [["--check", "sweep"], ["--list", "sweep"]])
def test_build_options_that_would_ignore_a_name_are_refused(
    checkout: Checkout, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """A NAME beside --check or --list is a mistake, not something to pass over."""
    with pytest.raises(SystemExit) as stopped:
        build.main(arguments, checkout.root)

    assert stopped.value.code == 2
    assert "exclude each other" in capsys.readouterr().err
