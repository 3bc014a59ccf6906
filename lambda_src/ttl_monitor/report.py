"""
Say what a run has found: the result, the metrics, and one flat record for logs and export.

Pure: everything comes in with the findings. Counts of the table are estimates where the run
sampled, and lower bounds where it stopped early; both say so.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ttl_monitor.classification import NEVER, Moment, Standing
from ttl_monitor.heavy_hitters import COUNTERS
from ttl_monitor.sampling import LEAST_SAMPLED, Segments
from ttl_monitor.statistics import CONFIDENCE_PERCENT, Estimate, estimate
from ttl_monitor.tally import Tally, hours

if TYPE_CHECKING:
    from expiry.scanning import ScanOutcome
    from ttl_monitor.settings import Settings
    from ttl_monitor.table import Table, TimeToLive

MESSAGE = "Cleanup monitoring completed successfully"
COUNTS_NOTE = "item_count and table_size_bytes are DescribeTable's, about six hours old"
TOP_USERS = 10
NOT_ALL = 99.9  # what a share is shown as at most while something is left


@dataclass(frozen=True)
class Findings:
    """Everything that a run has learned."""

    run_id: str
    settings: Settings
    moment: Moment
    table: Table
    ttl: TimeToLive
    segments: Segments
    tally: Tally
    outcome: ScanOutcome
    duration_s: float
    export_key: str | None

    @property
    def complete(self) -> bool:
        """Whether everything that was to be read was read."""
        return self.outcome.stopped is None

    @property
    def scanned_at(self) -> datetime:
        """When the run fixed its time."""
        return datetime.fromtimestamp(self.moment.now_s, UTC)

    @cached_property
    def estimates(self) -> dict[Standing | None, Estimate] | None:
        """Estimates by standing, None for all rows; None where the run did not sample enough."""
        finished = sorted(self.outcome.finished)
        if self.tally.segments is None or len(finished) < LEAST_SAMPLED:
            return None
        counts = [self.tally.segments[segment] for segment in finished]
        rows = [count.total() for count in counts]
        total = self.segments.total
        found = {kind: [count[kind] for count in counts] for kind in Standing}
        estimates: dict[Standing | None, Estimate] = {
            kind: estimate(values, rows, total) for kind, values in found.items()
        }
        estimates[None] = estimate(rows, rows, total)
        return estimates

    def count(self, standing: Standing) -> int:
        """Return the table's count: estimated in a sample, else as seen."""
        if self.estimates is not None:
            return self.estimates[standing].value
        return self.tally.counts[standing]

    def age_hours(self, expires_at_s: int | None) -> float | None:
        """Return how long ago that was, in hours; None for no row."""
        return None if expires_at_s is None else hours(self.moment.now_s - expires_at_s)

    @property
    def share_seen_percent(self) -> float:
        """The share of the table that was read; segments begun count by the rows they gave."""
        expected = self.table.item_count / self.segments.total
        begun = sum(
            min(rows / expected, NOT_ALL / 100) if expected else 0.0
            for rows in self.outcome.partial_rows.values()
        )
        percent = 100 * (len(self.outcome.finished) + begun) / self.segments.total
        if len(self.outcome.finished) == self.segments.total:
            return 100.0
        return round(min(percent, NOT_ALL), 3)


def result(findings: Findings) -> dict[str, Any]:
    """Return what the function answers."""
    tally, table = findings.tally, findings.table
    expired = findings.count(Standing.EXPIRED)
    body = {
        "message": MESSAGE,
        "summary": {
            "table_name": table.name,
            "table_item_count": table.item_count,
            "expired_count": expired,
            "scan_timestamp": findings.scanned_at.isoformat(),
        },
        "expired_stats": {
            "expired_count": expired,
            "oldest_expired_ago_hours": findings.age_hours(tally.oldest_s),
            "newest_expired_ago_hours": findings.age_hours(tally.newest_s),
            "sample_expired_items": tally.oldest_samples(),
        },
        "table_metrics": {
            "item_count": table.item_count,
            "table_size_bytes": table.size_bytes,
            "table_status": table.status,
        },
        "table_metrics_note": COUNTS_NOTE,
        "environment": findings.settings.environment,
        "run_id": findings.run_id,
        "never_expire": {str(kind): findings.count(kind) for kind in NEVER}
        | {"samples": {str(kind): tally.never_samples[kind] for kind in NEVER}},
        "ttl": _ttl(findings.ttl),
        "top_users": _top_users(findings),
        "scan": _scan(findings),
        "estimate": _estimate(findings),
        "duration_s": round(findings.duration_s, 3),
        "export": _location(findings),
    }
    return {"statusCode": 200, "body": body}


