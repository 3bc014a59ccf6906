"""
Date rows that say themselves when they end, and with them the rows that are theirs alone.

Calls: dynamodb:BatchGetItem for the linked rows, dynamodb:PartiQLUpdate. A linked row says nothing
of its end: without a date it would outlive its owner once TTL takes that, and nobody would find it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from expiry.rows import Effect
from index_cleanup.dates import attributes_of
from index_cleanup.linked import Link, links_of
from index_cleanup.templates import Fields, is_as

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expiry.rows import Fetched
    from expiry.scanning import Row
    from expiry.statements import Statement
    from index_cleanup.dates import Dates
    from index_cleanup.dating import Writer
    from index_cleanup.proofs import Proof
    from index_cleanup.templates import KeyTemplate

LINKED_UNREAD = "linked rows could not be read; they were left as they are"


@dataclass(slots=True)
class Owner:
    """A row's date: one that it has, or one that its statement gives it; and what goes with it."""

    date_s: int | None = None  # None: nobody can tell, or it could not be given
    statement: Statement | None = None
    links: tuple[Link, ...] = ()
    absent: bool = False
    taken: bool = False  # it is to be dated, with its linked rows

    @property
    def most_rows(self) -> int:
        """Return how many rows are written, at most."""
        return (self.statement is not None) + len(self.links)


@dataclass(frozen=True, slots=True)
class Owners:
    """The owners of one rule: its own rows, or its targets."""

    dates: Dates
    writer: Writer
    ttl_from: tuple[Proof, ...]
    where: tuple[str, ...]  # attributes that say what a row is
    linked: tuple[KeyTemplate, ...]
    after_s: int = 0  # a linked row's date is so much later than its owner's

    @property
    def attributes(self) -> tuple[str, ...]:
        """Return what has to be read of an owner, keys left out."""
        linked = {name for template in self.linked for name in template.attributes}
        return (*self._evidence, *sorted(linked), *self.writer.context.ttl_attributes)

    @property
    def _evidence(self) -> tuple[str, ...]:
        return (*self.where, *attributes_of(self.ttl_from))

    def of(self, row: Row) -> Owner:
        """Return what *row* is to get."""
        has_one = self.dates.has_one(row)
        date_s = self.dates.read(row) if has_one else self.dates.derive(row, self.ttl_from)
        if date_s is None:
            return Owner()
        context = self.writer.context
        fields = Fields(row, context.table.key_names, self.dates.rule.scope.json_attributes)
        statement = None if has_one else self.dates.statement(row, date_s, self._evidence)
        return Owner(date_s, statement, links_of(context, self.linked, fields))

    def take(self, owner: Owner) -> bool:
        """Take what an owner costs, once; say whether there was enough."""
        if not owner.taken:
            owner.taken = self.writer.may(owner.most_rows)
        return owner.taken

    def write(self, owners: Sequence[Owner]) -> bool:
        """Date what was taken, then what is linked to it; say whether all had their end in time."""
        dated = [owner for owner in owners if owner.taken and owner.statement]
        answers = self.writer.write([owner.statement for owner in dated if owner.statement])
        if answers is None:
            self.writer.give_back(sum(len(owner.links) for owner in owners if owner.taken))
            return False
        for owner, answer in zip(dated, answers, strict=True):
            if answer.effect is not Effect.DONE:
                owner.date_s = None
        return self._write_linked([owner for owner in owners if owner.taken])

    def _write_linked(self, owners: Sequence[Owner]) -> bool:
        links = [link for owner in owners for link in owner.links]
        names = {name for link in links for name in self._linked_evidence(link)}
        wanted = (*sorted(names), *self.writer.context.ttl_attributes)
        fetched = self.writer.context.rows.get([link.key for link in links], wanted)
        statements = [
            statement
            for owner in owners
            for link in owner.links
            if (statement := self._linked(fetched, link, owner.date_s)) is not None
        ]
        self.writer.give_back(len(links) - len(statements))
        answers = self.writer.write(statements)
        done = [answer for answer in answers or () if answer.effect is Effect.DONE]
        self.writer.report.linked += len(done)
        return answers is not None and self.writer.all_read(fetched, LINKED_UNREAD)

    def _linked(self, fetched: Fetched, link: Link, date_s: int | None) -> Statement | None:
        """Return what dates a linked row after its owner, None where it is not to be."""
        row = fetched.row(link.key)
        if row is None or date_s is None or not is_as(row, link.template.where):
            return None
        if self.dates.has_one(row):
            return None
        return self.dates.statement(row, date_s + self.after_s, self._linked_evidence(link))

    def _linked_evidence(self, link: Link) -> set[str]:
        """Return what must be as it was: a row that is written anew may be another owner's."""
        return {*link.template.where, *self.dates.rule.scope.json_attributes}
