"""The wire itself: what it counts, cuts and changes is what the server sees."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.safety.postgres_wire import Request, Wire

if TYPE_CHECKING:
    from tests.postgres.database import Database


@pytest.fixture
def counted(postgres: Database) -> Database:
    """Return a database with a table of one number, 0."""
    postgres.run("create table counted as select 0 as n")
    return postgres


def through(wire: Wire) -> psycopg.Connection[tuple[object, ...]]:
    """Connect by way of *wire*."""
    return replace(wire.target, port=wire.port).connect()


def add(wire: Wire, *, prepared: bool) -> None:
    """Add one to the number."""
    with through(wire) as connection:
        connection.execute("update counted set n = n + %s", [1], prepare=prepared)


@pytest.mark.parametrize("prepared", [False, True])
def test_wire_left_alone_passes_everything_on(counted: Database, *, prepared: bool) -> None:
    """Simple, extended and prepared statements arrive; each is seen with its text."""
    with Wire(counted) as wire:
        add(wire, prepared=prepared)
        with through(wire) as connection:
            assert connection.execute("select n from counted").fetchall() == [(1,)]
    assert [request.writes for request in wire.requests][-2:] == [True, False]


@pytest.mark.parametrize(("after", "there"), [(False, 0), (True, 1)], ids=["before", "after"])
def test_wire_dying_lets_a_request_take_effect_or_not(
    counted: Database, there: int, *, after: bool
) -> None:
    """Before: the server never saw it. After: it did, and the client does not know."""
    with Wire(counted, die_at=0, die_after=after) as wire:
        with pytest.raises(psycopg.OperationalError):
            add(wire, prepared=False)
        with pytest.raises(psycopg.OperationalError):
            through(wire)
    assert counted.run("select n from counted") == [(there,)]


def test_wire_that_comes_back_lets_the_next_connection_through(counted: Database) -> None:
    """A lost connection is not the end of the network."""
    with Wire(counted, die_at=0, comes_back=True) as wire:
        with pytest.raises(psycopg.OperationalError):
            add(wire, prepared=False)
        add(wire, prepared=False)
    assert counted.run("select n from counted") == [(1,)]


def test_wire_lets_a_writer_in_before_a_request(counted: Database) -> None:
    """What the writer commits, the request sees."""

    def write(_: Request) -> None:
        counted.run("update counted set n = 10")

    with Wire(counted, before=write) as wire:
        add(wire, prepared=False)
    assert counted.run("select n from counted") == [(11,)]


@pytest.mark.parametrize("prepared", [False, True])
def test_wire_rewrites_statements(counted: Database, *, prepared: bool) -> None:
    """A mutation of the SQL reaches the server, in either protocol."""
    with Wire(counted, rewrite=lambda text: text.replace("n + ", "n - ")) as wire:
        add(wire, prepared=prepared)
    assert counted.run("select n from counted") == [(-1,)]
