"""
Give rows that lack the TTL attribute one, from what they say of their own end.

Calls: dynamodb:Query, dynamodb:BatchGetItem, dynamodb:PartiQLUpdate. An index row has no date of
its own: it gets its target's and a while, and never before its target has one, so that it does not
go first. So do the rows that are a target's alone. A page of which anything was not tried comes
again; what is done is not done twice.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from expiry.errors import MismatchError
from index_cleanup.dates import Dates
from index_cleanup.dating import BackfillReport, Writer
from index_cleanup.owners import Owner, Owners
from index_cleanup.pages import matching, query
from index_cleanup.places import place_behind
from index_cleanup.rules import OrphanRule
from index_cleanup.templates import Fields, is_as

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expiry.rows import Fetched
    from expiry.scanning import Row
    from expiry.statements import Identity, Key, Value
    from index_cleanup.context import Context
    from index_cleanup.rules import ExpiredRule, Rule

UNREAD = "targets could not be read; their index rows were left as they are"


class BackfillPhase:
    """One rule's backfill; ``report`` holds what is known, also where ``run`` fails."""

    def __init__(self, context: Context, rule: Rule, after: Value | None) -> None:
        """
        Begin behind the sort key *after*, or with the rule's first row.

        Raises:
            MismatchError: Nobody has said which attribute is to be written.
        """
        table = context.table
        if table.ttl_attribute is None:
            raise MismatchError(
                f"table {table.name} has no TTL attribute; enable TTL on it, or set TTL_ATTRIBUTE"
            )
        self.report = BackfillReport(rule, place=after)
        self._context, self._rule = context, rule
        dates, writer = Dates(context, rule, table.ttl_attribute), Writer(context, self.report)
        self._rows: _IndexRows | _OwnRows = (
            _IndexRows(rule, dates, writer)
            if isinstance(rule, OrphanRule)
            else _OwnRows(rule, dates, writer)
        )

    def run(self) -> BackfillReport:
        """
        Date rows page by page until all have a date, the limit is reached, or time is up.

        Raises:
            StoreError: Reading failed as a whole.
        """
        report, context = self.report, self._context
        read = self._rows.rule_to_read
        if read is None:  # the rule says nothing of dates
            report.complete = True
            return report
        found = query(context, read, context.budget, report.place)
        for page in found.pages():
            rows = list(page.rows)
            done = self._rows.date(rows)
            sort_key, secret = context.table.sort_key, self._rule.scope.secret_key
            report.place = place_behind(rows, done, sort_key, report.place, secret=secret)
            if done < len(rows):
                return report
        report.complete = found.complete
        return report


class _OwnRows:
    """Rows that say themselves when they end."""

    def __init__(self, rule: ExpiredRule, dates: Dates, writer: Writer) -> None:
        self._rule, self._dates, self._writer = rule, dates, writer
        self._owners = Owners(dates, writer, rule.ttl_from, tuple(rule.scope.where), rule.linked)

    @property
    def rule_to_read(self) -> Rule | None:
        """Return the rule with what has to be read, None where it dates nothing."""
        return replace(self._rule, expires=self._rule.ttl_from) if self._rule.ttl_from else None

    def date(self, rows: list[Row]) -> int:
        """Date a page's rows; return how many, from the first on, are done with."""
        report, owners, done = self._writer.report, list[Owner](), len(rows)
        for place, row, _ in matching(self._writer.context, report, rows):
            owner = self._owners.of(row)
            if not self._owners.take(owner):
                done = place
                break
            owners.append(owner)
            report.dated += self._dates.has_one(row)
            report.unknown += owner.date_s is None and not self._dates.has_one(row)
        return done if self._owners.write(owners) else 0


class _IndexRows:
    """Index rows, and the targets after which they are dated."""

    def __init__(self, rule: OrphanRule, dates: Dates, writer: Writer) -> None:
        self._rule, self._dates, self._writer = rule, dates, writer
        self._context = writer.context
        self._evidence = (*rule.scope.where, *rule.target.attributes)
        self._after_s = rule.ttl_after_target_s or 0
        where, linked = tuple(rule.target.where), rule.target_linked
        self._owners = Owners(dates, writer, rule.target_ttl_from, where, linked, self._after_s)

    @property
    def rule_to_read(self) -> Rule | None:
        """Return the rule with what has to be read, None where it dates nothing."""
        rule = self._rule
        return rule if rule.target_ttl_from or rule.ttl_after_target_s is not None else None

    def date(self, rows: list[Row]) -> int:
        """Date a page's targets, then its index rows; return how many rows are done with."""
        targets, done = self._targets(rows), len(rows)
        if targets is None:
            return 0
        waiting: list[tuple[Row, Owner]] = []
        for place, row, fields in matching(self._context, self._writer.report, rows):
            target = targets.get(self._place_of(fields), Owner())
            waits = self._wants(row) and target.date_s is not None
            if not self._owners.take(target) or not self._writer.may(int(waits)):
                done = place
                break
            if waits:
                waiting.append((row, target))
            else:
                self._count(row, target)
        return done if self._write(list(targets.values()), waiting) else 0

    def _wants(self, row: Row) -> bool:
        return self._rule.ttl_after_target_s is not None and not self._dates.has_one(row)

    def _count(self, row: Row, target: Owner) -> None:
        """Count an index row that is not dated now."""
        report = self._writer.report
        if self._dates.has_one(row):
            report.dated += 1
        elif target.absent:
            report.orphans += 1
        elif self._wants(row):
            report.unknown += 1

    def _write(self, targets: list[Owner], waiting: list[tuple[Row, Owner]]) -> bool:
        """Date targets, then the index rows of those that have a date; say if all were tried."""
        report = self._writer.report
        before = report.backfilled - report.linked
        in_time = self._owners.write(targets)
        report.targets += report.backfilled - report.linked - before
        ready = [
            self._dates.statement(row, target.date_s + self._after_s, self._evidence)
            for row, target in waiting
            if in_time and target.date_s is not None
        ]
        self._writer.give_back(len(waiting) - len(ready))
        if not in_time:
            return False
        report.unknown += len(waiting) - len(ready)
        return self._writer.write(ready) is not None

    def _key(self, fields: Fields) -> Key | None:
        return self._rule.target.key(fields, self._context.table.key_names)

    def _place_of(self, fields: Fields) -> Identity | None:
        key = self._key(fields)
        return None if key is None else self._context.rows.identity(key)

    def _targets(self, rows: Sequence[Row]) -> dict[Identity | None, Owner] | None:
        """Read a page's targets, each once; None where time was up before all were read."""
        scope, names = self._rule.scope, self._context.table.key_names
        fields = (Fields(row, names, scope.json_attributes) for row in rows)
        keys = [self._key(each) for each in fields if is_as(each.row, scope.where)]
        told = [key for key in keys if key is not None]
        fetched = self._context.rows.get(told, self._owners.attributes)
        if not self._writer.all_read(fetched, UNREAD):
            return None
        return {self._context.rows.identity(key): self._target(fetched, key) for key in told}

    def _target(self, fetched: Fetched, key: Key) -> Owner:
        row = fetched.row(key)
        if row is None:
            return Owner(absent=fetched.absent(key))
        return self._owners.of(row) if is_as(row, self._rule.target.where) else Owner()
