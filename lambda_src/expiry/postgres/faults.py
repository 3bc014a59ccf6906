"""
Turn what PostgreSQL says of an error into one of ours that says what to change.

Owns the table of SQLSTATEs (PostgreSQL's appendix A). Of the message only what cannot quote a
value of a row is shown; the details never are: they hold keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expiry.errors import (
    ConnectError,
    ConnectionLostError,
    ConstraintError,
    DatabaseError,
    DeadlockError,
    LockedError,
    LoginError,
    MissingError,
    PrivilegeError,
    ReadOnlyError,
    ResourceError,
    SerializationError,
    StatementTimeoutError,
    TooManyConnectionsError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

# Longer codes first: the first that a SQLSTATE begins with counts.
STATEMENT_FAULTS: Mapping[str, tuple[type[DatabaseError], str]] = {
    "55P03": (LockedError, "another transaction holds the lock; try again"),
    "40P01": (DeadlockError, "two transactions waited for each other; try again"),
    "40001": (SerializationError, "another transaction was faster; try again"),
    "57014": (StatementTimeoutError, "smaller batches, an index, or a longer statement timeout"),
    "25006": (ReadOnlyError, "connect to the writer, not to a replica"),
    "42501": (PrivilegeError, "grant it to the user"),
    "3D000": (MissingError, "correct the name of the database"),
    "3F000": (MissingError, "correct the name of the schema"),
    "42703": (MissingError, "correct the name of the column"),
    "42883": (MissingError, "the column's type does not fit"),
    "42P01": (MissingError, "correct the name of the table or its schema"),
    "42704": (MissingError, "correct the name"),
    "53300": (TooManyConnectionsError, "end idle connections, or raise the limit"),
    "25P03": (ConnectionLostError, "the run was slow inside of a transaction"),
    "57P": (ConnectionLostError, "the server ended the connection; run again"),
    "08": (ConnectionLostError, "run again"),
    "23": (ConstraintError, "a constraint of the table forbids it"),
    "28": (LoginError, "correct the user, its password, or pg_hba.conf"),
    "53": (ResourceError, "the server needs more of it"),
    "54": (ResourceError, "a limit of PostgreSQL itself"),
    "58": (ResourceError, "the server's system failed: see its log"),
}
LOGIN_FAULTS: Mapping[str, tuple[type[DatabaseError], str]] = {
    "28P01": (LoginError, "correct the user or its password"),
    "28": (LoginError, "let the user in in pg_hba.conf; with IAM: GRANT rds_iam, rds-db:connect"),
    "42501": (LoginError, "GRANT CONNECT on the database to the user"),
    "3D000": (ConnectError, "correct PG_DB_NAME"),
    "53300": (TooManyConnectionsError, "end idle connections, or raise the limit"),
    "57P03": (ConnectError, "the server is starting, stopping or recovering; run again"),
}
# A syntax error quotes our own text, a missing table its name; but a value that does not fit its
# type, and what a trigger raises, may quote a row.
QUOTABLE = ("08", "23", "25", "28", "3D", "3F", "40", "42", "53", "54", "55", "57", "58")
WITHHELD = "(its message may quote a value: see the server's log)"


def of_statement(fields: Mapping[str, str]) -> DatabaseError:
    """Translate what a statement failed with."""
    code = fields.get("C", "")
    kind, advice = _found(STATEMENT_FAULTS, code) or (DatabaseError, "")
    message = f"PostgreSQL: {_shown(fields)}{advice and f'; {advice}'} (SQLSTATE {code})"
    if kind is ConstraintError:
        names = {"constraint": fields.get("n"), "table": fields.get("t")}
        return ConstraintError(message, code, **names)
    return kind(message, code)


def of_login(fields: Mapping[str, str], server: str) -> DatabaseError:
    """Translate what a login was refused with; *server* as people know it."""
    code = fields.get("C", "")
    kind, advice = _found(LOGIN_FAULTS, code) or (ConnectError, "")
    return kind(f"{server}: {_shown(fields)}{advice and f'; {advice}'} (SQLSTATE {code})", code)


def _found(
    table: Mapping[str, tuple[type[DatabaseError], str]], code: str
) -> tuple[type[DatabaseError], str] | None:
    return next((found for prefix, found in table.items() if code.startswith(prefix)), None)


def _shown(fields: Mapping[str, str]) -> str:
    if fields.get("C", "").startswith(QUOTABLE):
        return fields.get("M", "")
    return WITHHELD
