"""
One database on a server of ours, as one role sees it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgres.servers import Server

HOST = "127.0.0.1"
ADMIN = "postgres"


@dataclass(frozen=True, slots=True)
class Database:
    """Where a database is and how to get in; ``ca_file`` is None where there is no TLS."""

    server: Server = field(repr=False)
    port: int
    user: str
    password: str = field(repr=False)
    name: str
    ca_file: Path | None
    host: str = HOST

    def connect(self, **options: Any) -> psycopg.Connection[tuple[Any, ...]]:
        """
        Open a connection, in autocommit mode unless *options* (psycopg's) say otherwise.

        TLS is verified in full where the server has it, and not tried where it has none.
        """
        encrypted = {"sslmode": "verify-full", "sslrootcert": str(self.ca_file)}
        return psycopg.connect(
            **{
                "host": self.host,
                "port": self.port,
                "user": self.user,
                "password": self.password,
                "dbname": self.name,
                "autocommit": True,
                "connect_timeout": 10,
                **(encrypted if self.ca_file else {"sslmode": "disable"}),
                **options,
            }
        )

    def run(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run one statement on a connection of its own, and return its rows."""
        with self.connect() as connection:
            done = connection.execute(statement.encode(), parameters or None)
            return done.fetchall() if done.description is not None else []

    def new_database(self) -> Database:
        """Create an empty database on the same server."""
        name = f"d{secrets.token_hex(6)}"
        with self.connect(dbname="postgres") as connection:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        return replace(self, name=name)

    def drop(self) -> None:
        """Remove this database, whoever is still connected to it."""
        with self.connect(dbname="postgres") as connection:
            statement = sql.SQL("drop database if exists {} with (force)")
            connection.execute(statement.format(sql.Identifier(self.name)))

    def new_role(self, *grants: str, options: str = "login") -> Database:
        """
        Create a role and return this database as it sees it.

        Args:
            grants: What it may do, without the role's name: ``select on tokens``.
            options: Attributes of the role: ``login connection limit 2``.
        """
        role = replace(self, user=f"r{secrets.token_hex(6)}", password=secrets.token_urlsafe(12))
        name, password = sql.Identifier(role.user), sql.Literal(role.password)
        with self.connect() as connection:
            attributes = sql.SQL(options)
            create = sql.SQL("create role {} with {} password {}")
            connection.execute(create.format(name, attributes, password))
            for grant in grants:
                allowed = sql.SQL(grant)
                connection.execute(sql.SQL("grant {} to {}").format(allowed, name))
        return role
