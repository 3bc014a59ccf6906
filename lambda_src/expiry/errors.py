"""
Every error that a run raises on purpose, in one file.

    ExpiryError
    ├── SettingsError        the environment is incomplete or malformed: every fault is named
    ├── EventError           the event holds what this function does not take: all of it is named
    ├── MismatchError        the settings do not fit the resource that they name
    ├── UnsafeRuntimeError   the runtime's boto3 cannot make a delete conditional
    ├── ClaimError           a claim met a row that changed under every try, or cannot be read
    ├── CapExceededError     the plan holds more deletions than the operator allows
    ├── StoreError           an AWS call failed; the service's own error is the cause
    │   ├── NotFoundError    the table or bucket is not there
    │   ├── DeniedError      the role lacks an action
    │   └── ThrottledError   the service refused for load, after all retries
    └── DatabaseError                    PostgreSQL refused a statement; with its SQLSTATE
        ├── ConnectError                 there is no session: not reached, or not let in
        │   ├── TlsError                 not encrypted, or not who it says; nothing was sent
        │   ├── LoginError               the user, the password or pg_hba.conf
        │   └── TooManyConnectionsError  max_connections, or the role's limit
        ├── ConnectionLostError          the session ended in the middle of something
        ├── TransientError               try the transaction again
        │   ├── LockedError              a lock was not to be had within lock_timeout
        │   ├── DeadlockError            PostgreSQL chose this transaction as the victim
        │   └── SerializationError       a concurrent change, under a stricter isolation
        ├── StatementTimeoutError        longer than statement_timeout, or cancelled
        ├── ReadOnlyError                a replica, or a transaction that may only read
        ├── PrivilegeError               a GRANT is missing
        ├── MissingError                 no such table, column, schema
        ├── ConstraintError              a constraint forbids it; with its name and table
        └── ResourceError                the server is out of disk, memory, or a limit

Each message says what to change. Nothing here is raised for a single bad row: those are counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class ExpiryError(Exception):
    """The run could not do its work."""


class SettingsError(ExpiryError):
    """Variables of the environment are missing or malformed; nothing was read or done."""

    def __init__(self, problems: Sequence[str]) -> None:
        """Name all *problems* in one message."""
        super().__init__(f"environment: {'; '.join(problems)}")
        self.problems = tuple(problems)


class EventError(ExpiryError):
    """The event holds unknown keys or wrong types; nothing was read or done."""

    def __init__(self, problems: Sequence[str]) -> None:
        """Name all *problems* in one message."""
        super().__init__(f"event: {'; '.join(problems)}")
        self.problems = tuple(problems)


class MismatchError(ExpiryError):
    """A setting names something that the resource does not have."""


class UnsafeRuntimeError(ExpiryError):
    """The runtime cannot delete conditionally, so it must not delete; nothing was deleted."""


class ClaimError(ExpiryError):
    """A claim could not be decided: the row changed under every try, or cannot be read."""


class CapExceededError(ExpiryError):
    """The plan holds more deletions than the operator allows; nothing of it was deleted."""

    def __init__(self, planned: int, cap: int, reason: str) -> None:
        """Say how many deletions were *planned*, how many would have passed, and what to do."""
        super().__init__(f"plan has {planned} deletions, cap is {cap}: {reason}")
        self.planned, self.cap, self.reason = planned, cap, reason


class StoreError(ExpiryError):
    """An AWS call failed for a reason that has no class of its own."""

    def __init__(self, action: str, resource: str, advice: str) -> None:
        """Say which *action*, as IAM writes it, failed on what, and what to change."""
        super().__init__(f"{action} on {resource}: {advice}")
        self.action, self.resource = action, resource


class NotFoundError(StoreError):
    """The resource is not in this account and Region."""


class DeniedError(StoreError):
    """The function's role, a resource policy or a key policy refuses the action."""


class ThrottledError(StoreError):
    """The service kept refusing for load until the retries were used up."""


class DatabaseError(ExpiryError):
    """
    PostgreSQL refused a statement for a reason that has no class of its own.

    The message never holds a value of a row or a parameter: where PostgreSQL's own message may
    quote one, it is left out.
    """

    def __init__(self, message: str, sqlstate: str | None = None) -> None:
        """Say what failed and what to change; *sqlstate* as PostgreSQL's appendix A lists them."""
        super().__init__(message)
        self.sqlstate = sqlstate


class ConnectError(DatabaseError):
    """There is no session: the server was not reached, or lets nobody in."""


class TlsError(ConnectError):
    """The connection is not encrypted, or the server not who it says; no password was sent."""


class LoginError(ConnectError):
    """The server is there, and refuses this user."""


class TooManyConnectionsError(ConnectError):
    """All connections that the server, or the role, allows are taken."""


class ConnectionLostError(DatabaseError):
    """The session ended in the middle of something; what was not committed did not happen."""

    def __init__(
        self, message: str, sqlstate: str | None = None, *, commit_unknown: bool = False
    ) -> None:
        """Say whether a COMMIT was on its way, so that its transaction may have happened."""
        super().__init__(message, sqlstate)
        self.commit_unknown = commit_unknown


class TransientError(DatabaseError):
    """The transaction was undone because of another one; the same again may succeed."""


class LockedError(TransientError):
    """Another transaction holds a lock for longer than lock_timeout."""


class DeadlockError(TransientError):
    """Two transactions waited for each other, and PostgreSQL ended this one."""


class SerializationError(TransientError):
    """Another transaction changed what this one had read."""


class StatementTimeoutError(DatabaseError):
    """A statement took longer than statement_timeout, or somebody cancelled it."""


class ReadOnlyError(DatabaseError):
    """The server is a replica, or the transaction may only read."""


class PrivilegeError(DatabaseError):
    """The user lacks a privilege; the message names on what."""


class MissingError(DatabaseError):
    """A table, column, schema or function is not there."""


class ConstraintError(DatabaseError):
    """A constraint forbids what the statement does."""

    def __init__(
        self,
        message: str,
        sqlstate: str | None = None,
        *,
        constraint: str | None = None,
        table: str | None = None,
    ) -> None:
        """Name the *constraint*, and the *table* that it is on."""
        super().__init__(message, sqlstate)
        self.constraint, self.table = constraint, table


class ResourceError(DatabaseError):
    """The server is out of disk, memory or something else that it has a limit for."""
