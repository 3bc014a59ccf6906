"""
Run a demo from start to end, and leave nothing behind.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import tempfile
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from tests.cloud import Cloud
from tools.demo import (
    index_cleanup,
    job_claims,
    postgres_expiry,
    soft_delete_purge,
    ttl_monitor,
    upload_cleanup,
)
from tools.demo.screen import say, step
from tools.demo.stage import DemoError, Stage
from tools.terraform import ROOT, TerraformError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from types import FrameType

# What prepares the stage for a story, before anything is applied, and gives the story to tell.
STORIES: Mapping[str, Callable[[Stage], AbstractContextManager[Callable[[Stage], None]]]] = {
    "index-cleanup": lambda _: nullcontext(index_cleanup.tell),
    "job-claims": lambda _: nullcontext(job_claims.tell),
    "postgres-expiry": postgres_expiry.prepared,
    "soft-delete-purge": soft_delete_purge.prepared,
    "ttl-monitor": lambda _: nullcontext(ttl_monitor.tell),
    "upload-cleanup": lambda _: nullcontext(upload_cleanup.tell),
}
INTERRUPTED = 130  # as a shell reports a process that SIGINT ended


def interrupted(_number: int, _frame: FrameType | None) -> NoReturn:
    """Leave through every finally, however we are asked to stop."""
    raise KeyboardInterrupt


def play(stage: Stage, tell: Callable[[Stage], None]) -> None:
    """
    Apply, tell the story, plan again.

    Raises:
        DemoError: A step failed.
    """
    step(f"terraform init and apply: {stage.example}")
    stage.must("init", "-no-color")
    say(f"    {stage.change('apply')} resources made")

    tell(stage)

    step("terraform plan, a second time")
    stage.second_plan_is_empty()
    say("    No changes. Your infrastructure matches the configuration.")


def keep_up(stage: Stage) -> None:
    """Print how to talk to the cloud, and wait for Ctrl-C."""
    step("The cloud stays up until Ctrl-C. In another shell:")
    say("unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN")
    for name, value in stage.exports().items():
        say(f"export {name}={shlex.quote(value)}")
    say(f"cd {shlex.quote(str(stage.folder))}")
    say(f"export PATH={shlex.quote(str(ROOT / 'tests' / 'cloud' / 'bin'))}:$PATH  # an aws command")
    threading.Event().wait()


def run(system: str, *, keep: bool) -> None:
    """
    Bring up the cloud, play, and clear the stage, whatever happens in between.

    Raises:
        DemoError: A step failed.
    """
    step("Starting the embedded cloud")
    with Cloud.start() as cloud:
        say(f"    {cloud.endpoint_url}")
        # Below .tools, which git ignores: a state in the example's own folder is never touched.
        with tempfile.TemporaryDirectory(prefix="demo-", dir=ROOT / ".tools") as workspace:
            stage = Stage(system, cloud.account(), Path(workspace))
            stage.prepare()
            with STORIES[system](stage) as tell:
                play(stage, tell)
                if keep:
                    keep_up(stage)
                step("terraform destroy")
                say(f"    {stage.change('destroy')} resources removed")


def main() -> int:
    """Parse the command line, run, and say in one line what went wrong."""
    parser = argparse.ArgumentParser(prog="make demo")
    parser.add_argument("system", nargs="?", default="ttl-monitor", choices=sorted(STORIES))
    parser.add_argument("--keep", action="store_true", help="keep the cloud up until Ctrl-C")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, interrupted)
    try:
        run(arguments.system, keep=arguments.keep)
    except (DemoError, TerraformError) as error:
        sys.stderr.write(f"\nThe demo failed: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped; the cloud and everything in it is gone.\n")
        return 0 if arguments.keep else INTERRUPTED
    step("Done.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
