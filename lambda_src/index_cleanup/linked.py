"""
Delete rows together with those that belong to them alone.

Calls: dynamodb:BatchGetItem for the linked rows, dynamodb:DeleteItem (TransactWriteItems) where
there are any, dynamodb:PartiQLDelete where not. A row and its linked rows go in one transaction:
a token that is renewed in between keeps what it needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from expiry.groups import Group
from expiry.outcomes import Outcome, Result
from expiry.rows import RowCandidate
from index_cleanup.templates import is_as

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from expiry.rows import Fetched
    from expiry.statements import Key
    from index_cleanup.context import Context, RuleReport
    from index_cleanup.templates import Fields, KeyTemplate

LINKED = "linked to an expired row"
UNREAD = "the rows linked to it could not be read"


@dataclass(frozen=True, slots=True)
class Link:
    """A row that belongs to another one alone."""

    template: KeyTemplate
    key: Key


@dataclass(frozen=True, slots=True)
class Dead:
    """A row that goes, and what goes with it or not at all."""

    candidate: RowCandidate
    links: tuple[Link, ...] = ()
    also: tuple[RowCandidate, ...] = ()

    @property
    def most_rows(self) -> int:
        """Return how many rows go, at most."""
        return 1 + len(self.links) + len(self.also)


def links_of(
    context: Context, templates: Sequence[KeyTemplate], fields: Fields
) -> tuple[Link, ...]:
    """Return what a row names as its own; what it does not name, or itself, is left out."""
    names = context.table.key_names
    keys = {context.rows.identity(fields.row): None}
    links = []
    for template in templates:
        key = template.key(fields, names)
        if key is None or context.rows.identity(key) in keys:
            continue
        keys[context.rows.identity(key)] = None
        links.append(Link(template, key))
    return tuple(links)


def delete_dead(
    context: Context, report: RuleReport, dead: Sequence[Dead]
) -> list[list[Result[RowCandidate]]]:
    """
    Delete rows with what goes with them; count all in *report*. The first result is a row's own.

    Raises:
        StoreError: The role or the table is wrong, so that nothing can be read at all.
    """
    groups = list(_groups(context, dead))
    ended: dict[int, list[Result[RowCandidate]]] = {
        place: [Result(dead[place].candidate, Outcome.FAILED, UNREAD)]
        for place, group in enumerate(groups)
        if group is None
    }
    together = {n: each for n, each in enumerate(groups) if each and len(each.deletes) > 1}
    alone = [n for n, each in enumerate(groups) if each and len(each.deletes) == 1]
    ended.update(zip(together, context.groups.delete(list(together.values())), strict=True))
    single = context.rows.delete([dead[place].candidate for place in alone])
    ended.update((place, [result]) for place, result in zip(alone, single, strict=True))
    in_order = [ended[place] for place in range(len(dead))]
    report.take(context, [result for results in in_order for result in results])
    return in_order


def _groups(context: Context, dead: Sequence[Dead]) -> Iterator[Group | None]:
    """Yield what goes together, None where it is not known what would have to."""
    links = [link for each in dead for link in each.links]
    attributes = {name for link in links for name in link.template.where}
    wanted = (*sorted(attributes), *context.ttl_attributes)
    fetched = context.rows.get([link.key for link in links], wanted)
    for each in dead:
        unread = (context.rows.identity(link.key) in fetched.unknown for link in each.links)
        if any(unread):
            yield None
            continue
        linked = (_linked(context, fetched, link) for link in each.links)
        there = tuple(candidate for candidate in linked if candidate)
        yield Group((each.candidate, *there, *each.also))


def _linked(context: Context, fetched: Fetched, link: Link) -> RowCandidate | None:
    """Return a linked row as it was read; None where it is not there, or is something else."""
    row = fetched.row(link.key)
    if row is None or not is_as(row, link.template.where):
        return None
    condition = context.evidence(row, link.template.where)
    return RowCandidate(context.key_of(row), condition, LINKED)
