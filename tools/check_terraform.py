"""
Check everything that is Terraform: form, validity, lint, security.

Validates copies, so nothing is left in the tree. Needs `.tools/dev` only to be started; checkov
gets its own environment, and tflint is built with Go where there is Go.

    python -m tools.check_terraform                # all steps
    python -m tools.check_terraform fmt validate   # some of them
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from tools.setup_env import ENVIRONMENTS, SetupError, ensure
from tools.terraform import TerraformError, environment, find_binary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".tools" / "bin"
TREES = ("modules", "examples")

TFLINT_VERSION = "v0.61.0"
TFLINT = f"github.com/terraform-linters/tflint@{TFLINT_VERSION}"


class CheckError(Exception):
    """A step found something; the message is what it found."""


class SkippedError(Exception):
    """A step could not run on this machine, and need not; the message says why."""


def run(*command: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None) -> None:
    """
    Run a command.

    Raises:
        CheckError: It failed; holds all that it said.
    """
    done = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode != 0:
        raise CheckError(f"{done.stdout}{done.stderr}".strip())


def roots(top: Path) -> Iterator[Path]:
    """Yield every module and example below *top*, by name."""
    for tree in TREES:
        yield from sorted({path.parent for path in (top / tree).glob("*/*.tf")})


def check_fmt() -> None:
    """Compare with what `terraform fmt` would write."""
    for tree in TREES:
        command = (find_binary().path, "fmt", "-check", "-diff", "-recursive", "-no-color")
        run(*command, ROOT / tree, env=environment())


def validate(folder: Path) -> None:
    """Validate one copied module or example."""
    terraform = find_binary().path
    try:
        run(
            terraform, "init", "-backend=false", "-input=false", "-no-color",
            cwd=folder, env=environment(),
        )  # fmt: skip
        run(terraform, "validate", "-no-color", cwd=folder, env=environment())
    except CheckError as error:
        raise CheckError(f"{folder.parent.name}/{folder.name}:\n{error}") from error


def check_validate() -> None:
    """Validate every module and example, two at a time, in a copy of the tree."""
    with tempfile.TemporaryDirectory() as temporary:
        top = Path(temporary).resolve()
        for tree in TREES:
            shutil.copytree(ROOT / tree, top / tree, ignore=shutil.ignore_patterns(".terraform*"))
        for read in ("artifacts", "lambda_src"):
            (top / read).symlink_to(ROOT / read)
        found = []
        with ThreadPoolExecutor(max_workers=2) as pool:
            for outcome in [pool.submit(validate, folder) for folder in roots(top)]:
                if isinstance(error := outcome.exception(), CheckError):
                    found.append(str(error))
                elif error:
                    raise error
    if found:
        raise CheckError("\n".join(found))


def tflint() -> Path:
    """
    Return tflint, building it where it is not there in the version wanted.

    Raises:
        SkippedError: There is no Go, and this is not CI.
        CheckError: There is no Go, in CI; or the build failed.
    """
    binary = BIN / f"tflint-{TFLINT_VERSION}"
    if binary.is_file():
        return binary
    go = shutil.which("go")
    if go is None:
        missing = f"tflint {TFLINT_VERSION} is built with Go, and there is no Go on PATH"
        if os.environ.get("CI") == "true":
            raise CheckError(f"{missing}: install Go.")
        raise SkippedError(missing)
    sys.stderr.write(f"building {TFLINT}: two minutes, once\n")
    BIN.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BIN) as built:
        run(go, "install", TFLINT, env={**os.environ, "GOBIN": built})
        (Path(built) / "tflint").replace(binary)
    return binary


def check_tflint() -> None:
    """Lint every module and example with the rules that are built into tflint."""
    binary = tflint()
    found = []
    for folder in roots(ROOT):
        command = (binary, f"--config={ROOT / '.tflint.hcl'}", f"--chdir={folder}", "--no-color")
        try:
            run(*command, env={**os.environ, "TFLINT_DISABLE_VERSION_CHECK": "1"})
        except CheckError as error:
            found.append(f"{folder.relative_to(ROOT)}:\n{error}")
    if found:
        raise CheckError("\n".join(found))


def check_checkov() -> None:
    """Look for what is unsafe; a skip stands in its resource, with its reason."""
    command = ensure(ENVIRONMENTS["checkov"]) / "bin" / "checkov"
    # Its own words only: no call home, and no warning about a network that is not asked.
    quiet = {"LOG_LEVEL": "ERROR", "CHECKOV_RUN_SCA_PACKAGE_SCAN_V2": "false"}
    run(command, "--config-file", ROOT / ".checkov.yaml", env={**os.environ, **quiet})


STEPS: dict[str, tuple[Callable[[], None], str]] = {
    "fmt": (check_fmt, "run make format"),
    "validate": (check_validate, "mend the configuration named above"),
    "tflint": (check_tflint, "mend what is named above"),
    "checkov": (
        check_checkov,
        "mend it, or put #checkov:skip=ID: reason into the resource",
    ),
}


def take(name: str) -> bool:
    """Take one step, say in one line what came of it, and return whether it passed."""
    check, remedy = STEPS[name]
    began_s = time.monotonic()
    try:
        check()
    except SkippedError as reason:
        print(f"terraform {name}: skipped: {reason}")
        return True
    except (CheckError, SetupError, TerraformError) as error:
        print(error)
        print(f"terraform {name}: failed: {remedy}")
        return False
    print(f"terraform {name}: ok ({time.monotonic() - began_s:.0f} s)", flush=True)
    return True


def main(names: list[str]) -> int:
    """Take the steps named, or all; the later ones also where an earlier one failed."""
    if unknown := set(names) - set(STEPS):
        sys.stderr.write(f"no such step: {', '.join(unknown)}; there are {', '.join(STEPS)}\n")
        return 2
    passed = [take(name) for name in names or STEPS]
    return int(not all(passed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
