"""
Say what a run has done: the result in its known shape with our own keys beside, and the metrics.

Pure: everything comes in with the findings. A dry run's result counts what would have been done,
its metrics only what was.
"""

from __future__ import annotations

import traceback
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from expiry.errors import CapExceededError
from expiry.outcomes import Outcome
from upload_cleanup.context import MOST_ERRORS, OrphanReport
from upload_cleanup.sessions import Standing
from upload_cleanup.sightings import TripwireError

if TYPE_CHECKING:
    from expiry.errors import ExpiryError, StoreError
    from expiry.moment import Moment
    from upload_cleanup.request import Cursor
    from upload_cleanup.session_phase import SessionReport
    from upload_cleanup.settings import Settings
    from upload_cleanup.stream import StreamReport

GIB = 1024**3
GENERAL, ITEM, AUDIT = "GENERAL_ERROR", "ITEM_ERROR", "AUDIT_ERROR"


@dataclass(slots=True)
class Findings:
    """Everything that a run has learned; None for a phase that it did not come to."""

    run_id: str
    settings: Settings
    moment: Moment
    dry_run: bool
    sessions: SessionReport | None = None
    objects: OrphanReport | None = None
    uploads: OrphanReport | None = None
    failures: list[ExpiryError] = field(default_factory=list)
    unwritten: list[StoreError] = field(default_factory=list)  # parts of the audit trail
    duration_s: float = 0.0
    cursor: Cursor | None = None

    @property
    def complete(self) -> bool:
        """Whether everything that was to be done was looked at."""
        return self.cursor is None and not self.failures

    @property
    def orphans(self) -> tuple[OrphanReport, ...]:
        """The reports by absence that there are."""
        return tuple(report for report in (self.objects, self.uploads) if report)

    @property
    def outcomes(self) -> Counter[Outcome]:
        """All candidates, of all phases, by outcome."""
        total: Counter[Outcome] = Counter()
        for report in (self.sessions, *self.orphans):
            if report:
                total.update(report.outcomes.counts)
        return total

    @property
    def freed_bytes(self) -> int:
        """Bytes deleted, or in a dry run those that would be."""
        reports = (self.sessions, *self.orphans)
        return sum(report.freed_bytes for report in reports if report)

    @property
    def errors_total(self) -> int:
        """Errors of phases and of items together."""
        items = sum(report.problems.total for report in (self.sessions, *self.orphans) if report)
        return items + len(self.failures) + len(self.unwritten)


def result(findings: Findings) -> dict[str, Any]:
    """Return what the function answers."""
    sessions, settings = findings.sessions, findings.settings
    freed = "markedBytes" if settings.versioned else "reclaimedBytes"
    return {
        "timestamp": datetime.fromtimestamp(findings.moment.now_s, UTC).isoformat(),
        "requestId": findings.run_id,
        "expiredSessionsCleanup": _sessions(sessions) if sessions else None,
        "orphanedObjectsCleanup": _removed(findings.objects),
        "failedUploadsCleanup": sessions.failed_processed if sessions else None,
        "totalDuration": round(findings.duration_s * 1000),
        "errors": _errors(findings),
        "errorsTotal": findings.errors_total,
        "dryRun": findings.dry_run,
        "complete": findings.complete,
        "cursor": findings.cursor.text() if findings.cursor else None,
        "outcomes": {str(outcome): findings.outcomes[outcome] for outcome in Outcome},
        "markedPartial": sessions.marked_partial if sessions else 0,
        "orphanedUploadsAborted": _removed(findings.uploads),
        "unmatched": findings.objects.unmatched if findings.objects else 0,
        "listed": findings.objects.listed if findings.objects else 0,
        "livingWithoutObject": _living_without_object(findings),
        "sessions": _standings(sessions),
        freed: findings.freed_bytes,
        "estimatedMonthlySavings": round(
            findings.freed_bytes / GIB * settings.price_per_gb_month, 6
        ),
    }


