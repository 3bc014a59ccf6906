"""
Every SQLSTATE that we know becomes one error, which shows no value of a row.
"""

from __future__ import annotations

import pytest

from expiry import errors
from expiry.postgres import faults

SECRET = "s3cr3t"  # noqa: S105 - stands for what no message may show


def fields(code: str) -> dict[str, str]:
    """Say an error as PostgreSQL does; its details hold a key."""
    return {
        "S": "ERROR",
        "C": code,
        "M": f"said of {code}",
        "D": f"Key (id)=({SECRET}) is still referenced",
        "W": f"PL/pgSQL function f({SECRET})",
        "q": f"SELECT {SECRET}",
        "n": "a_constraint",
        "t": "a_table",
    }


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("55P03", errors.LockedError),
        ("40P01", errors.DeadlockError),
        ("40001", errors.SerializationError),
        ("57014", errors.StatementTimeoutError),
        ("25006", errors.ReadOnlyError),
        ("42501", errors.PrivilegeError),
        ("42P01", errors.MissingError),
        ("42703", errors.MissingError),
        ("42704", errors.MissingError),
        ("42883", errors.MissingError),
        ("3F000", errors.MissingError),
        ("3D000", errors.MissingError),
        ("23503", errors.ConstraintError),
        ("23001", errors.ConstraintError),
        ("23505", errors.ConstraintError),
        ("53100", errors.ResourceError),
        ("53200", errors.ResourceError),
        ("53300", errors.TooManyConnectionsError),
        ("54000", errors.ResourceError),
        ("58030", errors.ResourceError),
        ("57P01", errors.ConnectionLostError),
        ("57P02", errors.ConnectionLostError),
        ("57P05", errors.ConnectionLostError),
        ("25P03", errors.ConnectionLostError),
        ("08006", errors.ConnectionLostError),
        ("22P02", errors.DatabaseError),
        ("42601", errors.DatabaseError),
        ("P0001", errors.DatabaseError),
        ("XX000", errors.DatabaseError),
        ("", errors.DatabaseError),
    ],
)
def test_fault_of_a_statement_has_its_error(code: str, kind: type[errors.DatabaseError]) -> None:
    """The error's class and SQLSTATE say what happened; nothing of the details is in it."""
    error = faults.of_statement(fields(code))

    assert type(error) is kind
    assert error.sqlstate == code
    assert SECRET not in str(error)


@pytest.mark.parametrize("code", ["22P02", "22023", "P0001", "38000", "XX000", "0A000", ""])
def test_fault_whose_message_may_quote_a_row_withholds_it(code: str) -> None:
    """What a trigger raises, or a value that does not fit, is for the server's log."""
    assert f"said of {code}" not in str(faults.of_statement(fields(code)))
    assert "see the server's log" in str(faults.of_statement(fields(code)))


def test_fault_of_a_constraint_names_it() -> None:
    """The constraint and its table are attributes: what handles it does not read messages."""
    error = faults.of_statement(fields("23503"))

    assert isinstance(error, errors.ConstraintError)
    assert (error.constraint, error.table) == ("a_constraint", "a_table")


@pytest.mark.parametrize(
    ("code", "kind", "advice"),
    [
        ("28P01", errors.LoginError, "correct the user or its password"),
        ("28000", errors.LoginError, "rds-db:connect"),
        ("42501", errors.LoginError, "GRANT CONNECT"),
        ("3D000", errors.ConnectError, "correct PG_DB_NAME"),
        ("53300", errors.TooManyConnectionsError, "end idle connections"),
        ("57P03", errors.ConnectError, "starting, stopping or recovering"),
        ("XX000", errors.ConnectError, "SQLSTATE XX000"),
    ],
)
def test_fault_of_a_login_has_its_error(
    code: str, kind: type[errors.ConnectError], advice: str
) -> None:
    """Each says where, and what to change."""
    error = faults.of_login(fields(code), "u@db:5432/d")

    assert type(error) is kind
    assert str(error).startswith("u@db:5432/d: ")
    assert advice in str(error)
    assert SECRET not in str(error)


def test_errors_transient_ones_are_one_kind() -> None:
    """What may be tried again is caught by one name; nothing else is."""
    assert {kind.__name__ for kind in errors.TransientError.__subclasses__()} == {
        "LockedError",
        "DeadlockError",
        "SerializationError",
    }
