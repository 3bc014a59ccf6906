"""
Look at a rule's index rows and at their targets, and plan what goes; nothing is deleted here.

Calls: dynamodb:Query, and dynamodb:BatchGetItem, consistent. An index row is read before its
target: so a target that its writer stores first is there by then, or is gone.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from expiry.budget import Budget
from expiry.groups import ITEMS_A_CALL
from expiry.rows import RowCandidate
from index_cleanup import places
from index_cleanup.linked import Dead, links_of
from index_cleanup.pages import matching, query
from index_cleanup.proofs import Verdict, judge
from index_cleanup.templates import Fields, Path, is_as

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expiry.rows import Fetched
    from expiry.scanning import Row
    from expiry.statements import Identity, Key, Value
    from index_cleanup.context import Context, RuleReport
    from index_cleanup.rules import OrphanRule

ABSENT = "its target is absent"
PAST_TTL = "its target is past its TTL"
EXPIRED = "its target has expired"
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


class Survey:
    """One orphan rule's plan in the making; it counts in *report* what it keeps, and why."""

    def __init__(
        self, context: Context, rule: OrphanRule, report: RuleReport, after: Value | None
    ) -> None:
        """Begin behind the sort key *after*, or with the rule's first row."""
        self.plan = Plan()
        self._context, self._rule, self._report, self._after = context, rule, report, after

    def run(self) -> None:
        """
        Read the rule's rows in half of the time that is left; the rest is for acting.

        Raises:
            StoreError: Reading failed as a whole.
        """
        whole = self._context.budget
        half = Budget(whole.remaining_ms, whole.reserve_s + max(0.0, whole.left_s()) / 2)
        report, secret = self._report, self._rule.scope.secret_key
        found = query(self._context, self._rule, half, self._after)
        for page in found.pages():
            self._take(page.rows)
            report.place = places.place_behind(
                page.rows, len(page.rows), self._context.table.sort_key, report.place, secret=secret
            )
        report.complete = found.complete

    def _take(self, rows: Sequence[Row]) -> None:
        """Look at one page's rows and at their targets."""
        report, names = self._report, self._context.table.key_names
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
            self._report.unknown += 1
            return True
        self.plan.known += 1
        target = Fields(row, self._context.table.key_names, self._rule.scope.json_attributes)
        if not is_as(row, self._rule.target.where):
            self._report.unknown += 1
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
            self._report.living += 1
        else:
            self._report.unknown += 1

    def _orphan(self, row: Row, target: Key) -> None:
        self._report.orphans += 1
        if self._report.orphans <= self._context.most_deletes:  # more would be refused
            self.plan.orphans.append(Orphan(self._index_row(row, ABSENT), target))

    def _dead(self, index_row: Row, target: Fields, *, by_ttl: bool) -> None:
        self._report.expired += 1
        found = self._context.rows.identity(target.row)
        candidate = self._index_row(index_row, PAST_TTL if by_ttl else EXPIRED)
        if found in self.plan.dead:
            self.plan.dead[found].index_rows.append(candidate)
        elif len(self.plan.dead) < self._context.most_deletes:
            self.plan.dead[found] = DeadTarget(self._target(target, by_ttl), by_ttl, [candidate])
        else:
            self.plan.left_out += 1

    def _index_row(self, row: Row, reason: str) -> RowCandidate:
        condition = self._context.evidence(row, self._rule.attributes)
        return RowCandidate(self._context.key_of(row), condition, reason)

    def _target(self, target: Fields, by_ttl: bool) -> Dead:  # noqa: FBT001 - one of two reasons
        condition = self._context.evidence(target.row, self._rule.target_attributes)
        reason = "past its TTL" if by_ttl else "expired"
        candidate = RowCandidate(self._context.key_of(target.row), condition, reason)
        return Dead(candidate, links_of(self._context, self._rule.target_linked, target))
