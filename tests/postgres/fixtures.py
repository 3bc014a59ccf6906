"""
Fixtures: one server of each kind for each pytest process, a fresh database for each test.

A test that asks for ``postgres`` gets the newest server; under :data:`every_version` it runs on
each. Where a server is not installed the test is skipped, and fails in CI.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.postgres.servers import Debian15, Embedded16, Embedded18, Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres.database import Database

NEWEST = "embedded18"
every_version = pytest.mark.parametrize(
    "postgres", ["debian15", "embedded16", "embedded18"], indirect=True
)


@pytest.fixture(scope="session")
def embedded16() -> Iterator[Database]:
    """Serve PostgreSQL 16, without TLS."""
    yield from served(Embedded16())


@pytest.fixture(scope="session")
def embedded18() -> Iterator[Database]:
    """Serve PostgreSQL 18, without TLS."""
    yield from served(Embedded18())


@pytest.fixture(scope="session")
def debian15() -> Iterator[Database]:
    """Serve PostgreSQL 15 of Debian, with TLS and pg_cron."""
    yield from served(Debian15())


@pytest.fixture
def postgres(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Return an empty database that no other test has seen."""
    server: Database = request.getfixturevalue(getattr(request, "param", NEWEST))
    fresh = server.new_database()
    yield fresh
    fresh.drop()


def served(server: Server) -> Iterator[Database]:
    """Run *server* until the session ends."""
    require(type(server))
    with server as database:
        yield database


def require(kind: type[Server]) -> None:
    """Skip the test where *kind* is not installed; fail it in CI."""
    if reason := kind.missing():
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
