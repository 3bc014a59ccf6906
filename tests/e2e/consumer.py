"""
A consumer's repo: an example copied out of this one, its modules downloaded over HTTP.

What Terraform unpacks from the archive is what a user gets from a release: relative paths between
modules, the metrics' table and the committed zips have to survive it.
"""

from __future__ import annotations

import functools
import http.server
import json
import os
import re
import subprocess
import tarfile
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import tftest  # type: ignore[import-untyped]

from tools.terraform import ROOT, environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.cloud import Account

ARCHIVE = "terraform-aws-expiry.tar.gz"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serve a folder without a line a request on stderr."""

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


def pack_repo(archive: Path) -> None:
    """Pack the working tree without what git ignores: a release before it is tagged."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    with tarfile.open(archive, "w:gz") as packed:
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file():
                packed.add(ROOT / name, arcname=name)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve *folder* on a free loopback port; yield its address."""
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def copy_root(root: Path, folder: Path, source: str) -> None:
    """Copy a root module into the empty *folder*, its modules' source pointed at *source*."""
    local = re.compile(r'"(?:\.\./)+(modules/[^"]+)"')
    for path in sorted(root.glob("*.tf")):
        (folder / path.name).write_text(local.sub(rf'"{source}//\1"', path.read_text()))


class Consumer(tftest.TerraformTest):  # type: ignore[misc]
    """A root module in a folder of its own, applied into one account."""

    def __init__(self, folder: Path, account: Account, variables: Mapping[str, str]) -> None:
        """Point Terraform at *account*; nothing of the developer's own AWS setup is passed on."""
        super().__init__(str(folder))
        kept = {name: value for name, value in environment().items() if name[:4] != "AWS_"}
        settings = {f"TF_VAR_{name}": value for name, value in variables.items()}
        self.env = kept | account.env() | settings

    def changes(self) -> list[str]:
        """Plan, and return the addresses that would change: none, right after an apply."""
        self.execute_command("plan", "-input=false", "-out=again.tfplan")
        shown = json.loads(self.execute_command("show", "-json", "again.tfplan").out)
        outputs = shown.get("output_changes", {}).items()
        changes = [(change["address"], change["change"]) for change in shown["resource_changes"]]
        return [
            f"{name}: {change['actions']}"
            for name, change in [*changes, *outputs]
            if change["actions"] not in (["no-op"], ["read"])
        ]


@contextmanager
def applied(folder: Path, account: Account, variables: Mapping[str, str]) -> Iterator[Consumer]:
    """Init and apply the root in *folder*; destroy it at the end, which must succeed too."""
    consumer = Consumer(folder, account, variables)
    consumer.setup(cleanup_on_exit=False)
    consumer.apply(output=False)
    yield consumer
    consumer.destroy()


def outputs(consumer: Consumer) -> dict[str, Any]:
    """Return the root's outputs, by name."""
    values = json.loads(consumer.execute_command("output", "-json").out)
    return {name: output["value"] for name, output in values.items()}


def aws(account: Account, *arguments: str, cwd: Path | None = None) -> Any:
    """Run the AWS CLI as a user of *account* does; return what it printed, read as JSON."""
    done = subprocess.run(
        ["aws", *arguments, "--output", "json"],
        check=True,
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | account.env() | cli_on_path(),
    )
    return json.loads(done.stdout or "null")


def cli_on_path() -> dict[str, str]:
    """Return a PATH whose first ``aws`` is pinned, and takes README commands as they are."""
    return {"PATH": f"{ROOT / 'tests' / 'cloud' / 'bin'}{os.pathsep}{os.environ['PATH']}"}
