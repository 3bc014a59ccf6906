"""
Say what a run has done: the result in its known shape with our own keys beside, and the metrics.

Pure: everything comes in with the findings. A dry run's result counts what would have been done,
its metrics only what was.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from expiry.errors import StoreError
from expiry.outcomes import Outcome
from index_cleanup.context import MOST_ERRORS
from index_cleanup.health import Health
from index_cleanup.request import Operation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from expiry.errors import ExpiryError
    from index_cleanup.context import RuleReport
    from index_cleanup.request import Cursor
    from index_cleanup.settings import Settings
    from index_cleanup.table import Table

OK = 200
INDEX_ENTRIES, BACKFILLED = "index_entries", "backfilled"  # leaves of the body


@dataclass(slots=True)
class Findings:
    """Everything that a run has learned."""

    run_id: str
    settings: Settings
    operation: Operation
    dry_run: bool
    table: Table | None = None  # None: it could not be looked at
    reports: dict[str, RuleReport] = field(default_factory=dict)  # by rule, those begun
    failures: list[tuple[str, ExpiryError]] = field(default_factory=list)  # with the rule's name
    cursor: Cursor | None = None
    duration_s: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether every row of every rule was looked at, and every plan passed."""
        return self.cursor is None and not self.failures

    @property
    def outcomes(self) -> Counter[Outcome]:
        """All candidates, of all rules, by outcome."""
        total: Counter[Outcome] = Counter()
        for report in self.reports.values():
            total.update(report.outcomes.counts)
        return total

    def fruitless(self) -> StoreError | None:
        """Return an error where every single write failed: such a run did not do its work."""
        outcomes = self.outcomes
        if not outcomes[Outcome.FAILED] or outcomes[Outcome.FAILED] < outcomes.total():
            return None
        first = next(error for report in self.reports.values() for error in report.errors)
        return StoreError(
            "every write",
            f"table {self.settings.table}",
            f"{outcomes.total()} failed, none was done; the first: {first['error']}",
        )

    @property
    def errors_total(self) -> int:
        """Errors of rules and of rows together."""
        rows = sum(report.errors_total for report in self.reports.values())
        return rows + len(self.failures)

    @property
    def health(self) -> Health | None:
        """How the table does, where it could be looked at."""
        return Health.of(self.table, self.reports.values()) if self.table else None

    def total(self, name: str) -> int:
        """Return the sum of one count over all rules."""
        return sum(getattr(report, name) for report in self.reports.values())


def result(findings: Findings) -> dict[str, Any]:
    """Return what the function answers."""
    health = findings.health
    return {
        "statusCode": OK,
        "body": _body(findings),
        "runId": findings.run_id,
        "operation": str(findings.operation),
        "rules": {name: report.as_dict() for name, report in findings.reports.items()},
        "outcomes": {str(outcome): findings.outcomes[outcome] for outcome in Outcome},
        "complete": findings.complete,
        "cursor": findings.cursor.text() if findings.cursor else None,
        "durationMs": round(findings.duration_s * 1000),
        "dryRun": findings.dry_run,
        "health": health.as_dict() if health else None,
        "errors": _errors(findings),
        "errorsTotal": findings.errors_total,
    }


def metrics(findings: Findings) -> dict[str, float]:
    """Return all metrics but RunsCompleted, which comes when everything else is done."""
    outcomes, real = findings.outcomes, int(not findings.dry_run)
    expired = findings.total("removed") + findings.total("removed_past_ttl")
    values: dict[str, float] = {
        "Candidates": outcomes.total(),
        "Deleted": outcomes[Outcome.DELETED],
        "Gone": outcomes[Outcome.GONE],
        "Changed": outcomes[Outcome.CHANGED],
        "Protected": outcomes[Outcome.PROTECTED],
        "Failed": outcomes[Outcome.FAILED],
        "Unknown": findings.total("unknown"),
        "OrphanedIndexEntries": real * findings.total("index_entries"),
        "ExpiredRows": real * expired,
        "Backfilled": real * findings.total("backfilled"),
        "GateRefused": int(any(report.refused for report in findings.reports.values())),
        "RunIncomplete": int(not findings.complete),
        "CleanupErrors": findings.errors_total,
        "CleanupDuration": round(findings.duration_s * 1000),
    }
    health = findings.health
    if health and findings.operation is Operation.CLEAN:
        values |= health.metrics()
    return values


def _body(findings: Findings) -> dict[str, Any]:
    """Return the counts in the preset's shape, or flat by what the rules count as."""
    if findings.operation is Operation.BACKFILL:
        return {BACKFILLED: findings.total("backfilled")}
    counts: Counter[str] = Counter({INDEX_ENTRIES: findings.total("index_entries")})
    for rule in findings.settings.rules.values():
        report = findings.reports.get(rule.name)
        counts[rule.counts_as] += report.removed if report else 0
    return _filled(findings.settings.body, counts) if findings.settings.body else dict(counts)


def _filled(shape: Mapping[str, Any], counts: Mapping[str, int]) -> dict[str, Any]:
    return {
        name: _filled(inner, counts) if isinstance(inner, dict) else counts.get(name, inner)
        for name, inner in shape.items()
    }


def _errors(findings: Findings) -> list[dict[str, Any]]:
    """Return errors of rules first, then those of rows, up to the cap."""
    errors: list[dict[str, Any]] = [
        {"rule": name, "error": str(error), "type": type(error).__name__}
        for name, error in findings.failures
    ]
    for report in findings.reports.values():
        errors += report.errors
    return errors[:MOST_ERRORS]
