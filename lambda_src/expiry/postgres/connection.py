"""
Open a session: find the server, verify it, log in, set the limits.

Each step that fails is one error that says what to change. No byte of a password is sent before
the server's certificate is verified.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from expiry.postgres.tls import Tls

if TYPE_CHECKING:
    from expiry.postgres.credentials import Credentials
    from expiry.postgres.session import Session


@dataclass(frozen=True, slots=True)
class Server:
    """Where the database is, and as whom to log in."""

    host: str
    port: int
    database: str
    user: str
    tls: Tls = Tls.VERIFY_FULL
    ca_file: str | None = None  # None: the system's CAs, and the packed ones of RDS

    def __str__(self) -> str:
        """Write it for people."""
        return f"{self.user}@{self.host}:{self.port}/{self.database}"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the server holds a session to."""

    lock_timeout_ms: int = 500  # below deadlock_timeout (1 s): else the application is the victim
    statement_timeout_ms: int = 30_000
    idle_in_transaction_timeout_ms: int = 60_000
    application_name: str = "expiry"
    read_only: bool = False
    connect_timeout_s: float = 10.0


def connect(server: Server, credentials: Credentials, limits: Limits | None = None) -> Session:
    """
    Log in to *server*, and set *limits* (those of Limits() by default).

    Raises:
        ConnectError: The server is not there, not who it says, or refuses; see its subclasses.
    """
    raise NotImplementedError
