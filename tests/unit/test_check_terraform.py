"""The Terraform checks' own promises: one line a step, nothing hidden, nothing skipped in CI."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tools import check_terraform
from tools.check_terraform import CheckError, SkippedError, main, roots, tflint

if TYPE_CHECKING:
    from pathlib import Path


def refuse() -> None:
    """Find something."""
    raise CheckError("main.tf: wrong")


def miss() -> None:
    """Lack something."""
    raise SkippedError("there is no Go on PATH")


@pytest.fixture
def no_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take Go, and a tflint built earlier, away."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(check_terraform, "BIN", tmp_path)


def test_main_failing_step_fails_and_does_not_hide_the_next(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each step says what it found and what to do; later ones still run."""
    steps = {"one": (refuse, "mend it"), "two": (miss, ""), "three": (lambda: None, "")}
    monkeypatch.setattr(check_terraform, "STEPS", steps)

    assert main([]) == 1
    *said, last = capsys.readouterr().out.splitlines()
    assert said == [
        "main.tf: wrong",
        "terraform one: failed: mend it",
        "terraform two: skipped: there is no Go on PATH",
    ]
    assert last.startswith("terraform three: ok")
    assert main(["two", "three"]) == 0


def test_main_unknown_step_fails(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt step is no success."""
    assert main(["fmtt"]) == 2
    assert "no such step: fmtt; there are fmt, validate" in capsys.readouterr().err


@pytest.mark.usefixtures("no_go")
def test_tflint_without_go_is_skipped_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a developer's machine without Go the lint is skipped, with the reason."""
    monkeypatch.delenv("CI", raising=False)

    with pytest.raises(SkippedError, match="there is no Go on PATH"):
        tflint()


@pytest.mark.usefixtures("no_go")
def test_tflint_without_go_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """In CI nothing is skipped."""
    monkeypatch.setenv("CI", "true")

    with pytest.raises(CheckError, match="install Go"):
        tflint()


def test_roots_are_every_module_and_example(tmp_path: Path) -> None:
    """Each folder with Terraform files right below modules/ and examples/ is one, once."""
    for name in ("modules/b/main.tf", "modules/b/more.tf", "modules/a/main.tf", "examples/c/x.tf"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "modules" / "empty").mkdir()

    found = [str(path.relative_to(tmp_path)) for path in roots(tmp_path)]
    assert found == ["modules/a", "modules/b", "examples/c"]
