"""
Delete index rows whose target is gone, if the whole plan is plausible; and targets that have
expired, with their index rows.

Calls: dynamodb:Query, BatchGetItem, PartiQLDelete, and in transactions ConditionCheckItem and
DeleteItem. What makes it safe: an index row is read before its target, each delete compares what
was read, a target goes before its index row. Where the writer stores a target before its index
row, a target that is absent now comes back only with an index row that is written anew, so the
index row alone is compared; elsewhere a transaction looks at both.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import TYPE_CHECKING

from expiry.budget import Budget
from expiry.errors import CapExceededError
from expiry.gate import LEAST_LISTED, Gate
from expiry.groups import ITEMS_A_CALL, Check, Group
from expiry.outcomes import Outcome, Result
from expiry.rows import RowCandidate
from expiry.statements import Condition
from index_cleanup import places
from index_cleanup.context import REMOVED, RuleReport, batches
from index_cleanup.linked import Dead, delete_dead, links_of
from index_cleanup.pages import matching, query
from index_cleanup.proofs import Verdict, judge
from index_cleanup.templates import Fields, Path, is_as

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expiry.rows import Fetched
    from expiry.scanning import Row
    from expiry.statements import Identity, Key, Value
    from index_cleanup.context import Context
    from index_cleanup.rules import OrphanRule

BATCH = 100  # targets: not more than the gate lets pass, should the run end before their index rows
BATCH_S = 1.5
ABSENT = "its target is absent"
PAST_TTL = "its target is past its TTL"
EXPIRED = "its target has expired"
SETTLES = REMOVED | {Outcome.GONE}  # after these there is no target
TARGET_STAYS = "its target stays"
TARGET_UNREAD = "targets could not be read; their index rows were kept"


@dataclass(frozen=True, slots=True)
class Orphan:
    """An index row whose target is gone."""

    candidate: RowCandidate
    target: Key


@dataclass(slots=True)
class DeadTarget:
    """A target that is past its end, and the index rows that point at it."""

    target: Dead
    by_ttl: bool  # so that it counts as absent
    index_rows: list[RowCandidate]

    @property
    def most_rows(self) -> int:
        """Return how many rows go, at most."""
        return self.target.most_rows + len(self.index_rows)

    @property
    def whole(self) -> Dead:
        """Return all of it as what goes together; index rows that one call cannot take wait."""
        room = ITEMS_A_CALL - self.target.most_rows
        return replace(self.target, also=tuple(self.index_rows[:room]))


@dataclass(slots=True)
class Plan:
    """What a rule would do; of what is too much only the number is kept."""

    orphans: list[Orphan] = field(default_factory=list)
    dead: dict[Identity, DeadTarget] = field(default_factory=dict)
    left_out: int = 0  # dead targets that no allowance would reach
    known: int = 0  # index rows whose target is there, in whatever state


class OrphanPhase:
    """One orphan rule; ``report`` holds what is known, also where ``run`` fails."""

    def __init__(self, context: Context, rule: OrphanRule, after: Value | None) -> None:
        """Begin behind the sort key *after*, or with the rule's first row."""
        self.report = RuleReport(rule, place=after)
        self._context, self._rule, self._after = context, rule, after
        self._plan = Plan()

    def run(self) -> RuleReport:
        """
        Look at every row, judge the plan, and delete what has passed.

        Raises:
            StoreError: Reading failed as a whole.
        """
        report = self.report
        self._find()
        report.refused = self._refusal()
        if report.refused is None and not self._act():
            report.complete, report.place = False, self._after
        return report

    # Finding

    def _find(self) -> None:
        """Read the rule's rows in half of the time that is left; the rest is for acting."""
        whole = self._context.budget
        half = Budget(whole.remaining_ms, whole.reserve_s + max(0.0, whole.left_s()) / 2)
        report, secret = self.report, self._rule.scope.secret_key
        found = query(self._context, self._rule, half, self._after)
        for page in found.pages():
            self._take(page.rows)
            report.place = places.place_behind(
                page.rows, len(page.rows), self._context.table.sort_key, report.place, secret=secret
            )
        report.complete = found.complete

    def _take(self, rows: Sequence[Row]) -> None:
        """Look at one page's rows and at their targets."""
        report, names = self.report, self._context.table.key_names
        wanted: list[tuple[Fields, Key]] = []
        for _, _, fields in matching(self._context, report, rows):
            key = self._rule.target.key(fields, names)
            age_known, young = self._age(fields)
            if key is None or not age_known:
                report.unknown += 1
            elif young:
                report.young += 1
            else:
                wanted.append((fields, key))
        attributes = (*self._rule.target_attributes, *self._context.ttl_attributes)
        fetched = self._context.rows.get([key for _, key in wanted], attributes)
        unread = sum(self._classify(fields, key, fetched) for fields, key in wanted)
        if unread:
            report.problem(f"{unread} {TARGET_UNREAD}")

    def _age(self, fields: Fields) -> tuple[bool, bool]:
        """Say whether an index row's age is known, or need not be; and whether it is too young."""
        if not self._rule.grace_s:
            return True, False
        created_s = fields.number(self._rule.created_at or Path(""))
        if created_s is None:
            return False, False
        return True, created_s >= self._context.moment.cutoff_s - self._rule.grace_s

    def _classify(self, fields: Fields, key: Key, fetched: Fetched) -> bool:
        """Put an index row where its target's state says; say whether that could not be read."""
        if fetched.absent(key):
            self._orphan(fields.row, key)
            return False
        row = fetched.row(key)
        if row is None:
            self.report.unknown += 1
            return True
        self._plan.known += 1
        target = Fields(row, self._context.table.key_names, self._rule.scope.json_attributes)
        if not is_as(row, self._rule.target.where):
            self.report.unknown += 1
        elif self._past_ttl(target):
            self._dead(fields.row, target, by_ttl=True)
        else:
            self._judge(fields.row, target)
        return False

    def _past_ttl(self, target: Fields) -> bool:
        attribute = self._context.table.ttl_attribute
        end_s = target.number(Path(attribute)) if attribute else None
        return end_s is not None and end_s < self._context.moment.cutoff_s

    def _judge(self, index_row: Row, target: Fields) -> None:
        proofs = self._rule.target_expired
        verdict = judge(proofs, target, self._context.moment.cutoff_s)
        if verdict is Verdict.EXPIRED:
            self._dead(index_row, target, by_ttl=False)
        elif verdict is Verdict.LIVING or not proofs:
            self.report.living += 1
        else:
            self.report.unknown += 1

    def _orphan(self, row: Row, target: Key) -> None:
        self.report.orphans += 1
        if self.report.orphans <= self._context.most_deletes:  # more would be refused
            self._plan.orphans.append(Orphan(self._index_row(row, ABSENT), target))

    def _dead(self, index_row: Row, target: Fields, *, by_ttl: bool) -> None:
        self.report.expired += 1
        found = self._context.rows.identity(target.row)
        candidate = self._index_row(index_row, PAST_TTL if by_ttl else EXPIRED)
        if found in self._plan.dead:
            self._plan.dead[found].index_rows.append(candidate)
        elif len(self._plan.dead) < self._context.most_deletes:
            self._plan.dead[found] = DeadTarget(self._target(target, by_ttl), by_ttl, [candidate])
        else:
            self._plan.left_out += 1

    def _index_row(self, row: Row, reason: str) -> RowCandidate:
        condition = self._context.evidence(row, self._rule.attributes)
        return RowCandidate(self._context.key_of(row), condition, reason)

    def _target(self, target: Fields, by_ttl: bool) -> Dead:  # noqa: FBT001 - one of two reasons
        condition = self._context.evidence(target.row, self._rule.target_attributes)
        reason = "past its TTL" if by_ttl else "expired"
        candidate = RowCandidate(self._context.key_of(target.row), condition, reason)
        return Dead(candidate, links_of(self._context, self._rule.target_linked, target))

    # Judging

    def _refusal(self) -> CapExceededError | None:
        planned, listed = self.report.orphans, self.report.listed
        known = self._plan.known or int(planned <= LEAST_LISTED)
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
        return self._delete_orphans() and self._delete_dead() and not self._plan.left_out

    def _delete_orphans(self) -> bool:
        orphans, context = self._plan.orphans, self._context
        if not context.allowance.take(len(orphans)):
            return False  # never the first N of a plan: another run has an allowance of its own
        unused = len(orphans)
        done = True
        for batch in batches(orphans, BATCH):
            if not context.budget.allows(BATCH_S):
                done = False
                break
            results = self._delete_orphaned(batch)
            removed = self.report.take(context, results)
            self.report.settle(results)
            self.report.index_entries += removed
            unused -= removed
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
        context = self._context
        for batch in batches(list(self._plan.dead.values()), BATCH):
            if not context.budget.allows(BATCH_S):
                return False
            taken = list(takewhile(lambda each: context.allowance.take(each.most_rows), batch))
            before = self.report.removed_rows
            settled = self._delete_targets(taken)
            removed = self.report.removed_rows - before
            context.allowance.give_back(sum(each.most_rows for each in taken) - removed)
            if len(taken) < len(batch) or not settled:
                return False
        return True

    def _delete_targets(self, batch: Sequence[DeadTarget]) -> bool:
        """
        Delete targets, and index rows whose target is surely gone; say whether none was refused.

        Where one was, more targets must not go: their index rows would pile up without them.
        """
        first = self._rule.target_written_first
        ended = delete_dead(
            self._context, self.report, [each.target if first else each.whole for each in batch]
        )
        settled = True
        for each, results in zip(batch, ended, strict=True):
            own = results[0].outcome
            if own in REMOVED:
                self.report.count_target(by_ttl=each.by_ttl)
            if not first:
                self._count_index_rows(each, results[1:])
        if first:
            settled = self._delete_index_rows(batch, [results[0] for results in ended])
        return settled

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
            Result(row, result.outcome, TARGET_STAYS)
            for _, row, result in pairs
            if result.outcome not in SETTLES
        ]
        self.report.take(self._context, kept)
        self.report.settle(kept)
        return all(result.outcome is not Outcome.FAILED for result in results)

    def _count_index_rows(
        self, target: DeadTarget, results: Sequence[Result[RowCandidate]]
    ) -> None:
        rows = {id(row) for row in target.index_rows}
        own = [result for result in results if id(result.victim) in rows]
        self.report.settle(own)
        if target.by_ttl:
            self.report.index_entries += sum(each.outcome in REMOVED for each in own)
