"""
Write the SQL of a run: templates of this package, filled with quoted names and parameters.

The templates (``sql/*.sql``) are Terraform's too, which fills the same placeholders for pg_cron; so
they hold no other ``$``. Makes no call. A value of configuration is a parameter, never text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from expiry.postgres.conditions import where
from expiry.postgres.names import Relation, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from postgres_expiry.tables import TableRule

FOLDER = Path(__file__).with_name("sql")
CUTOFF = "cast(:cutoff as bigint)"


def rendered(template: str, **values: object) -> str:
    """
    Fill ``sql/<template>.sql``.

    Raises:
        KeyError: A placeholder has no value, so a template and its caller do not fit.
    """
    return _template(template).substitute(values).strip()


@cache
def _template(name: str) -> Template:
    return Template((FOLDER / f"{name}.sql").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Order:
    """The columns by which a cursor moves, with their types."""

    columns: tuple[str, ...]
    types: tuple[str, ...]

    @property
    def forwards(self) -> str:
        """Write them for a select list, and to order by."""
        return ", ".join(quoted(column) for column in self.columns)

    @property
    def backwards(self) -> str:
        """Write them to order by, the last first."""
        return ", ".join(f"{quoted(column)} desc" for column in self.columns)

    @property
    def last(self) -> str:
        """Write the last row of a page as text: any type comes back from it as it was."""
        return ", ".join(f"cast(last.{quoted(column)} as text)" for column in self.columns)

    @property
    def after(self) -> str:
        """Write what lies beyond a cursor; see ``cursor``."""
        values = (f"cast(:after_{place} as {kind})" for place, kind in enumerate(self.types))
        return f"and ({self.forwards}) > ({', '.join(values)})"

    @staticmethod
    def cursor(last: Sequence[str]) -> dict[str, str]:
        """Return the parameters of ``after`` for the *last* row of a page."""
        return {f"after_{place}": value for place, value in enumerate(last)}


@dataclass(frozen=True, slots=True)
class Doomed:
    """
    Rows of one table that are due: what a batch takes, in SQL.

    *due* holds everything that must be true of a row when it goes; ``:cutoff`` is in it.
    """

    relation: Relation
    due: str
    order: Order
    parameters: Mapping[str, Any] = field(default_factory=dict)
    expires: str | None = None  # when a row came due, in seconds; None: not asked
    due_ever: str | None = None  # due, though something refers to it; None: nothing can

    def batch(self, *, first: bool) -> str:
        """Write the statement of one batch, with ``:batch_size``; all but the *first* go on."""
        return self._paged("delete_batch", first=first)

    def end(self, *, first: bool) -> str:
        """Write the statement that says where such a batch would end."""
        return self._paged("last_of_page", first=first)

    def _paged(self, template: str, *, first: bool) -> str:
        return rendered(
            template,
            table=self.relation.sql,
            due=self.due,
            after="" if first else self.order.after,
            order=self.order.forwards,
            order_backwards=self.order.backwards,
            last=self.order.last,
            batch_size="cast(:batch_size as bigint)",
        )

    def count(self, due: str | None = None) -> str:
        """Write the statement that counts the backlog."""
        return rendered(
            "count_expired",
            table=self.relation.sql,
            due=due or self.due,
            expires=self.expires or "cast(null as bigint)",
        )


def doomed(
    rule: TableRule, key: Sequence[str], types: Mapping[str, str], kept: Sequence[str] = ()
) -> Doomed:
    """
    Write a rule in SQL.

    Args:
        key: The primary key's columns, in its order.
        types: Every column's type.
        kept: Predicates that keep a row whatever its expiry: something refers to it.
    """
    expiry = rule.expiry
    values = {"column": quoted(expiry.column), "cutoff": CUTOFF, "hold_s": rule.hold_s}
    due_ever = " and ".join([rendered(f"due_{expiry.kind}", **values), *conditions(rule, types)])
    columns = (expiry.column, *(column for column in key if column != expiry.column))
    return Doomed(
        relation=Relation(rule.schema, rule.table),
        due=" and ".join([due_ever, *kept]),
        order=Order(columns, tuple(types[column] for column in columns)),
        parameters=where(rule.where, types)[1],
        expires=rendered(f"expires_{expiry.kind}", **values),
        due_ever=due_ever if kept else None,
    )


def conditions(rule: TableRule, types: Mapping[str, str]) -> list[str]:
    """Write what a rule asks beside expiry; the values are parameters, ``:where_0`` and on."""
    return where(rule.where, types)[0]


def unreferenced(
    relation: Relation, child: Relation, columns: Sequence[tuple[str, str]], number: int
) -> str:
    """Write that no row of *child* refers to this one; *columns* pairs child's with ours."""
    alias = quoted(f"reference_{number}")
    joined = " and ".join(
        f"{alias}.{quoted(theirs)} = {quoted(relation.name)}.{quoted(ours)}"
        for theirs, ours in columns
    )
    return f"not exists (select from {child.sql} as {alias} where {joined})"
