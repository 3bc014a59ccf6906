"""The cloud is there when it is needed, and leaves nothing behind however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cloud import Cloud, CloudError, emulator, server
from tests.cloud.process import ROOT

PARENT = """
import json, sys, time
from tests.cloud import Cloud
with Cloud.start() as cloud:
    print(json.dumps([cloud.pid, str(cloud.folder)]), flush=True)
    time.sleep(600)
"""
GONE_TIMEOUT_S = 15


def gone(pid: int, folder: Path) -> bool:
    """Wait until a process has ended and its folder is removed; tell whether both happened."""
    deadline_s = time.monotonic() + GONE_TIMEOUT_S
    while time.monotonic() < deadline_s:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            if not folder.exists():
                return True
        time.sleep(0.05)
    return False


def test_start_two_clouds_share_nothing() -> None:
    """Two clouds run side by side, each with a port and state of its own."""
    with Cloud.start() as one, Cloud.start() as two:
        one.account("111122223333").client("sqs").create_queue(QueueName="q")
        urls = two.account("111122223333").client("sqs").list_queues().get("QueueUrls", [])

        assert one.port != two.port
        assert urls == []
    assert gone(one.pid, one.folder)
    assert gone(two.pid, two.folder)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what a process listens on")
def test_start_serves_loopback_only(cloud: Cloud) -> None:
    """It listens on its own port of 127.0.0.1 and on nothing else, 443 neither."""
    sockets = {
        str(entry.readlink())
        for entry in Path(f"/proc/{cloud.pid}/fd").iterdir()
        if entry.is_symlink()
    }
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = {row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in sockets}

    assert listening == {f"0100007F:{cloud.port:04X}"}


def test_stop_on_exception_leaves_nothing() -> None:
    """A test that fails inside ``with`` leaves no process and no folder."""
    with pytest.raises(RuntimeError, match="boom"), Cloud.start() as cloud:
        raise RuntimeError("boom")

    assert gone(cloud.pid, cloud.folder)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_parent_killed_cloud_ends_too(how: signal.Signals) -> None:
    """However the parent ends, the server and its folder go with it."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as parent:
        assert parent.stdout is not None
        pid, folder = json.loads(parent.stdout.readline())
        os.kill(parent.pid, how)
        parent.wait()

    assert gone(pid, Path(folder))


def test_version_other_than_the_corrections_is_refused() -> None:
    """An upgrade of the emulator is a decision, not an accident."""
    server.check_version(emulator.VERSION)
    with pytest.raises(SystemExit, match=r"MiniStack 9\.9\.9 is installed.*VERSION in"):
        server.check_version("9.9.9")


def test_without_unknown_correction_is_refused() -> None:
    """A misspelt correction does not silently leave nothing out; the error says so."""
    with pytest.raises(CloudError, match="no such correction: misspelt"):
        Cloud.start(without=["misspelt"])


def test_door_unknown_or_failing_says_why(cloud: Cloud) -> None:
    """A door's refusal reaches who asked."""
    account = cloud.account()

    with pytest.raises(CloudError, match="no door named nowhere"):
        cloud.door("nowhere")
    with pytest.raises(CloudError, match="no schedule nightly in group default"):
        account.fire_schedule("nightly")
    with pytest.raises(CloudError, match="has no role absent"):
        account.client("s3", role="absent")
