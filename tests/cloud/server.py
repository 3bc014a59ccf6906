"""
The embedded cloud's process: MiniStack, corrected, with doors for tests.

    python -m tests.cloud.server       (in the emulator's environment; see process.py)
"""

from __future__ import annotations

import atexit
import importlib.metadata
import os
import shutil
import signal
import sys
import threading

from tests.cloud import clock, corrections, doors, emulator, principals, recorder

DOORS = (principals, recorder)  # importing a module opens its doors


def check_version(found: str) -> None:
    """
    Refuse another version than the corrections were written for.

    Raises:
        SystemExit: An upgrade is a decision: each correction is looked at again first.
    """
    if found != emulator.VERSION:
        sys.exit(
            f"MiniStack {found} is installed, but the corrections in tests/cloud/corrections were"
            f" written for {emulator.VERSION}. Go through them (EXPIRY_CLOUD_WITHOUT leaves one"
            " out), drop what is fixed upstream, then change VERSION in tests/cloud/emulator.py."
        )


def end() -> None:
    """End this process and all its children, and remove what it kept on disk."""
    shutil.rmtree(os.environ["EXPIRY_CLOUD_FOLDER"], ignore_errors=True)
    if os.getpgrp() == os.getpid():  # else the group is somebody else's too
        os.killpg(0, signal.SIGKILL)


def end_with_parent() -> None:
    """Wait for the parent to close our standard input, which its death does too."""
    sys.stdin.buffer.read()
    end()


def main() -> None:
    """Serve until the parent goes."""
    check_version(importlib.metadata.version("ministack"))
    # Ours alone: Lambda workers inherit this environment.
    os.environ.pop("PYTHONPATH", None)
    without = os.environ.pop("EXPIRY_CLOUD_WITHOUT", "").split(",")

    app = emulator.module("app")
    clock.stop_the_reaper()
    recorder.install(app)  # first, so that it sees each decision itself
    corrections.apply({name.strip() for name in without if name.strip()})
    clock.install()
    # It would also serve on 443 wherever it may, for Cognito's sake.
    emulator.wrap(app, "_port_is_bindable", lambda _: lambda _host, _port: False)
    emulator.wrap(app, "app", doors.with_doors)

    atexit.register(end)
    threading.Thread(target=end_with_parent, daemon=True, name="parent").start()
    app.main()


if __name__ == "__main__":
    main()
