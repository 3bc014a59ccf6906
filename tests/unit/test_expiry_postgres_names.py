"""
Identifiers: quoted, or refused; never read as SQL.
"""

from __future__ import annotations

import pytest

from expiry.postgres.names import Relation, quoted
from expiry.postgres.session import version_number


@pytest.mark.parametrize(
    ("name", "sql"),
    [
        ("rows", '"rows"'),
        ('say "hi"', '"say ""hi"""'),
        ('x"; DROP TABLE y; --', '"x""; DROP TABLE y; --"'),
        ("Größe", '"Größe"'),
        ("a.b", '"a.b"'),
        ("x" * 63, f'"{"x" * 63}"'),
    ],
)
def test_quoted_name_is_one_identifier(name: str, sql: str) -> None:
    """Whatever a name holds, it is a name."""
    assert quoted(name) == sql


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 64, "ü" * 32])
def test_quoted_what_can_be_no_name_is_refused(name: str) -> None:
    """PostgreSQL would cut it short without a word, and another table would be meant."""
    with pytest.raises(ValueError, match="no name of PostgreSQL"):
        quoted(name)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("15.18 (Debian 15.18-0+deb12u1)", 150_018),
        ("18beta1", 180_000),
        ("16devel", 160_000),
        ("13.4", 130_004),
        ("?", 0),
    ],
)
def test_version_is_numbered_as_postgresql_does(text: str, number: int) -> None:
    """Releases, betas, and what distributions append."""
    assert version_number(text) == number


def test_relation_is_written_with_its_schema() -> None:
    """For a statement quoted, so that no search path counts; for people plainly."""
    relation = Relation("My Schema", "rows")

    assert relation.sql == '"My Schema"."rows"'
    assert str(relation) == "My Schema.rows"
