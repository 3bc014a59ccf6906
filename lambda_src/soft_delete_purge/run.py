"""
One run of the purge: preflight, gate, records, files; then the report.

Every statement goes through the link, every call to AWS through the clients given here, and every
clock through the arguments. A refused gate stops the records, not the files of those that went
before.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expiry.budget import Pace, WritePace
from expiry.errors import ExpiryError
from expiry.outcomes import Outcome
from expiry.postgres.link import Link
from expiry.telemetry import Emitter, MetricTable
from soft_delete_purge import due, gate, outbox, preflight, report, setup
from soft_delete_purge.context import Context
from soft_delete_purge.drain import Drain
from soft_delete_purge.failures import Failures
from soft_delete_purge.purging import Purging
from soft_delete_purge.report import Findings
from soft_delete_purge.request import Operation
from soft_delete_purge.retry import Retries
from soft_delete_purge.sight import Sight, in_buckets, prefixes_of
from soft_delete_purge.terms import Terms, nothing_seen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aws_lambda_powertools.logging import Logger
    from mypy_boto3_s3 import S3Client

    from expiry.budget import Budget
    from expiry.postgres.session import Session
    from soft_delete_purge.preflight import Preflight
    from soft_delete_purge.queues import Queues
    from soft_delete_purge.request import Request
    from soft_delete_purge.retry import Received
    from soft_delete_purge.settings import Settings

METRICS = MetricTable.load(Path(__file__).with_name("metrics.json"))
MOST_HELD = 1_000  # are counted: somebody else must act, and knows by then
CLAIMS = 2**31 - 1  # PostgreSQL's advisory locks take a pair of 4 bytes


@dataclass(frozen=True, slots=True)
class Run:
    """What a run needs from outside. ``connect`` opens a session; True asks for a read-only one."""

    run_id: str
    settings: Settings
    request: Request
    connect: Callable[[bool], Session]
    s3: S3Client
    queues: Queues
    budget: Budget
    logger: Logger
    owner_account_id: str  # the function's own account
    function_name: str = "soft-delete-purge"  # the metrics' dimension
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def execute(self) -> dict[str, Any]:
        """
        Purge (or set up, or redrive) and report; return the function's result.

        Raises:
            MismatchError: The plan does not fit the database; nothing was deleted.
            CapExceededError: More is due than allowed; no record was purged.
            ExpiryError: The work could not be done; running out of time is no error.
        """
        began_s = self.clock()
        findings = Findings(self.run_id, self.settings.plan, self.dry_run)
        with self._link() as link:
            if self.request.operation is Operation.SETUP:
                return self._set_up(link)
            context = self._context(link, findings)
            if self.request.operation is Operation.REDRIVE:
                return self._redriven(context)
            self._purge(context, findings)
            findings.reconnects = link.reconnects
        findings.duration_s = self.clock() - began_s
        return self._reported(findings)

    def retry(self, received: Sequence[Received]) -> dict[str, Any]:
        """
        Try again what messages name; return those that are to come once more.

        Raises:
            ExpiryError: Nothing could be done; all messages come again.
        """
        began_s = self.clock()
        findings = Findings(self.run_id, self.settings.plan, self.dry_run)
        with self._link() as link:
            context = self._context(link, findings)
            purging = Purging(context)
            findings.tally = purging.tally
            answer = Retries(context, purging).run(received)
            try:
                self._drain(context, findings)
            except ExpiryError as error:  # the files wait for the next run, the answer does not
                findings.failures.append(error)
                self.logger.warning("files not drained", extra={"reason": str(error)})
        findings.duration_s = self.clock() - began_s
        self._emitter().emit(self._named(report.counters(findings)))
        extra = {
            "report": report.logged(report.result(findings)),
            "again": len(answer["batchItemFailures"]),
        }
        self.logger.info("retry report", extra=extra)
        return answer

    @property
    def dry_run(self) -> bool:
        """Say whether to look only."""
        return self.settings.dry_run or self.request.dry_run

    # Before anything is touched

    def _link(self) -> Link:
        return Link(self.connect, self.budget, self.sleep, read_only=self.dry_run)

    def _context(self, link: Link, findings: Findings) -> Context:
        """Look at everything; what does not fit is raised here."""
        settings = self.settings
        terms = self._terms(link)
        findings.cutoff = terms.cutoff
        found = findings.preflight = self._checked(link, terms)
        owner = settings.bucket_owner_account_id or self.owner_account_id
        pace = Pace(0, self.clock, self.sleep)
        objects_in = in_buckets(self.s3, owner, pace, self.budget)
        bucket, prefixes = settings.bucket, prefixes_of(settings.plan)
        return Context(
            run_id=self.run_id,
            settings=settings,
            dry_run=self.dry_run,
            link=link,
            bound=found.bound,
            terms=terms,
            failures=Failures(found.bound, settings.max_attempts),
            queues=self.queues,
            look=Sight(objects_in, bucket, prefixes) if bucket else nothing_seen,
            objects_in=objects_in,
            budget=self.budget,
            pace=WritePace(settings.max_records_per_s, self.clock, self.sleep),
            logger=self.logger,
            clock=self.clock,
            sleep=self.sleep,
        )

    def _checked(self, link: Link, terms: Terms) -> Preflight:
        plan, dry_run = self.settings.plan, self.dry_run
        if not dry_run:
            link.attempt(setup.require)
        found = link.attempt(
            lambda session: preflight.check(
                session, plan, terms, limit=self._limit, dry_run=dry_run
            )
        )
        for warning in found.warnings:
            self.logger.warning("preflight", extra={"note": warning})
        return found

    def _terms(self, link: Link) -> Terms:
        settings = self.settings
        age = timedelta(days=settings.retention_days, seconds=settings.clock_skew_s)
        now = link.attempt(lambda session: session.now())
        return Terms(now - age, settings.bucket or "", self.run_id)

    @property
    def _limit(self) -> int:
        most, limit = self.settings.max_records, self.request.limit
        return most if limit is None else min(limit, most)

    # The work

    def _purge(self, context: Context, findings: Findings) -> None:
        """Go through the steps; what ends one does not stop the files of those that went."""
        purging = Purging(context)
        findings.tally = purging.tally
        try:
            keys = self._due(context, findings)
            purging.run(keys)
            self._tidy(context, purging)
        except ExpiryError as error:
            findings.failures.append(error)
        try:
            self._drain(context, findings)
        except ExpiryError as error:
            findings.failures.append(error)

    def _due(self, context: Context, findings: Findings) -> list[str]:
        """Return what to purge; nothing where the gate refuses, but in a dry run, which tells."""
        bound, terms, link = context.bound, context.terms, context.link
        percent = self.settings.max_purge_percent
        findings.due = link.attempt(lambda session: gate.judge(session, bound, terms, percent))
        if (refusal := findings.refusal) is not None:
            if not context.dry_run:
                raise refusal
            findings.warnings.append(str(refusal))
        held = due.held(bound)
        left = f"({self._resting(context, findings)}) or ({held})"
        kept = link.attempt(lambda session: due.count(session, bound, terms, held, MOST_HELD))
        findings.tally.outcomes.counts[Outcome.PROTECTED] += kept
        limit = self._limit
        keys = link.attempt(lambda session: due.keys(session, bound, terms, limit + 1, left))
        findings.more = len(keys) > limit
        return keys[:limit]

    @staticmethod
    def _resting(context: Context, findings: Findings) -> str:
        """Write what is left out; a dry run may come before the setup."""
        if context.dry_run and (missing := context.link.attempt(setup.missing)):
            findings.warnings.append(f"there is no {', '.join(missing)}: {setup.ASK}")
            return "false"
        return context.failures.resting

    @staticmethod
    def _tidy(context: Context, purging: Purging) -> None:
        """Forget the failures of what went, and bury what rests and no operator has seen."""
        if not context.dry_run:
            context.link.attempt(context.failures.forget)
            purging.send_on(context.link.attempt(context.failures.unsent))

    def _drain(self, context: Context, findings: Findings) -> None:
        if not context.dry_run:
            drain = Drain(
                link=context.link,
                bound=context.bound,
                objects_in=context.objects_in,
                budget=self.budget,
                logger=self.logger,
                claim=secrets.randbelow(CLAIMS),
            )
            findings.drained = drain.found
            drain.run()
        if not context.dry_run or not context.link.attempt(setup.missing):
            findings.backlog = context.link.attempt(outbox.backlog)

    # Other operations

    def _set_up(self, link: Link) -> dict[str, Any]:
        settings = self.settings
        made = not self.dry_run and link.attempt(setup.make)
        terms = self._terms(link)
        found = link.attempt(
            lambda session: preflight.check(session, settings.plan, terms, limit=0, dry_run=True)
        )
        role = self.request.role or settings.server.user
        return self._answered(
            Operation.SETUP,
            made=made,
            missing=link.attempt(setup.missing),
            sql=setup.SQL.read_text(encoding="utf-8"),
            grants=setup.grants(found.found, role, iam=settings.password.iam),
            problems=list(found.problems),
        )

    def _redriven(self, context: Context) -> dict[str, Any]:
        count = 0 if self.dry_run else context.link.attempt(context.failures.redrive)
        return self._answered(Operation.REDRIVE, redriven=count)

    def _answered(self, operation: Operation, **told: Any) -> dict[str, Any]:
        common = {"dryRun": self.dry_run, "correlationId": self.run_id}
        answer = {"operation": str(operation), **told, **common}
        self.logger.info("report", extra={"report": answer})
        return answer

    # The end

    def _reported(self, findings: Findings) -> dict[str, Any]:
        answer = report.result(findings)
        emitter = self._emitter()
        emitter.emit(self._named(report.metrics(findings)))
        self.logger.info("report", extra={"report": report.logged(answer)})
        if findings.failures:
            raise findings.failures[0]
        emitter.emit({"RunsCompleted": 1})
        return answer

    def _emitter(self) -> Emitter:
        names = self.settings.metric_names
        units = {names.get(name, name): unit for name, unit in METRICS.units.items()}
        namespace = self.settings.metrics_namespace or METRICS.namespace
        table = replace(METRICS, units=units)
        return Emitter(table, {"FunctionName": self.function_name}, namespace)

    def _named(self, values: dict[str, float]) -> dict[str, float]:
        return {self.settings.metric_names.get(name, name): each for name, each in values.items()}