def metrics(findings: Findings) -> dict[str, float]:
    """Return all metrics but RunsCompleted, which comes when everything else is done."""
    outcomes, freed_bytes = findings.outcomes, findings.freed_bytes
    real = int(not findings.dry_run)
    values: dict[str, float] = {
        "CleanupDuration": round(findings.duration_s * 1000),
        "CleanupErrors": findings.errors_total,
        "Candidates": outcomes.total(),
        "Deleted": outcomes[Outcome.DELETED],
        "Gone": outcomes[Outcome.GONE],
        "Changed": outcomes[Outcome.CHANGED],
        "Protected": outcomes[Outcome.PROTECTED],
        "Failed": outcomes[Outcome.FAILED],
        "ReclaimedBytes": 0 if findings.settings.versioned else freed_bytes * real,
        "MarkedBytes": freed_bytes * real if findings.settings.versioned else 0,
        "GateRefused": int(any(_is_refusal(error) for error in findings.failures)),
        "TripwireStopped": int(any(isinstance(e, TripwireError) for e in findings.failures)),
        "RunIncomplete": int(not findings.complete),
        "OrphanedObjectsDeleted": real * (_removed(findings.objects) or 0),
        "OrphanedUploadsAborted": real * (_removed(findings.uploads) or 0),
    }
    if findings.objects:
        values["UnmatchedObjects"] = findings.objects.unmatched
    if (missing := _living_without_object(findings)) is not None:
        values["LivingWithoutObject"] = missing
    return values | (_session_metrics(findings.sessions, real) if findings.sessions else {})


def stream_metrics(found: StreamReport, settings: Settings, *, unwritten: int) -> dict[str, float]:
    """Return the metrics of a batch of the stream; only a scheduled run has completed."""
    counts = found.outcomes.counts
    real_bytes = found.freed_bytes if found.deleted else 0
    return {
        "CleanupErrors": found.problems.total + unwritten,
        "Candidates": found.outcomes.total,
        "Deleted": counts[Outcome.DELETED],
        "Gone": counts[Outcome.GONE],
        "Changed": counts[Outcome.CHANGED],
        "Protected": counts[Outcome.PROTECTED],
        "Failed": counts[Outcome.FAILED],
        "MultipartUploadsAborted": found.aborted,
        "MarkedBytes" if settings.versioned else "ReclaimedBytes": real_bytes,
    }


def _is_refusal(error: Exception) -> bool:
    return isinstance(error, CapExceededError) and not isinstance(error, TripwireError)


def _session_metrics(report: SessionReport, real: int) -> dict[str, float]:
    return {
        "SessionsCleanedUp": real * (report.processed + report.failed_processed),
        "MultipartUploadsAborted": real * report.aborted,
        "MarkedPartial": real * report.marked_partial,
        "UploadedWithTTL": report.census.uploaded_with_ttl,
        "UploadedWithClaim": report.census.uploaded_with_claim,
    }


def _sessions(report: SessionReport) -> dict[str, Any]:
    return {
        "sessionsProcessed": report.processed,
        "multipartUploadsAborted": report.aborted,
        "objectsDeleted": report.objects_deleted,
        "errors": report.problems.kept[:MOST_ERRORS],
    }


def _standings(report: SessionReport | None) -> dict[str, int]:
    if report is None:
        return {}
    census = report.census
    return {
        **{str(standing): census.standings[standing] for standing in Standing},
        "uploaded_with_ttl": census.uploaded_with_ttl,
        "uploaded_with_claim": census.uploaded_with_claim,
    }


def _removed(report: OrphanReport | None) -> int | None:
    if report is None:
        return None
    counts = report.outcomes.counts
    return counts[Outcome.DELETED] + counts[Outcome.WOULD_DELETE]


def _living_without_object(findings: Findings) -> int | None:
    return findings.objects.living_without_object if findings.objects else None


def _errors(findings: Findings) -> list[dict[str, str]]:
    """Return errors of phases first, then those of items by absence, up to the cap."""
    errors = [_error(GENERAL, error) for error in findings.failures]
    errors += [_error(AUDIT, error) for error in findings.unwritten]
    for report in findings.orphans:
        errors += [
            {"type": ITEM, "message": f"{problem['sessionId']}: {problem['error']}", "stack": ""}
            for problem in report.problems.kept
        ]
    return errors[:MOST_ERRORS]


def _error(kind: str, error: Exception) -> dict[str, str]:
    stack = "".join(traceback.format_exception(error))
    return {"type": kind, "message": str(error), "stack": stack}
