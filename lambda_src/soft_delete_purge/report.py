"""
Say what a run did: the function's result, and its metrics.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from expiry.outcomes import Outcome
from soft_delete_purge.drain import Drained
from soft_delete_purge.purging import Tally
from soft_delete_purge.urls import FOREIGN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from expiry.errors import CapExceededError
    from soft_delete_purge.gate import Due
    from soft_delete_purge.outbox import Backlog
    from soft_delete_purge.plan import Plan
    from soft_delete_purge.preflight import Preflight
    from soft_delete_purge.purged import DoomedObject, Purged

MOST_ERRORS = 100
MOST_RECORDS = 1_000  # of a dry run, in the result
MOST_FILES = 10_000
HOUR_S = 3_600
ITEM, FILE = "RecordError", "FileError"


@dataclass(slots=True)
class Findings:
    """All that a run has found out, as it goes."""

    run_id: str
    plan: Plan
    dry_run: bool
    cutoff: datetime | None = None
    preflight: Preflight | None = None
    due: Due | None = None
    more: bool = False  # is due than the run may take up
    tally: Tally = field(default_factory=Tally)
    drained: Drained = field(default_factory=Drained)
    backlog: Backlog | None = None  # None: not known
    failures: list[Exception] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    reconnects: int = 0
    duration_s: float = 0.0

    @property
    def refusal(self) -> CapExceededError | None:
        """Return why the gate let nothing pass."""
        return self.due.refusal if self.due else None

    @property
    def complete(self) -> bool:
        """Say whether all that was due was dealt with, and S3 asked for every file."""
        left = self.more or self.tally.stopped or self.refusal or self.failures
        return not left and self.drained.complete and not self.drained.trouble

    @property
    def processed(self) -> int:
        """Count the records that were tried; those that others' rows hold are left alone."""
        outcomes = self.tally.outcomes
        return outcomes.total - outcomes.counts[Outcome.PROTECTED]

    @property
    def returned(self) -> int:
        """
        Count the rows that were given back.

        Where a reference is only cut (by a NULL) nothing returns to anybody, unless no release
        does more.
        """
        given = {
            release.name
            for release in self.plan.release
            if any(value is not None for value in release.values.values())
        }
        released = self.tally.released
        return sum(rows for name, rows in released.items() if name in given or not given)

    @property
    def duration_ms(self) -> int:
        """Return how long the run took."""
        return round(self.duration_s * 1000)


def result(findings: Findings) -> dict[str, Any]:
    """Return what the function answers; a dry run tells what would have been."""
    tally, drained = findings.tally, findings.drained
    backlog = findings.backlog
    return {
        "processed": findings.processed,
        "failed": tally.outcomes.counts[Outcome.FAILED],
        "s3Deleted": tally.objects if findings.dry_run else drained.outcomes[Outcome.DELETED],
        "orphanedImages": tally.shared_deleted.total(),
        "bricksReturned": findings.returned,
        "duration": findings.duration_ms,
        "outcomes": tally.outcomes.as_dict(),
        "steps": _steps(findings),
        "outboxPending": backlog.pending if backlog else None,
        "outboxOldestAgeHours": _hours(backlog.oldest_age_s) if backlog else None,
        "due": findings.due.records if findings.due else None,
        "gate": _gate(findings),
        "preflight": _preflight(findings.preflight),
        "records": _records(tally.records[:MOST_RECORDS]),
        "errors": _errors(findings)[:MOST_ERRORS],
        "warnings": [*findings.warnings, *tally.warnings],
        "complete": findings.complete,
        "stopped": tally.stopped or ("limit" if findings.more else None),
        "cursor": None,  # what is purged is gone, so that the next run begins where this one ended
        "cutoff": findings.cutoff.isoformat() if findings.cutoff else None,
        "reconnects": findings.reconnects,
        "dryRun": findings.dry_run,
        "correlationId": findings.run_id,
    }


