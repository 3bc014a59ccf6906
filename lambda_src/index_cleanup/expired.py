"""
Delete rows whose own value says that they have expired, with what belongs to them.

Calls: dynamodb:Query and what ``linked`` does. It is bounded, not gated: it stops after so many
deletions, or in time, and says where to go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from expiry.rows import RowCandidate
from index_cleanup import places
from index_cleanup.context import REMOVED, RuleReport, batches, untried
from index_cleanup.linked import Dead, delete_dead, links_of
from index_cleanup.pages import matching, query
from index_cleanup.proofs import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expiry.scanning import Row
    from expiry.statements import Value
    from index_cleanup.context import Context
    from index_cleanup.rules import ExpiredRule
    from index_cleanup.templates import Fields

BATCH = 200  # rows: few calls side by side
EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Found:
    """A dead row, and its place in the page."""

    place: int
    dead: Dead


class ExpiredPhase:
    """One expired rule; ``report`` holds what is known, also where ``run`` fails."""

    def __init__(self, context: Context, rule: ExpiredRule, after: Value | None) -> None:
        """Begin behind the sort key *after*, or with the rule's first row."""
        self.report = RuleReport(rule, place=after)
        self._context, self._rule, self._after = context, rule, after
        self._cutoff_s = context.moment.cutoff_s - rule.grace_s

    def run(self) -> RuleReport:
        """
        Delete page by page.

        Raises:
            StoreError: Reading failed as a whole.
        """
        report = self.report
        found = query(self._context, self._rule, self._context.budget, self._after)
        for page in found.pages():
            dead = self._dead(page.rows)
            stopped_at = self._delete(dead)
            done = len(page.rows) if stopped_at is None else stopped_at
            self._move(page.rows, done)
            if stopped_at is not None:
                return report
        report.complete = found.complete
        return report

    def _move(self, rows: Sequence[Row], done: int) -> None:
        sort_key, secret = self._context.table.sort_key, self._rule.scope.secret_key
        place = places.place_behind(rows, done, sort_key, self.report.place, secret=secret)
        self.report.place = place

    def _dead(self, rows: Sequence[Row]) -> list[Found]:
        """Return what of a page has expired."""
        dead = []
        for place, _, fields in matching(self._context, self.report, rows):
            match judge(self._rule.expires, fields, self._cutoff_s):
                case Verdict.EXPIRED:
                    dead.append(Found(place, self._candidate(fields)))
                case Verdict.LIVING:
                    self.report.living += 1
                case Verdict.UNKNOWN:
                    self.report.unknown += 1
        self.report.expired += len(dead)
        return dead

    def _candidate(self, fields: Fields) -> Dead:
        context = self._context
        condition = context.evidence(fields.row, self._rule.attributes)
        candidate = RowCandidate(context.key_of(fields.row), condition, EXPIRED)
        return Dead(candidate, links_of(context, self._rule.linked, fields))

    def _delete(self, dead: Sequence[Found]) -> int | None:
        """Delete what has expired; return the place in the page of the first that was left."""
        context = self._context
        for batch in batches(dead, context.batch(BATCH)):
            if not context.has_time(sum(each.dead.most_rows for each in batch)):
                return batch[0].place
            taken = list(takewhile(lambda each: context.allowance.take(each.dead.most_rows), batch))
            before = self.report.removed_rows
            ended = delete_dead(context, self.report, [each.dead for each in taken])
            own = [results[0] for results in ended]
            self.report.settle(own)
            self.report.removed += sum(result.outcome in REMOVED for result in own)
            removed = self.report.removed_rows - before
            context.allowance.give_back(sum(each.dead.most_rows for each in taken) - removed)
            tried = list(takewhile(lambda result: not untried(result), own))
            if len(tried) < len(batch):
                return batch[len(tried)].place
        return None
