"""
Quote identifiers, so that a configured name is never read as SQL.

Values are parameters, everywhere; names cannot be, so this is the one place that writes them.
"""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_BYTES = 63  # NAMEDATALEN - 1: PostgreSQL cuts longer names short, without an error


def quoted(name: str) -> str:
    """
    Return *name* as a quoted identifier.

    >>> print(quoted('the "big" table'))
    "the ""big"" table"

    Raises:
        ValueError: No identifier of PostgreSQL is empty, longer than 63 bytes, or holds a NUL.
    """
    if not 0 < len(name.encode()) <= LONGEST_BYTES or "\0" in name:
        raise ValueError(f"no name of PostgreSQL is {name!r}: 1 to {LONGEST_BYTES} bytes, no NUL")
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True, order=True)
class Relation:
    """A table, or what else stands where a table can, by its schema and name."""

    schema: str
    name: str

    @property
    def sql(self) -> str:
        """Write it for a statement: quoted, and with its schema, so that no search path counts."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    def __str__(self) -> str:
        """Write it for people."""
        return f"{self.schema}.{self.name}"
