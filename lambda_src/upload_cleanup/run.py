"""
One run of the cleanup: sessions, then orphaned objects, then orphaned uploads; then the report.

Calls: dynamodb:DescribeTable, one s3:ListBucket to see whether the bucket is ours; everything else
is the phases' own. Every remote call goes through the two clients given here, and every clock
through the arguments.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expiry.allowance import Allowance
from expiry.bucket import Bucket
from expiry.budget import Budget, Pace
from expiry.errors import ExpiryError, MismatchError
from expiry.moment import Moment
from expiry.multipart import Uploads
from expiry.objects import Objects
from expiry.rows import Rows
from expiry.telemetry import Emitter, MetricTable
from expiry.versions import Versions
from upload_cleanup import report, table
from upload_cleanup.audit import AuditBucket, RunId, Trail
from upload_cleanup.census import Scanner
from upload_cleanup.context import Context, Living, OrphanReport
from upload_cleanup.dry import DryObjects, DryRows, DryUploads
from upload_cleanup.orphan_uploads import UploadPhase
from upload_cleanup.orphans import OrphanPhase
from upload_cleanup.report import Findings
from upload_cleanup.request import Cursor, Operation, PhaseName, Request
from upload_cleanup.restore import restore
from upload_cleanup.session_phase import SessionPhase
from upload_cleanup.settings import AUDIT_VARIABLE, BUCKET_VARIABLE, Settings
from upload_cleanup.stream import StreamRun

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aws_lambda_powertools.logging import Logger
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

    from upload_cleanup.census import Census

METRICS = MetricTable.load(Path(__file__).with_name("metrics.json"))
PHASES = tuple(PhaseName)


@dataclass(frozen=True, slots=True)
class Run:
    """What a run needs from outside."""

    run_id: str
    settings: Settings
    request: Request
    dynamodb: DynamoDBClient
    s3: S3Client
    budget: Budget
    logger: Logger
    owner_account_id: str  # the function's own account
    wall_clock: Callable[[], float] = time.time
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    function_name: str = "upload-cleanup"  # the metrics' dimension

    def execute(self) -> dict[str, Any]:
        """
        Clean up (or restore) and report; return the function's result.

        Raises:
            CapExceededError: A plan by absence was refused; everything else was done.
            ExpiryError: The work could not be done; running out of time is no error.
        """
        began_s = self.clock()
        context = self.context()
        if self.request.operation is Operation.RESTORE:
            return self._restored(context)
        findings = Findings(self.run_id, self.settings, context.moment, context.dry_run)
        self._clean(context, findings)
        context.trail.close()
        findings.unwritten = list(context.trail.errors)
        findings.duration_s = self.clock() - began_s
        return self._reported(findings)

    def stream(self, records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """
        Clean up after sessions that TTL has removed; return the records that are to come again.

        Raises:
            ExpiryError: Nothing could be done; Lambda brings all records again.
        """
        began_s = self.clock()
        context = self.context()
        table.size_bytes(self.dynamodb, self.settings)
        found = StreamRun(context).clean(records)
        context.trail.close()
        values = report.stream_metrics(found, self.settings, unwritten=len(context.trail.errors))
        self._emitter().emit(values | {"CleanupDuration": round((self.clock() - began_s) * 1000)})
        extra = {"outcomes": found.outcomes.as_dict(), "ignored": dict(found.ignored)}
        self.logger.info("stream report", extra=extra | {"errors": found.problems.kept})
        return found.answer

    def context(self) -> Context:
        """Make what the phases share; a dry run gets actors that only read."""
        settings, request = self.settings, self.request
        moment = Moment.at(self.wall_clock(), settings.clock_skew_s)
        dry_run = settings.dry_run or request.dry_run
        pace = Pace(settings.requests_per_s, self.clock, self.sleep)
        owner = settings.bucket_owner_account_id or self.owner_account_id
        bucket = Bucket(self.s3, settings.bucket, owner, pace, BUCKET_VARIABLE)
        limit = settings.max_deletes if request.limit is None else request.limit
        return Context(
            run_id=self.run_id,
            settings=settings,
            request=request,
            dry_run=dry_run,
            moment=moment,
            rows=(DryRows if dry_run else Rows)(
                self.dynamodb,
                settings.table,
                (settings.attributes.session_id,),
                budget=self.budget,
                pace=pace,
                threads=settings.threads,
            ),
            objects=(DryObjects if dry_run else Objects)(bucket, self.budget),
            uploads=(DryUploads if dry_run else Uploads)(bucket),
            versions=Versions(bucket) if settings.restore else None,
            s3=self.s3,
            account_id=self.owner_account_id,
            bucket_owner_account_id=owner,
            budget=self.budget,
            pace=pace,
            allowance=Allowance(min(limit, settings.max_deletes)),
            trail=self._trail(moment, pace, dry_run=dry_run),
            logger=self.logger,
            wall_clock=self.wall_clock,
            clock=self.clock,
            sleep=self.sleep,
        )

    def _trail(self, moment: Moment, pace: Pace, *, dry_run: bool) -> Trail:
        settings = self.settings
        run = RunId(self.run_id, settings.table, settings.bucket, moment.now_s, dry_run)
        if settings.audit is None:
            return Trail(run, self.logger)
        target = settings.audit
        bucket = Bucket(self.s3, target.bucket, self.owner_account_id, pace, AUDIT_VARIABLE)
        return Trail(run, self.logger, AuditBucket(bucket, target.prefix))

    def _clean(self, context: Context, findings: Findings) -> None:
        """Go through the phases; what stops the sessions stops what rests on them."""
        place = self.request.cursor or Cursor(PhaseName.SESSIONS)
        living = Living()
        try:
            table_bytes = table.size_bytes(self.dynamodb, self.settings)
            context.objects.find(self.settings.prefix)  # before anything is claimed
            if place.phase is PhaseName.SESSIONS:
                living = self._sessions(context, findings, table_bytes, place.place)
        except ExpiryError as error:
            findings.failures.append(error)
            return
        if findings.cursor is not None:
            return
        try:
            self._orphans(context, findings, self._all_living(context, living, table_bytes), place)
        except ExpiryError as error:
            findings.failures.append(error)

    def _all_living(self, context: Context, living: Living, table_bytes: int) -> Living:
        """
        Return what is known of all sessions; a run that went on from a cursor reads them again.

        Raises:
            MismatchError: Not all could be read, so that no object is surely an orphan.
        """
        if living.complete:
            return living
        census = Scanner(context, self.dynamodb, table_bytes).run({})
        if not census.living.complete:
            raise MismatchError(
                "the sessions cannot all be read in one run, so that no object is surely an orphan;"
                " raise the function's timeout, memory or SCAN_SEGMENTS"
            )
        return self._trusted(census)

    @staticmethod
    def _trusted(census: Census) -> Living:
        if census.references.crowded:
            raise MismatchError(
                "too many sessions have keys that do not name them, so that no object is surely"
                " an orphan; correct KEY_PATTERN or UPLOAD_PREFIX"
            )
        return census.living

    def _sessions(
        self, context: Context, findings: Findings, table_bytes: int, place: Mapping[str, Any]
    ) -> Living:
        phase = SessionPhase(context, self.dynamodb, table_bytes, place)
        findings.sessions = phase.report
        found = phase.run()
        if found.cursor is not None:
            findings.cursor = Cursor(PhaseName.SESSIONS, found.cursor)
            return found.census.living
        return self._trusted(found.census)

    def _orphans(self, context: Context, findings: Findings, living: Living, place: Cursor) -> None:
        """Go through the phases by absence; an error or refusal of one does not stop the other."""
        if place.phase is not PhaseName.UPLOADS:
            at = place.place if place.phase is PhaseName.OBJECTS else None
            objects = OrphanPhase(context, living, at or None)
            findings.objects = objects.report
            self._phase(findings, PhaseName.OBJECTS, objects)
        at = place.place if place.phase is PhaseName.UPLOADS else None
        uploads = UploadPhase(context, living, at or None)
        findings.uploads = uploads.report
        self._phase(findings, PhaseName.UPLOADS, uploads)

    @staticmethod
    def _phase(findings: Findings, name: PhaseName, phase: OrphanPhase | UploadPhase) -> None:
        found: OrphanReport = phase.report
        try:
            found = phase.run()
        except ExpiryError as error:
            findings.failures.append(error)
        if found.refused:
            findings.failures.append(found.refused)
        if found.cursor is not None and findings.cursor is None:
            findings.cursor = Cursor(name, found.cursor)

    def _restored(self, context: Context) -> dict[str, Any]:
        answer = restore(context)
        context.trail.close()
        self.logger.info("restored", extra={"report": answer})
        return answer

    def _reported(self, findings: Findings) -> dict[str, Any]:
        emitter = self._emitter()
        answer = report.result(findings)
        emitter.emit(report.metrics(findings))
        self.logger.info("report", extra={"report": answer})
        if findings.failures:
            raise findings.failures[0]
        emitter.emit({"RunsCompleted": 1})
        return answer

    def _emitter(self) -> Emitter:
        namespace = self.settings.metrics_namespace or METRICS.namespace
        return Emitter(METRICS, {"FunctionName": self.function_name}, namespace)
