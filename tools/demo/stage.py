"""
The stage of a demo: a cloud, a copy of an example, and Terraform between the two.

The example is applied as a copy: a state that a user keeps in the example's own folder is never
touched.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tools.demo.screen import say
from tools.terraform import ROOT, environment, find_binary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cloud import Account

EXAMPLES = {"soft-delete-purge": "moc-purge"}  # of systems whose example is called otherwise
COPIED = ("modules", "artifacts", "lambda_src")
# The examples' own variables: throw-away tables and buckets, in a cloud on this machine.
VARIABLES = {"local_cloud": "true", "deletion_protection": "false", "force_destroy": "true"}
QUIET_S = 9.0  # Terraform tells every ten seconds what it waits for
FOREIGN = ("AWS_", "TF_CLI_ARGS", "TF_DATA_DIR", "TF_WORKSPACE", "TF_LOG")
CHANGES = 2  # terraform plan -detailed-exitcode: 0 is no change, 1 an error


class DemoError(Exception):
    """A step of the demo failed; the message says which, and what Terraform said."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One example, one account."""

    system: str
    account: Account
    workspace: Path
    variables: dict[str, str] = field(default_factory=dict)  # of the example, beside VARIABLES

    @property
    def folder(self) -> Path:
        """The copy of the example that is applied."""
        return self.workspace / self.example

    @property
    def example(self) -> str:
        """The example's folder in the repository."""
        return f"examples/{EXAMPLES.get(self.system, self.system)}"

    def prepare(self) -> None:
        """Copy the example with the modules beside it, as a checkout has them."""
        ignored = shutil.ignore_patterns(".terraform*", "*.tfstate*", "__pycache__")
        for name in (*COPIED, self.example):
            shutil.copytree(ROOT / name, self.workspace / name, ignore=ignored)

    def exports(self) -> dict[str, str]:
        """Return the variables with which Terraform and the AWS CLI find this account."""
        variables = {
            f"TF_VAR_{name}": value for name, value in (VARIABLES | self.variables).items()
        }
        config = {"TF_CLI_CONFIG_FILE": environment()["TF_CLI_CONFIG_FILE"]}
        return self.account.env() | variables | config

    @contextmanager
    def terraform(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """
        Run Terraform in the example's copy; its errors come with its output.

        It has a process group of its own: a Ctrl-C reaches it once, from here, because at a second
        one it drops everything and leaves its provider's files behind.
        """
        command = [find_binary().path, f"-chdir={self.folder}", *arguments]
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environment(),
            process_group=0,
        ) as process:
            try:
                yield process
            except BaseException:
                say("    stopping Terraform")
                process.send_signal(signal.SIGINT)
                process.communicate()
                raise

    def environment(self) -> dict[str, str]:
        """Return Terraform's environment, without settings of the user's that lead elsewhere."""
        kept = environment().items()
        return {k: v for k, v in kept if not k.startswith(FOREIGN)} | self.exports()

    def must(self, *arguments: str) -> str:
        """
        Run Terraform, and return what it printed.

        Raises:
            DemoError: It failed.
        """
        with self.terraform(*arguments) as process:
            said, _ = process.communicate()
        if process.returncode != 0:
            raise DemoError(f"terraform {arguments[0]} failed\n{said}")
        return said

    def change(self, action: str) -> int:
        """
        Apply or destroy, and print each resource as it is done; return how many there were.

        Raises:
            DemoError: Terraform failed.
        """
        progress = Progress()
        with self.terraform(action, "-auto-approve", "-json") as process:
            for event in events(process):
                progress.take(event)
        if process.returncode != 0:
            raise DemoError(f"terraform {action} failed\n" + "\n".join(progress.errors))
        return progress.done

    def outputs(self) -> dict[str, Any]:
        """Return the example's outputs, by name."""
        values: dict[str, dict[str, Any]] = json.loads(self.must("output", "-json"))
        return {name: output["value"] for name, output in values.items()}

    def second_plan_is_empty(self) -> None:
        """
        Plan again, right after the apply.

        Raises:
            DemoError: Something would change, or the plan failed.
        """
        with self.terraform("plan", "-detailed-exitcode", "-no-color") as process:
            said, _ = process.communicate()
        if process.returncode != 0:
            what = "is not empty" if process.returncode == CHANGES else "failed"
            raise DemoError(f"the second plan {what}\n{said}")


class Progress:
    """What Terraform has done so far, printed as it comes; quiet waits are told too."""

    def __init__(self) -> None:
        """Begin with nothing done."""
        self.done = 0
        self.errors: list[str] = []
        self._said_at = time.monotonic()

    def take(self, event: dict[str, Any]) -> None:
        """Print what *event* tells a person who waits; keep what went wrong."""
        hook = event.get("hook", {})
        address = hook.get("resource", {}).get("addr", "")
        seconds = f"({hook.get('elapsed_seconds')} s)"
        if event["type"] == "apply_complete" and hook["action"] != "read":
            self.done += 1
            self._say(f"{self.done:3}  {address}  {seconds}")
        elif event["type"] == "apply_progress" and time.monotonic() > self._said_at + QUIET_S:
            self._say(f"     waiting for {address}  {seconds}")
        elif event["type"] == "diagnostic" and event["@level"] == "error":
            detail = event["diagnostic"].get("detail", "")
            self.errors.append(f"{event['@message']}\n{detail}")

    def _say(self, text: str) -> None:
        say(f"    {text}")
        self._said_at = time.monotonic()


def events(process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    """Yield Terraform's machine-readable events as they come; skip what is none."""
    for line in process.stdout or ():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and "type" in event:
            yield event
