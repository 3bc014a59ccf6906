"""
Say what a run did: the function's result, and its metrics.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from expiry.errors import CapExceededError
from postgres_expiry import actingweb
from postgres_expiry.deletion import Stop, Tally
from postgres_expiry.monitoring import Health
from postgres_expiry.request import Operation

if TYPE_CHECKING:
    from postgres_expiry.preflight import Target
    from postgres_expiry.settings import Settings

MOST_ERRORS = 100
ITEM = "ItemError"
OUTCOMES = ("deleted", "would_delete", "changed", "failed")


@dataclass(slots=True)
class Findings:
    """All that a run has found out, as it goes."""

    run_id: str
    settings: Settings
    operation: Operation
    dry_run: bool
    cutoff: int = 0
    duration_s: float = 0.0
    targets: list[Target] = field(default_factory=list)
    tallies: dict[str, Tally] = field(default_factory=dict)  # by rule, in their order
    health: dict[str, Health] = field(default_factory=dict)  # by table rule
    left_out: list[str] = field(default_factory=list)  # rules that the run did not come to
    unmeasured: list[Exception] = field(default_factory=list)
    reconnects: int = 0

    @property
    def failures(self) -> list[Exception]:
        """Return what failed, rule by rule."""
        errors = [tally.error for tally in self.tallies.values() if tally.error]
        return [*errors, *self.unmeasured]

    @property
    def stopped(self) -> Stop | None:
        """Return why the run stopped, where it did."""
        return next((tally.stopped for tally in self.tallies.values() if tally.stopped), None)

    @property
    def complete(self) -> bool:
        """Say whether every rule was carried out to its end."""
        return not (self.left_out or self.stopped or self.failures)

    def total(self, what: str) -> int:
        """Sum a count of all tallies."""
        return sum(getattr(tally, what) for tally in self.tallies.values())

    def counted(self, word: str) -> int:
        """Sum one of the preset's words."""
        return sum(tally.counted.get(word, 0) for tally in self.tallies.values())


def result(findings: Findings) -> dict[str, Any]:
    """Return what the function answers."""
    return {
        "statusCode": 200,
        "body": _body(findings),
        "rules": {name: _rule(tally) for name, tally in findings.tallies.items()},
        "outcomes": {outcome: findings.total(outcome) for outcome in OUTCOMES},
        "health": {name: _health(health) for name, health in findings.health.items()},
        "notes": {
            target.rule.name: list(target.notes) for target in findings.targets if target.notes
        },
        "errors": _errors(findings)[:MOST_ERRORS],
        "cutoff": findings.cutoff,
        "complete": findings.complete,
        "stopped": findings.stopped,
        "leftOut": findings.left_out,
        "cursor": None,  # what is done is gone, so that the next run begins where this one ended
        "reconnects": findings.reconnects,
        "durationMs": round(findings.duration_s * 1000),
        "dryRun": findings.dry_run,
        "runId": findings.run_id,
    }


def _body(findings: Findings) -> dict[str, Any]:
    if findings.operation is Operation.BACKFILL:
        filled = {n: tally.counted.get("backfilled", 0) for n, tally in findings.tallies.items()}
        return {"backfilled": sum(filled.values()), "rules": filled}
    body: dict[str, Any] = {
        "deleted": _removed(findings.total("rows"), findings.total("would_delete")),
        "tables": {
            target.rule.name: _removed(tally.rows, tally.would_delete)
            for target in findings.targets
            if (tally := findings.tallies.get(target.rule.name))
        },
    }
    if findings.settings.preset:
        body |= actingweb.counts(findings.tallies, findings.settings.preset.lifetimes)
    return body


def _errors(findings: Findings) -> list[dict[str, str]]:
    errors = [{"type": type(e).__name__, "message": str(e)} for e in findings.failures]
    for name, tally in findings.tallies.items():
        errors += [{"type": ITEM, "message": f"{name}: {reason}"} for reason in tally.reasons]
    return errors


def _removed(rows: int, would_delete: int) -> int:
    return rows + would_delete


def _rule(tally: Tally) -> dict[str, Any]:
    return {
        "listed": tally.listed,
        "deleted": tally.deleted,
        "would_delete": tally.would_delete,
        "changed": tally.changed,
        "failed": tally.failed,
        "unknown": tally.unknown,
        "rows": tally.rows,
        **tally.counted,
        "batches": tally.batches,
        "longestBatchMs": round(tally.longest_s * 1000, 1),
        "stopped": tally.stopped,
        "error": str(tally.error) if tally.error else None,
    }


def _health(health: Health) -> dict[str, Any]:
    return {
        "expired_rows": health.expired_rows,
        "oldest_expired_age_hours": health.oldest_expired_age_hours,
        "protected_rows": health.protected_rows,
        "table_bytes": health.table_bytes,
    }


def metrics(findings: Findings) -> dict[str, float]:
    """Return the metrics of the function; RunsCompleted comes when everything else is done."""
    real = int(not findings.dry_run)
    refused = any(isinstance(error, CapExceededError) for error in findings.failures)
    return {
        "Candidates": findings.total("listed"),
        "Deleted": findings.total("rows"),
        "Changed": findings.total("changed"),
        "Protected": sum(health.protected_rows or 0 for health in findings.health.values()),
        "Unknown": findings.total("unknown"),
        "OrphanedIndexEntries": findings.counted("index_entries") * real,
        "Backfilled": findings.counted("backfilled") * real,
        "GateRefused": int(refused),
        "ReplicaLagStopped": int(findings.stopped is Stop.REPLICA_LAG),
        "RunIncomplete": int(not findings.complete),
        "Failed": findings.total("failed"),
        "CleanupErrors": len(findings.failures) + findings.total("failed"),
        "CleanupDuration": round(findings.duration_s * 1000),
    }


def table_metrics(findings: Findings) -> dict[str, dict[str, float]]:
    """Return the metrics of each table; what could not be measured is left out."""
    found: dict[str, dict[str, float]] = {}
    for target in findings.targets:
        name = target.rule.name
        health = findings.health.get(name, Health())
        tally = findings.tallies.get(name, Tally())
        values = {
            "ExpiredRows": health.expired_rows,
            "OldestExpiredAgeHours": health.oldest_expired_age_hours,
            "TableBytes": health.table_bytes,
            "RowsDeleted": tally.rows,
        }
        found[name] = {metric: value for metric, value in values.items() if value is not None}
    return found
