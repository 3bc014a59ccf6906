"""
Make the tables in which the purge remembers, and say what its role must be granted.

The tables need a role that may create a schema; where they are there already, nothing is created,
so that the purge's own role may ask, too.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from expiry.errors import MismatchError
from expiry.postgres.catalog import Catalog
from expiry.postgres.names import Relation, quoted
from soft_delete_purge import access

if TYPE_CHECKING:
    from expiry.postgres.session import Session
    from soft_delete_purge.paths import Bound

SQL = Path(__file__).with_name("sql") / "setup.sql"
SCHEMA = "expiry"
TABLES = (Relation(SCHEMA, "purge_outbox"), Relation(SCHEMA, "purge_failures"))
ASK = 'run the operation "setup" once, as a role that may create a schema'

FOUND = """
SELECT count(*) FROM pg_class AS relation JOIN pg_namespace AS schema
  ON schema.oid = relation.relnamespace
WHERE schema.nspname = :schema AND relation.relname = :name
"""


def require(session: Session) -> None:
    """
    Make sure that the tables are there and that this role may write to them.

    Raises:
        MismatchError: They are not; the message says what to run.
    """
    if absent := missing(session):
        raise MismatchError(f"there is no {', '.join(absent)}: {ASK}")
    catalog = Catalog(session)
    for table in TABLES:
        may = catalog.table(table).privileges
        if not (may.select and may.insert and may.update and may.delete):
            raise MismatchError(f"this role may not write to {table}: {grant_of(table)} TO it")


def make(session: Session) -> bool:
    """
    Make what is not there; say whether there was anything to make.

    Raises:
        PrivilegeError: This role may not; another one can run ``sql/setup.sql``.
    """
    if not missing(session):
        return False
    session.run(SQL.read_text(encoding="utf-8"))
    return True


def grants(bound: Bound | None, role: str, *, iam: bool) -> list[str]:
    """
    Write what *role* needs, and no more.

    Args:
        bound: None where the plan does not fit: then only what the purge's own tables need.
        iam: It logs in by a token of RDS.
    """
    needs = access.needed(bound, dry_run=False) if bound else {}
    schemas = sorted({table.schema for table in needs} | {SCHEMA})
    to = f" TO {quoted(role)};"
    written = [f"GRANT USAGE ON SCHEMA {quoted(schema)}{to}" for schema in schemas]
    written += [f"{grant_of(table)}{to}" for table in TABLES]
    written += [
        f"GRANT {', '.join(word for word in access.WORDS if word in words)} ON {table.sql}{to}"
        for table, words in sorted(needs.items())
    ]
    return [*written, f"GRANT rds_iam{to}"] if iam else written


def grant_of(table: Relation) -> str:
    """Write the grant on one of the purge's own tables."""
    return f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table.sql}"


def missing(session: Session) -> list[str]:
    """Name those of the tables that are not there."""
    return [
        str(table)
        for table in TABLES
        if session.run(FOUND, schema=table.schema, name=table.name) == [(0,)]
    ]