def logged(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return what one line of a log holds of an *answer*: each record has a line of its own."""
    return {name: value for name, value in answer.items() if name != "records"}


def _steps(findings: Findings) -> dict[str, Any]:
    tally, drained = findings.tally, findings.drained
    return {
        "children": dict(tally.children),
        "released": dict(tally.released),
        "sharedDeleted": dict(tally.shared_deleted),
        "sharedKept": dict(tally.shared_kept),
        "kept": dict(tally.kept),
        "objects": {
            "enqueued": tally.objects,
            "enqueuedBytes": tally.object_bytes,
            **{str(outcome): drained.outcomes[outcome] for outcome in Outcome},
            "settling": drained.settling,
            "freedBytes": drained.freed_bytes,
            "markedBytes": drained.marked_bytes,
            "trouble": drained.trouble or None,
        },
    }


def _gate(findings: Findings) -> dict[str, Any] | None:
    if findings.due is None:
        return None
    refusal = findings.refusal
    return {
        "cap": findings.due.cap,
        "maxPurgePercent": findings.due.percent,
        "refused": refusal is not None,
        "reason": str(refusal) if refusal else None,
    }


def _preflight(found: Preflight | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "warnings": list(found.warnings),
        "blastRadius": dict(found.blast_radius),
        "references": [
            {
                "constraint": key.name,
                "table": str(key.table),
                "columns": list(key.columns),
                "to": str(key.to),
                "onDelete": str(key.on_delete),
                "indexed": key.indexed,
            }
            for key in found.references
        ],
        "blocked": [
            {
                "constraint": each.foreign_key.name,
                "table": str(each.foreign_key.table),
                "rows": each.rows,
            }
            for each in found.blocked
        ],
    }


def _records(purged: Sequence[Purged]) -> list[dict[str, Any]]:
    """Return what a dry run tells of each record; of files as many as an answer of Lambda holds."""
    left, told = MOST_FILES, []
    for each in purged:
        files = each.objects[:left]
        left -= len(files)
        told.append(_record(each, files))
    return told


def _record(purged: Purged, files: Sequence[DoomedObject]) -> dict[str, Any]:
    return {
        "record": purged.key,
        "children": dict(purged.children),
        "released": dict(purged.released),
        "sharedDeleted": dict(purged.shared_deleted),
        "sharedKept": dict(purged.shared_kept),
        "objects": [{"key": each.key, "bytes": each.size, "source": each.source} for each in files],
        "objectsLeftOut": len(purged.objects) - len(files),
        "kept": dict(purged.kept),
    }


def _errors(findings: Findings) -> list[dict[str, str]]:
    errors = [{"type": type(e).__name__, "message": str(e)} for e in findings.failures]
    errors += [{"type": ITEM, "record": key, "message": r} for key, r in findings.tally.errors]
    return errors + [{"type": FILE, "key": key, "message": r} for key, r in findings.drained.errors]


def metrics(findings: Findings) -> dict[str, float]:
    """Return the metrics of a run; RunsCompleted comes when everything else is done."""
    values = counters(findings) | {
        "GateRefused": int(findings.refusal is not None),
        "RunIncomplete": int(not findings.complete),
    }
    if findings.backlog is not None:
        values["OutboxPending"] = findings.backlog.pending
        values["OutboxOldestAgeHours"] = _hours(findings.backlog.oldest_age_s)
    return values


def counters(findings: Findings) -> dict[str, float]:
    """Return what a retry counts, too. A dry run purges nothing, and counts nothing of it."""
    tally, drained, real = findings.tally, findings.drained, int(not findings.dry_run)
    outcomes = tally.outcomes.counts
    return {
        "ItemsProcessed": findings.processed * real,
        "ItemsFailed": outcomes[Outcome.FAILED],
        "S3FilesDeleted": drained.outcomes[Outcome.DELETED],
        "ImagesOrphaned": tally.shared_deleted.total() * real,
        "BricksReturned": findings.returned * real,
        "Duration": findings.duration_ms,
        "Candidates": tally.outcomes.total,
        "Deleted": outcomes[Outcome.DELETED],
        "Gone": outcomes[Outcome.GONE],
        "Changed": outcomes[Outcome.CHANGED],
        "Protected": outcomes[Outcome.PROTECTED] + drained.outcomes[Outcome.PROTECTED],
        "Failed": outcomes[Outcome.FAILED] + drained.outcomes[Outcome.FAILED],
        "ForeignUrls": tally.kept[FOREIGN],
    }


def _hours(age_s: float) -> float:
    return round(max(0.0, age_s / HOUR_S), 3)
