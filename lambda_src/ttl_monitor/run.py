"""
One run of the monitor: look at the table, scan it, report.

Calls: dynamodb:DescribeTable, DescribeTimeToLive and Scan; s3:PutObject where there is an export.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expiry.budget import Budget, ReadRate
from expiry.scanning import NumberRange, ScanOutcome, ScanPlan, scan
from expiry.telemetry import Emitter, MetricTable
from ttl_monitor import report
from ttl_monitor.classification import LEAST_MILLISECONDS, Moment
from ttl_monitor.report import Findings
from ttl_monitor.sampling import Segments, choose
from ttl_monitor.settings import TABLE_VARIABLE, Settings
from ttl_monitor.table import Table, describe, time_to_live
from ttl_monitor.tally import Naming, Tally

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_lambda_powertools.logging import Logger
    from mypy_boto3_dynamodb import DynamoDBClient

    from ttl_monitor.export import ExportTarget

METRICS = MetricTable.load(Path(__file__).with_name("metrics.json"))
BYTES_A_READ_UNIT = 8_192  # eventually consistent
ROWS_IN_MEMORY = 12_000  # over all threads
LEAST_PAGE_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Run:
    """What a run needs from outside."""

    run_id: str
    settings: Settings
    client: DynamoDBClient
    budget: Budget
    logger: Logger
    export: ExportTarget | None
    wall_clock: Callable[[], float] = time.time
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def execute(self) -> dict[str, Any]:
        """
        Look, scan and report; return the function's result.

        Raises:
            ExpiryError: The work could not be done; running out of time is no error.
        """
        findings = self._look()
        emitter = Emitter(
            METRICS,
            {"TableName": self.settings.table},
            self.settings.metrics_namespace or METRICS.namespace,
        )
        emitter.emit(report.metrics(findings))
        answer = report.result(findings)
        record = report.record(findings)
        self.logger.info("report", extra=record | _samples(answer))
        if self.export and findings.export_key:
            self.export.put(findings.export_key, record)
        emitter.emit({"RunsCompleted": 1})
        return answer

    def _look(self) -> Findings:
        began_s = self.clock()
        settings = self.settings
        moment = Moment.at(self.wall_clock(), settings.clock_skew_s)
        table = describe(self.client, settings)
        ttl = time_to_live(self.client, settings)
        segments = choose(table.size_bytes, settings.threads, settings.sample_percent, self.run_id)
        naming = Naming(table.keys, settings.ttl_attribute, table.item_id, settings.user_separator)
        tally = Tally(naming, moment, by_segment=segments.sampled)
        outcome = self._scan(table, segments, moment, tally)
        return Findings(
            run_id=self.run_id,
            settings=settings,
            moment=moment,
            table=table,
            ttl=ttl,
            segments=segments,
            tally=tally,
            outcome=outcome,
            duration_s=self.clock() - began_s,
            export_key=self._export_key(moment),
        )

    def _export_key(self, moment: Moment) -> str | None:
        if self.export is None:
            return None
        date = datetime.fromtimestamp(moment.now_s, UTC).date().isoformat()
        return self.export.key(self.settings.table, date, self.run_id)

    def _scan(self, table: Table, segments: Segments, moment: Moment, tally: Tally) -> ScanOutcome:
        settings = self.settings
        plan = ScanPlan(
            table=table.name,
            setting=TABLE_VARIABLE,
            attributes=(*table.keys, settings.ttl_attribute),
            total_segments=segments.total,
            segments=segments.chosen,
            threads=settings.threads,
            page_rows=_page_rows(table, settings),
            # Most rows are live, and there is nothing to say of them but their number.
            leave_out=NumberRange(settings.ttl_attribute, moment.cutoff_s, LEAST_MILLISECONDS),
        )
        rate = ReadRate(settings.max_read_units_per_s, self.clock, self.sleep)
        return scan(self.client, plan, self.budget, rate, tally.take)


def _page_rows(table: Table, settings: Settings) -> int:
    """
    Bound a page: by memory, and by one second's read units where there is a limit.

    A page of 1 MB is 128 read units at once, and small rows make it 10,000 rows or more, which
    take 30 MB while boto3 parses them.
    """
    rows = max(LEAST_PAGE_ROWS, ROWS_IN_MEMORY // settings.threads)
    if settings.max_read_units_per_s and table.item_count:
        row_bytes = max(1.0, table.size_bytes / table.item_count)
        rows = min(rows, int(settings.max_read_units_per_s * BYTES_A_READ_UNIT / row_bytes))
    return max(1, rows)


def _samples(answer: dict[str, Any]) -> dict[str, Any]:
    body = answer["body"]
    return {
        "sample_expired_items": body["expired_stats"]["sample_expired_items"],
        "never_expire_samples": body["never_expire"]["samples"],
        "ttl_reason": body["ttl"]["reason"],
        "export": body["export"],
    }
