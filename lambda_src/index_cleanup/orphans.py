"""
Delete index rows whose target is gone, if the whole plan is plausible; and targets that are past
their end, with their index rows.

Calls: those of ``plan`` and ``linked``, dynamodb:PartiQLDelete, and in transactions
dynamodb:ConditionCheckItem and DeleteItem. Each delete compares what was read, and a target goes
before its index row. Where the writer stores a target before its index row, a target that is absent
now comes back only with an index row that is written anew, so the index row alone is compared;
elsewhere a transaction looks at both.
"""

from __future__ import annotations

from collections import deque
from itertools import takewhile
from typing import TYPE_CHECKING

from expiry.errors import CapExceededError
from expiry.gate import LEAST_LISTED, Gate
from expiry.groups import Check, Group
from expiry.outcomes import Outcome, Result
from expiry.statements import Condition
from index_cleanup.context import REMOVED, RuleReport, batches, untried
from index_cleanup.linked import delete_dead
from index_cleanup.plan import Survey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expiry.rows import RowCandidate
    from expiry.statements import Value
    from index_cleanup.context import Context
    from index_cleanup.plan import DeadTarget, Orphan
    from index_cleanup.rules import OrphanRule

# Targets at a time: should the run end before their index rows, the gate lets so many pass.
BATCH = LEAST_LISTED
SETTLES = REMOVED | {Outcome.GONE}  # after these there is no target
TARGET_STAYS = "its target stays"


class OrphanPhase:
    """One orphan rule; ``report`` holds what is known, also where ``run`` fails."""

    def __init__(self, context: Context, rule: OrphanRule, after: Value | None) -> None:
        """Begin behind the sort key *after*, or with the rule's first row."""
        self.report = RuleReport(rule, place=after)
        self._context, self._rule, self._after = context, rule, after
        self._survey = Survey(context, rule, self.report, after)
        self._stranded = 0  # index rows that stayed when their targets went

    def run(self) -> RuleReport:
        """
        Look at every row, judge the plan, and delete what has passed.

        Raises:
            StoreError: Reading failed as a whole.
        """
        report = self.report
        self._survey.run()
        report.refused = self._refusal()
        if report.refused is None and not self._act():
            report.complete, report.place = False, self._after
        return report

    # Judging

    def _refusal(self) -> CapExceededError | None:
        planned, listed = self.report.orphans, self.report.listed
        known = self._survey.plan.known or int(planned <= LEAST_LISTED)
        gate = Gate(self._context.most_deletes, self._context.settings.max_orphan_percent)
        try:
            gate.judge(planned, listed, known)
        except CapExceededError as error:
            return CapExceededError(
                error.planned, error.cap, f"rule {self._rule.name}: {error.reason}"
            )
        return None

    # Acting

    def _act(self) -> bool:
        """Delete what the plan says; say whether nothing of it was left out."""
        return self._delete_orphans() and self._delete_dead() and not self._survey.plan.left_out

    def _delete_orphans(self) -> bool:
        orphans, context = self._survey.plan.orphans, self._context
        if not context.allowance.take(len(orphans)):
            return False  # never the first N of a plan: another run has an allowance of its own
        unused = len(orphans)
        done = True
        for batch in batches(orphans, context.batch(BATCH)):
            if not context.has_time(len(batch)):
                done = False
                break
            results = self._delete_orphaned(batch)
            removed = self.report.take(context, results)
            self.report.settle(results)
            self.report.index_entries += removed
            unused -= removed
            done = not any(untried(result) for result in results)
            if not done:
                break
        context.allowance.give_back(unused)
        return done

    def _delete_orphaned(self, batch: Sequence[Orphan]) -> list[Result[RowCandidate]]:
        if self._rule.target_written_first:
            return self._context.rows.delete([each.candidate for each in batch])
        absent = Condition.missing(self._context.table.hash_key)
        groups = [Group((each.candidate,), (Check(each.target, absent),)) for each in batch]
        return [results[0] for results in self._context.groups.delete(groups)]

    def _delete_dead(self) -> bool:
        """Delete dead targets and their index rows, as far as time and the allowance go."""
        left = deque(self._survey.plan.dead.values())
        while left:
            batch = [left.popleft() for _ in range(min(len(left), self._room()))]
            if not batch or not self._context.has_time(sum(each.most_rows for each in batch)):
                return False
            taken = list(takewhile(self._afford, batch))
            before = self.report.removed_rows
            tried = self._delete_targets(taken)
            removed = self.report.removed_rows - before
            self._context.allowance.give_back(sum(each.most_rows for each in taken) - removed)
            if len(taken) < len(batch) or not tried:
                return False
        return True

    def _room(self) -> int:
        """Return how many targets may go now, so that the gate lets their index rows pass later."""
        return min(self._context.batch(BATCH), max(0, BATCH - self._stranded))

    def _afford(self, target: DeadTarget) -> bool:
        return self._context.allowance.take(target.most_rows)

    def _delete_targets(self, batch: Sequence[DeadTarget]) -> bool:
        """
        Delete targets, and index rows whose target is surely gone; say whether all were tried.
        """
        first = self._rule.target_written_first
        ended = delete_dead(
            self._context, self.report, [each.target if first else each.whole for each in batch]
        )
        for each, results in zip(batch, ended, strict=True):
            if results[0].outcome in REMOVED:
                self.report.count_target(by_ttl=each.by_ttl)
            if not first:
                self._count_index_rows(each, results[1:])
        if first:
            return self._delete_index_rows(batch, [results[0] for results in ended])
        return not any(untried(result) for results in ended for result in results)

    def _delete_index_rows(
        self, batch: Sequence[DeadTarget], ended: Sequence[Result[RowCandidate]]
    ) -> bool:
        """Delete the index rows of targets that are gone; the others end as their targets did."""
        pairs = [
            (each, row, result)
            for each, result in zip(batch, ended, strict=True)
            for row in each.index_rows
        ]
        goes = [(each, row) for each, row, result in pairs if result.outcome in SETTLES]
        results = self._context.rows.delete([row for _, row in goes])
        self.report.take(self._context, results)
        for (each, _), result in zip(goes, results, strict=True):
            self._count_index_rows(each, [result])
        kept = [
            Result(row, result.outcome, result.detail if untried(result) else TARGET_STAYS)
            for _, row, result in pairs
            if result.outcome not in SETTLES
        ]
        self.report.take(self._context, kept)
        self.report.settle(kept)
        self._stranded += sum(result.outcome is Outcome.FAILED for result in results)
        return not any(untried(result) for result in (*results, *kept))

    def _count_index_rows(
        self, target: DeadTarget, results: Sequence[Result[RowCandidate]]
    ) -> None:
        rows = {id(row) for row in target.index_rows}
        own = [result for result in results if id(result.victim) in rows]
        self.report.settle(own)
        if target.by_ttl:
            self.report.index_entries += sum(each.outcome in REMOVED for each in own)
