"""
Start the embedded cloud as a process of its own, and see that it ends.

The server lives as long as its standard input is open: however the parent ends, by exit, exception
or ``kill -9``, the pipe closes and the server takes its Lambda workers and its folder with it.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.cloud.account import Account

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

ROOT = Path(__file__).resolve().parent.parent.parent
PYTHON = ROOT / ".tools" / "cloud" / "bin" / "python"
REGION = "eu-west-1"

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 10.0
STARTS = 3  # a port that was free a moment ago may be taken


class CloudError(Exception):
    """The embedded cloud did not start, or refused what one of its doors was asked."""


class Cloud:
    """A running server. Use :meth:`start`, and ``with``, so that it ends."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, port: int) -> None:
        """Hold a process that was spawned; :meth:`start` does both."""
        self.pid = process.pid
        self.folder = folder
        self.port = port
        self.endpoint_url = f"https://127.0.0.1:{port}"
        self.ca_bundle = folder / "ca-bundle.pem"
        self._process = process
        self._tls = ssl.create_default_context(cafile=str(self.ca_bundle))
        # Proxies of the developer's shell have no business with a loopback address.
        self._http = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self._tls)
        )

    @classmethod
    def start(cls, *, clock: bool = False, without: Iterable[str] = ()) -> Self:
        """
        Start a server and wait until it answers.

        Args:
            clock: Let schedules fire and alarms change by themselves, every second. Without it
                they do when they are asked to, which is what a test wants.
            without: Corrections to leave out, to see what the emulator does by itself.

        Raises:
            CloudError: It did not come up; the message holds its log.
        """
        for attempt in range(1, STARTS + 1):
            folder = make_folder()
            port = free_port()
            cloud = cls(spawn(folder, port, clock=clock, without=without), folder, port)
            try:
                cloud._wait_for_health()
            except BaseException as error:
                cloud.stop()
                if attempt == STARTS or "already in use" not in str(error):
                    raise
            else:
                break
        return cloud

    def account(self, account_id: str | None = None) -> Account:
        """Return an account, a fresh one unless *account_id* (12 digits) names one."""
        return Account(self, account_id or f"{secrets.randbelow(9 * 10**11) + 10**11}")

    def door(self, name: str, /, **arguments: Any) -> Any:
        """
        Ask the server for something that AWS has no API for.

        Raises:
            CloudError: The door refused; the message is the server's.
        """
        request = urllib.request.Request(  # noqa: S310 - always this server's https address
            f"{self.endpoint_url}/_expiry/{name}",
            data=json.dumps(arguments).encode(),
            headers={"Content-Type": "application/json"},
            method="POST",
        )
        try:
            with self._http.open(request) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                raise CloudError(error.read().decode(errors="replace")) from None

    def clock(self, *, running: bool) -> None:
        """Let schedules fire and alarms change by themselves, or no longer."""
        self.door("clock", running=running)

    def tick(self, at: float | None = None) -> None:
        """Fire, in every account, the schedules that are due at *at* (epoch seconds)."""
        self.door("tick", at=at)

    def log(self) -> str:
        """Return what the server has written so far."""
        path = self.folder / "server.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def stop(self) -> None:
        """End the server and its workers, and remove its folder. A second call does nothing."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        """Return the running cloud."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End it, whatever happened."""
        self.stop()

    def _wait_for_health(self) -> None:
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline_s:
            if self._process.poll() is not None:
                raise CloudError(f"the embedded cloud ended at once:\n{self.log()[-4000:]}")
            try:
                with self._http.open(f"{self.endpoint_url}/_ministack/health", timeout=5):
                    return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.05)
        raise CloudError(f"the embedded cloud does not answer:\n{self.log()[-4000:]}")


def make_folder() -> Path:
    """Create a server's folder, with the certificate that it will serve."""
    # cryptography is a matter of this side; the server's imports this package too.
    from tests.cloud.certificate import write_certificate  # noqa: PLC0415

    folder = Path(tempfile.mkdtemp(prefix="expiry-cloud-"))
    write_certificate(folder)
    return folder


def free_port() -> int:
    """Return a loopback port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def spawn(
    folder: Path, port: int, *, clock: bool, without: Iterable[str]
) -> subprocess.Popen[bytes]:
    """Start the server process, in a session and with an environment of its own."""
    if not PYTHON.exists():
        raise CloudError("no .tools/cloud: run `python3 tools/setup_env.py dev cloud` first")
    temporary = folder / "tmp"
    temporary.mkdir()
    with (folder / "server.log").open("wb") as log:
        return subprocess.Popen(
            [PYTHON, "-m", "tests.cloud.server"],
            cwd=temporary,
            env=server_environment(folder, port, clock=clock, without=without),
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def server_environment(
    folder: Path, port: int, *, clock: bool, without: Iterable[str]
) -> dict[str, str]:
    """Build the server's environment from nothing: what it inherits, functions would inherit."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "TMPDIR": str(folder / "tmp"),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": os.environ.get("PYTHONDONTWRITEBYTECODE", ""),
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "LAMBDA_EXECUTOR": "local",
        "LOG_LEVEL": "WARNING",
        "MINISTACK_REGION": REGION,
        "MINISTACK_SSL_CERT": str(folder / "server.pem"),
        "MINISTACK_SSL_KEY": str(folder / "server.key"),
        "SFTP_ENABLED": "0",
        "USE_SSL": "1",
        "EXPIRY_CLOUD_CLOCK": "1" if clock else "",
        "EXPIRY_CLOUD_FOLDER": str(folder),
        "EXPIRY_CLOUD_WITHOUT": ",".join(without) or os.environ.get("EXPIRY_CLOUD_WITHOUT", ""),
    }