def metrics(findings: Findings) -> dict[str, float]:
    """Return all metrics but RunsCompleted, which comes when everything else is done."""
    return {
        "ExpiredCount": findings.count(Standing.EXPIRED),
        "OldestExpiredAgeHours": findings.age_hours(findings.tally.oldest_s) or 0.0,
        "NeverExpireMissing": findings.count(Standing.MISSING),
        "NeverExpireWrongType": findings.count(Standing.WRONG_TYPE),
        "NeverExpireTooOld": findings.count(Standing.TOO_OLD),
        "NeverExpireMilliseconds": findings.count(Standing.MILLISECONDS),
        "RowsScanned": findings.outcome.rows,
        "ReadUnitsUsed": findings.outcome.read_units,
        "TableShareSeenPercent": findings.share_seen_percent,
        "TTLMisconfigured": int(findings.ttl.misconfigured),
        "RunIncomplete": int(not findings.complete),
    }


def record(findings: Findings) -> dict[str, Any]:
    """Return the run as one flat record; its names are columns in Athena and Logs Insights."""
    expired = findings.estimates[Standing.EXPIRED] if findings.estimates else None
    outcome = findings.outcome
    return {
        "run_id": findings.run_id,
        "environment": findings.settings.environment,
        "table_name": findings.table.name,
        "scan_timestamp": findings.scanned_at.isoformat(),
        "table_item_count": findings.table.item_count,
        "table_size_bytes": findings.table.size_bytes,
        "table_status": findings.table.status,
        "expired_count": findings.count(Standing.EXPIRED),
        "expired_count_low": expired.low if expired else None,
        "expired_count_high": expired.high if expired else None,
        "is_estimate": expired is not None,
        "oldest_expired_ago_hours": findings.age_hours(findings.tally.oldest_s),
        "newest_expired_ago_hours": findings.age_hours(findings.tally.newest_s),
        **{f"never_expire_{kind}": findings.count(kind) for kind in NEVER},
        "ttl_status": findings.ttl.status,
        "ttl_attribute": findings.ttl.attribute,
        "ttl_misconfigured": findings.ttl.misconfigured,
        "complete": findings.complete,
        "stopped": outcome.stopped,
        "share_seen_percent": findings.share_seen_percent,
        "rows_scanned": outcome.rows,
        "read_units": outcome.read_units,
        "pages": outcome.pages,
        "duration_s": round(findings.duration_s, 3),
        "top_users": _top_users(findings)["users"],
    }


def _ttl(ttl: TimeToLive) -> dict[str, Any]:
    return asdict(ttl) | {"misconfigured": ttl.misconfigured}


def _top_users(findings: Findings) -> dict[str, Any]:
    tally = findings.tally
    return {
        "users": [
            {"user": user, "expired_count": count} for user, count in tally.users.top(TOP_USERS)
        ],
        "algorithm": f"Misra-Gries, {COUNTERS} counters",
        "count_error": tally.users.error,
        "without_separator": tally.without_separator,
        "note": "of the rows seen; each true count is at most count_error higher",
    }


def _scan(findings: Findings) -> dict[str, Any]:
    outcome, segments = findings.outcome, findings.segments
    return {
        "complete": findings.complete,
        "stopped": outcome.stopped,
        "share_seen_percent": findings.share_seen_percent,
        "pages": outcome.pages,
        "rows": outcome.rows,
        "read_units": outcome.read_units,
        "segments": segments.total,
        "segments_chosen": len(segments.chosen),
        "segments_scanned": len(outcome.finished),
        "sampled": segments.sampled,
        "sample_percent": findings.settings.sample_percent,
        "seen": {str(kind): findings.tally.counts[kind] for kind in Standing},
        "cutoff": datetime.fromtimestamp(findings.moment.cutoff_s, UTC).isoformat(),
        "note": _scan_note(findings),
    }


def _scan_note(findings: Findings) -> str:
    if findings.estimates is not None:
        return "counts are estimates from the segments read; ages and samples are of the rows seen"
    if not findings.complete:
        return "stopped in time before the function's timeout; counts are lower bounds"
    return "every row was read; ages count from scan_timestamp, expired means before the cutoff"


def _estimate(findings: Findings) -> dict[str, Any] | None:
    if findings.estimates is None:
        return None
    by_name = {kind: asdict(value) for kind, value in findings.estimates.items()}
    return {
        "is_estimate": True,
        "confidence_percent": CONFIDENCE_PERCENT,
        "method": "cluster sample of whole segments, each with the same chance",
        "segments_sampled": len(findings.outcome.finished),
        "segments_total": findings.segments.total,
        "expired_count": by_name[Standing.EXPIRED],
        "never_expire": {str(kind): by_name[kind] for kind in NEVER},
        "rows": by_name[None],
    }


def _location(findings: Findings) -> dict[str, str] | None:
    export = findings.settings.export
    if export is None or findings.export_key is None:
        return None
    key = findings.export_key
    return {"bucket": export.bucket, "key": key, "uri": f"s3://{export.bucket}/{key}"}
