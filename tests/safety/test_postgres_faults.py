"""What happens to a server while a run is at work: one clear error, or none; nothing half done."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from expiry.errors import (
    ConnectError,
    LoginError,
    MismatchError,
    TooManyConnectionsError,
)
from tests.postgres.fixtures import require
from tests.postgres.servers import Embedded18, Server
from tests.postgres.standby import Standby18
from tests.safety.postgres_drive import Stage
from tests.safety.postgres_proofs import counted, difference
from tests.safety.postgres_races import PAGE_READ, PATIENCE_S, PAUSE, pausing, wait_for_pause
from tests.safety.postgres_wire import Wire
from tests.safety.postgres_world import build, dead, living, snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

MOST_CONNECTIONS = 12
GRANTS = [
    *(f"select, update, delete on {table}" for table in ("tokens", "drafts")),
    "select on uses",
    "select on paused",
]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Serve a PostgreSQL that these tests may stop and fill."""
    require(Embedded18)
    settings = {"max_connections": str(MOST_CONNECTIONS), "superuser_reserved_connections": "3"}
    made = Embedded18(settings)
    with made:
        yield made


@pytest.fixture
def stage(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Return a filled database, as a role with the privileges that the module's README asks for."""
    database = server.database.new_database()
    build(database)
    database.run(PAUSE)
    role = database.new_role(*GRANTS)
    yield Stage(role, tmp_path_factory.mktemp("stage"))
    server.database.run(f"drop database {database.name} with (force)")


def administrator(stage: Stage) -> Stage:
    """Return the stage as its administrator sees it."""
    return stage.as_role(replace(stage.database.server.database, name=stage.database.name))


@contextmanager
def in_mid_batch(stage: Stage, **options: Any) -> Iterator[Future[dict[str, Any]]]:
    """Start a run, and yield it while its first batch waits; let the batch go on at the end."""
    database = administrator(stage).database
    database.run("insert into paused values (1)")
    with (
        Wire(stage.database, rewrite=pausing(PAGE_READ)) as wire,
        ThreadPoolExecutor(1) as pool,
    ):
        running = pool.submit(stage.run, wire, **options)
        wait_for_pause(database, running)
        try:
            yield running
        finally:
            database.run("delete from paused")


def end_sessions(stage: Stage) -> None:
    """End every session of the run's role, as an administrator may."""
    statement = "select pg_terminate_backend(pid) from pg_stat_activity where usename = %s"
    administrator(stage).database.run(statement, stage.database.user)


def rerun_ends_the_work(stage: Stage, before: dict[str, Any]) -> None:
    """Nothing that lives is gone, and the next run deletes just what is left."""
    database = administrator(stage).database
    there = snapshot(database)
    assert living(there) == living(before)
    assert counted(stage.run(), dead(there)) == []
    assert difference(before, snapshot(database)) == []


def test_session_that_is_ended_in_mid_batch_is_opened_again(stage: Stage) -> None:
    """An administrator who ends the session ends one batch, not the run."""
    before = snapshot(administrator(stage).database)
    with in_mid_batch(stage) as running:
        end_sessions(stage)
        time.sleep(0.1)
    result = running.result(PATIENCE_S)

    assert (result["complete"], result["reconnects"]) == (True, 1)
    assert counted(result, dead(before)) == []
    rerun_ends_the_work(stage, before)


def test_server_that_restarts_in_mid_batch_is_waited_for(stage: Stage, server: Server) -> None:
    """A crash of the server undoes the batch; the run goes on once the server is back."""
    before = snapshot(administrator(stage).database)
    with in_mid_batch(stage, sleep=time.sleep) as running:
        server.restart(at_once=True)
    result = running.result(PATIENCE_S)

    assert result["complete"]
    assert counted(result, dead(before)) == []
    rerun_ends_the_work(stage, before)


def test_server_that_stays_away_is_one_error(stage: Stage, server: Server) -> None:
    """The run says that it does not reach the server; what it began is undone."""
    before = snapshot(administrator(stage).database)
    with in_mid_batch(stage) as running:
        server.stop(at_once=True)
        error = running.exception(PATIENCE_S)
        server.start()

    assert isinstance(error, ConnectError)
    assert stage.database.password not in str(error)
    rerun_ends_the_work(stage, before)


def test_password_rotated_during_the_run_is_asked_for_again(stage: Stage) -> None:
    """The session that is open goes on; one that is opened anew uses the new password."""
    before = snapshot(administrator(stage).database)
    rotated = rotate(stage)
    with in_mid_batch(stage) as running:
        change_password(stage, rotated)
        stage.write_password(rotated.database.password)
        end_sessions(stage)
        time.sleep(0.1)
    result = running.result(PATIENCE_S)

    assert (result["complete"], result["reconnects"]) == (True, 1)
    rerun_ends_the_work(rotated, before)


def test_password_that_is_no_longer_right_is_one_error(stage: Stage) -> None:
    """Where the secret was not rotated with it, the run says so, and shows neither of them."""
    before = snapshot(administrator(stage).database)
    rotated = rotate(stage)
    with in_mid_batch(stage) as running:
        change_password(stage, rotated)
        end_sessions(stage)
        error = running.exception(PATIENCE_S)

    assert isinstance(error, LoginError)
    assert stage.database.user in str(error)
    assert all(each.database.password not in str(error) for each in (stage, rotated))
    rerun_ends_the_work(rotated, before)


def rotate(stage: Stage) -> Stage:
    """Return the stage with another password, which does not hold yet."""
    return stage.as_role(replace(stage.database, password=stage.database.password[::-1] + "x"))


def change_password(stage: Stage, rotated: Stage) -> None:
    """Let the other password hold."""
    role = rotated.database
    administrator(stage).database.run(f"alter role {role.user} password '{role.password}'")


def test_connections_all_taken_is_one_error(stage: Stage) -> None:
    """The run that is not let in has done nothing, and says what to raise."""
    before = snapshot(administrator(stage).database)
    held: list[psycopg.Connection[Any]] = []
    try:
        with pytest.raises(psycopg.OperationalError):
            held.extend(stage.database.connect() for _ in range(MOST_CONNECTIONS + 1))
        while True:
            try:
                held.append(stage.database.connect())
            except psycopg.OperationalError:
                break
        with pytest.raises(TooManyConnectionsError, match=r"connection slots.*raise the limit"):
            stage.run()
        assert snapshot(administrator(stage).database) == before
    finally:
        for connection in held:
            connection.close()
    rerun_ends_the_work(stage, before)


def test_replica_is_refused_before_anything_is_tried(stage: Stage, server: Server) -> None:
    """On a real standby the run says to name the primary; a dry run is welcome there."""
    assert isinstance(server, Embedded18)
    before = snapshot(administrator(stage).database)
    with Standby18(server) as replica:
        standby = replica.server
        assert isinstance(standby, Standby18)
        standby.catch_up()
        there = stage.as_role(replace(stage.database, port=replica.port, server=standby))
        with (
            pytest.raises(MismatchError, match="read-only replica; name the primary"),
            Wire(there.database) as wire,
        ):
            there.run(wire)
        assert not [each for each in wire.requests if each.writes]

        dry = there.run(event={"dryRun": True})

    assert counted(dry, dead(before)) == []
    rerun_ends_the_work(stage, before)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("alter role {role} set default_transaction_read_only = on", "read-only"),
        ("revoke delete on tokens from {role}", "GRANT DELETE"),
        ("revoke select on drafts from {role}", "GRANT SELECT"),
        ("revoke usage on schema public from public", "GRANT USAGE"),
    ],
    ids=["read-only", "delete", "select", "schema"],
)
def test_role_that_may_not_is_refused_before_anything_is_deleted(
    stage: Stage, change: str, said: str
) -> None:
    """Also where only one of the tables is out of reach: nothing of the other one goes."""
    database = administrator(stage).database
    before = snapshot(database)
    database.run(change.format(role=stage.database.user))

    with pytest.raises(MismatchError, match=said):
        stage.run()

    assert snapshot(database) == before
