"""
`make demo`, as a newcomer types it: what it shows, and that it leaves nothing behind.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tools.demo import __main__ as demo_program
from tools.demo.stage import Stage
from tools.terraform import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cloud import Account


class Demo:
    """A `make demo` whose temporary files all lie in a folder of the test's."""

    def __init__(self, temporary: Path, **environment: str) -> None:
        """Start it in a process group of its own, as a shell does."""
        self.temporary = temporary
        self.untracked = git_status()
        self.process = subprocess.Popen(
            ["make", "--no-print-directory", "demo"],
            cwd=ROOT,
            env=os.environ | {"TMPDIR": str(temporary)} | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.output = ""

    def read_until(self, pattern: str) -> None:
        """Read on until a line holds *pattern*."""
        for line in self.process.stdout or ():
            self.output += line
            if re.search(pattern, line):
                return
        pytest.fail(f"the demo ended before it printed {pattern!r}:\n{self.output}")

    def end(self) -> int:
        """Read to the end, and return the exit code."""
        rest, _ = self.process.communicate()
        self.output += rest
        return self.process.returncode

    def leftovers(self) -> list[str]:
        """Name what is still there: files, processes, and changes that git sees."""
        files = [str(path) for path in self.temporary.iterdir()]
        workspaces = [str(path) for path in (ROOT / ".tools").glob("demo-*")]
        changes = sorted(git_status() ^ self.untracked)
        return files + workspaces + changes + self.processes()

    def processes(self) -> list[str]:
        """Return the command lines of processes that work in the demo's folders."""
        deadline = time.monotonic() + 10  # the server ends a moment after its parent
        while (left := list(mentioning(str(self.temporary)))) and time.monotonic() < deadline:
            time.sleep(0.1)
        return left


def git_status() -> set[str]:
    """Return what git sees of changed and untracked files."""
    done = subprocess.run(
        ["git", "status", "--porcelain"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return set(done.stdout.splitlines())


def mentioning(text: str) -> Iterator[str]:
    """Yield the command lines of processes whose command or environment holds *text*."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
            if text.encode() in command + (folder / "environ").read_bytes():
                yield command.replace(b"\0", b" ").decode()
        except OSError:  # it has ended, or is another user's
            continue


def test_demo_runs_to_its_end_and_leaves_nothing(tmp_path: Path) -> None:
    """One command deploys, fires, reports, shows an empty second plan and destroys."""
    demo = Demo(tmp_path)

    assert demo.end() == 0, demo.output
    for shown in (
        r"resources made",
        r"expired_count +420",
        r"milliseconds +25",
        r"ALARM +\S+expired-count",
        r"OK +\S+ttl-misconfigured",
        r"--log-group-name /aws/lambda/",
        r"s3://\S+/dt=\d{4}-\d\d-\d\d/\S+",
        r"No changes",
        r"resources removed",
    ):
        assert re.search(shown, demo.output), f"{shown!r} is not in\n{demo.output}"
    assert demo.leftovers() == []


def test_demo_interrupted_leaves_nothing(tmp_path: Path) -> None:
    """Ctrl-C in the middle of an apply ends every process and removes every file."""
    demo = Demo(tmp_path)
    demo.read_until(r"^ +3  ")

    os.killpg(demo.process.pid, signal.SIGINT)

    assert demo.end() != 0
    assert "the cloud and everything in it is gone" in demo.output
    assert demo.leftovers() == []


def test_demo_failing_says_what_terraform_said_and_leaves_nothing(tmp_path: Path) -> None:
    """A refused plan is shown as Terraform words it, and nothing stays."""
    demo = Demo(tmp_path, TF_VAR_environment="not a name")

    assert demo.end() != 0
    assert "environment must hold 1 to 64 letters" in demo.output
    assert demo.leftovers() == []


def test_demo_kept_up_prints_lines_that_a_shell_can_use(
    account: Account,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Pasted into a shell, the lines lead Terraform and the AWS CLI to the demo's own account."""
    stage = Stage("ttl-monitor", account, tmp_path)
    stage.prepare()
    monkeypatch.setattr("threading.Event.wait", lambda _event: True)
    demo_program.keep_up(stage)
    lines = re.findall(r"^(?:unset|export|cd) .+$", capsys.readouterr().out, re.MULTILINE)

    asked = "aws sts get-caller-identity --query Account --output text; terraform init -no-color"
    done = subprocess.run(
        ["bash", "-euc", "\n".join([*lines, asked])],
        env=os.environ | {"AWS_PROFILE": "of-the-user", "AWS_SESSION_TOKEN": "of-the-user"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(account.id)
    assert "successfully initialized" in done.stdout
