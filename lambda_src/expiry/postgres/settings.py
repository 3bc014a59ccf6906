"""
Read from the environment where a database is, and where its password comes from.

Every handler of a database takes the same ``PG_…`` variables, so that whoever has set up one has
set up all. No variable holds a password.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from expiry.postgres.connection import Server
from expiry.postgres.tls import Tls

if TYPE_CHECKING:
    from expiry.settings import Variables

NAME_PATTERN = r"[^\x00]{1,63}"
SECRET_PATTERN = r"arn:[^:]+:secretsmanager:[^:]+:\d{12}:secret:.+"  # noqa: S105 - the form of a name, no secret
PASSWORD_SOURCES = ("PG_SECRET_ARN", "PG_IAM_AUTH=true", "PG_PASSWORD_FILE")


@dataclass(frozen=True, slots=True)
class PasswordSource:
    """Where the password comes from: exactly one of these."""

    secret_arn: str | None = None
    iam: bool = False
    file: Path | None = None  # the command's


def server(variables: Variables) -> Server:
    """Parse where the database is, and as whom to log in."""
    words = {str(tls): tls for tls in Tls}
    word = variables.text("PG_TLS", Tls.VERIFY_FULL)
    if word not in words:
        variables.refuse(f"PG_TLS must be {' or '.join(words)}, not {word!r}")
    found = Server(
        host=variables.required("PG_DB_HOST", r"[^\s\x00]{1,255}"),
        port=variables.integer("PG_DB_PORT", 5432, minimum=1, maximum=65_535),
        database=variables.required("PG_DB_NAME", NAME_PATTERN),
        user=variables.required("PG_DB_USER", NAME_PATTERN),
        tls=words.get(word, Tls.VERIFY_FULL),
        ca_file=variables.optional("PG_CA_FILE"),
    )
    if refusal := found.tls.refusal(found.host):
        variables.refuse(f"PG_TLS: {refusal}")
    return found


def password_source(variables: Variables) -> PasswordSource:
    """Parse where the password comes from."""
    file = variables.optional("PG_PASSWORD_FILE")
    source = PasswordSource(
        secret_arn=variables.optional("PG_SECRET_ARN", SECRET_PATTERN),
        iam=variables.boolean("PG_IAM_AUTH", default=False),
        file=Path(file) if file else None,
    )
    if [bool(source.secret_arn), source.iam, bool(file)].count(True) != 1:
        variables.refuse(f"exactly one of {', '.join(PASSWORD_SOURCES)} says the password")
    return source
