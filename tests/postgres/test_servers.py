"""The servers that everything else about PostgreSQL is proven on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.cloud.process import ROOT
from tests.postgres.fixtures import every_version
from tests.postgres.servers import Embedded18, PostgresError
from tests.postgres.standby import Standby18

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.postgres.database import Database

PATIENCE_S = 15.0


@every_version
def test_servers_every_version_is_the_one_named(postgres: Database) -> None:
    """A proof on a version is a proof on that version."""
    assert postgres.run("show server_version")[0][0].split(".")[0] == postgres.server.version


@every_version
def test_servers_listen_on_the_loopback_address_only(postgres: Database) -> None:
    """Nothing but this machine reaches a test's server."""
    assert postgres.run("show listen_addresses") == [("127.0.0.1",)]
    assert postgres.run("show unix_socket_directories") == [("",)]


def test_debian15_without_tls_lets_nobody_in(debian15: Database) -> None:
    """A client that falls back to plain text is refused, so that a test sees it."""
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        debian15.connect(sslmode="disable")


def test_debian15_runs_pg_cron(debian15: Database) -> None:
    """The extension can be made, in the one database that it works in."""
    debian15.run("create extension if not exists pg_cron")
    assert debian15.run("select count(*) from cron.job where jobname = 'nothing'") == [(0,)]


def test_database_roles_see_only_what_they_were_granted(postgres: Database) -> None:
    """What a role may not do, the server refuses."""
    postgres.run("create table kept (id int primary key)")
    reader = postgres.new_role("select on kept")
    assert reader.run("select count(*) from kept") == [(0,)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.run("delete from kept")


def test_server_restarted_at_once_keeps_its_port_and_rows() -> None:
    """A crash of the server is one that clients can come back from."""
    server = Embedded18()
    with server as database:
        database.run("create table kept as select 1 as id")
        server.restart(at_once=True)
        assert database.run("select id from kept") == [(1,)]


def test_server_ends_with_the_process_that_started_it() -> None:
    """A test run that is killed leaves neither a server nor a folder behind."""
    program = (
        "from tests.postgres.servers import Embedded18\n"
        "server = Embedded18()\n"
        "with server:\n"
        "    print(server.folder, server.pid, flush=True)\n"
        "    input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        folder, pid = process.stdout.readline().split()
        process.kill()
    wait_until(lambda: not Path(folder).exists())
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


def wait_until(done: Callable[[], bool]) -> None:
    """Wait for something that another process does."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline_s
        time.sleep(0.02)


def test_server_that_cannot_start_says_why() -> None:
    """The server's own log is in the error."""
    server = Embedded18({"shared_buffers": "nonsense"})
    with pytest.raises(PostgresError, match="shared_buffers"), server:
        pass


def test_standby_reads_what_its_primary_wrote_and_nothing_else() -> None:
    """A replica is a real one: it follows, and it refuses to write."""
    primary = Embedded18()
    with primary as database, Standby18(primary) as replica:
        database.run("create table kept as select 1 as id")
        assert isinstance(replica.server, Standby18)
        followed = replica.server.catch_up()
        assert followed.run("select id from kept") == [(1,)]
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            followed.run("delete from kept")
