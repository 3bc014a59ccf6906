"""
Write the dates of a backfill, and account for each row.

Calls: dynamodb:PartiQLUpdate. Where a key is a secret, its hash is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from expiry.batches import NOT_TRIED
from expiry.masking import without_secrets
from expiry.retries import CALL_S, LONGEST_DELAY_S
from expiry.rows import Effect
from index_cleanup.context import RuleReport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expiry.rows import Answer, Fetched
    from expiry.statements import Statement
    from index_cleanup.context import Context


@dataclass(slots=True)
class BackfillReport(RuleReport):
    """What a backfill of one rule answers; a dry run counts what it would have written."""

    dated: int = 0  # rows of the rule that have the attribute already
    targets: int = 0  # of ``backfilled``
    linked: int = 0  # likewise
    changed: int = 0  # rewritten, or dated, by somebody in between
    gone: int = 0
    failed: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the counts."""
        return {
            "listed": self.listed,
            "unmatched": self.unmatched,
            "dated": self.dated,
            "backfilled": self.backfilled,
            "targetsBackfilled": self.targets,
            "linkedBackfilled": self.linked,
            "orphans": self.orphans,
            "unknown": self.unknown,
            "changed": self.changed,
            "gone": self.gone,
            "failed": self.failed,
            "complete": self.complete,
        }


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes dates, and accounts for them."""

    context: Context
    report: BackfillReport

    def may(self, rows: int) -> bool:
        """Say whether the run may write so many *rows* more; then they are counted."""
        return self.context.allowance.take(rows)

    def give_back(self, rows: int) -> None:
        """Return what was granted and not needed."""
        self.context.allowance.give_back(rows)

    def write(self, statements: Sequence[Statement]) -> list[Answer] | None:
        """Return one answer each, None where time was up before all had their end."""
        answers = self.context.rows.execute(statements)
        tried = [answer for answer in answers if answer.detail != NOT_TRIED]
        for answer in tried:
            self._count(answer)
        done = sum(answer.effect is Effect.DONE for answer in tried)
        self.context.allowance.give_back(len(answers) - done)
        self._log(tried)
        cut_short = len(tried) < len(answers) or (
            self.out_of_time() and any(answer.effect is Effect.FAILED for answer in tried)
        )
        return None if cut_short else answers

    def all_read(self, fetched: Fetched, unread: str) -> bool:
        """Say whether nothing is missing for want of time; tell what is missing otherwise."""
        if fetched.unknown and self.out_of_time():
            return False
        if fetched.unknown:
            self.report.problem(f"{len(fetched.unknown)} {unread}")
        return True

    def out_of_time(self) -> bool:
        """Say whether what failed may have failed for want of another try."""
        return not self.context.budget.allows(LONGEST_DELAY_S + CALL_S)

    def _count(self, answer: Answer) -> None:
        report = self.report
        match answer.effect:
            case Effect.DONE:
                report.backfilled += 1
            case Effect.CHANGED:
                report.changed += 1
            case Effect.GONE:
                report.gone += 1
            case Effect.FAILED:
                report.failed += 1
                report.problem(self._detail(answer), key=self._shown(answer))

    def _log(self, answers: Sequence[Answer]) -> None:
        if not answers:
            return
        rows = [
            {
                "key": self._shown(answer),
                "date": dict(answer.statement.applied),
                "effect": str(answer.effect),
            }
            for answer in answers
        ]
        self.context.logger.info("dates", extra={"rule": self.report.rule.name, "rows": rows})

    def _shown(self, answer: Answer) -> dict[str, int | str]:
        return self.context.shown(answer.statement.key, self.report.rule)

    def _detail(self, answer: Answer) -> str:
        if not self.report.rule.scope.secret_key:
            return answer.detail
        keys = answer.statement.key.values()
        return without_secrets(answer.detail, (str(value.get("S", "")) for value in keys))
