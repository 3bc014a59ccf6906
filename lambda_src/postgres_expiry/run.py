"""
One run: preflight of everything, then rule by rule, then what the monitoring asks for.

Every statement goes through the link; every clock through the arguments.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expiry.errors import ConnectError, ConnectionLostError, EventError, ExpiryError, SettingsError
from expiry.postgres.link import Link
from expiry.postgres.pacing import RowPace
from expiry.telemetry import Emitter, MetricTable
from postgres_expiry import actingweb, backfill, deletion, dry, monitoring, report
from postgres_expiry.deletion import Means, Tally
from postgres_expiry.predicates import rendered
from postgres_expiry.preflight import Preflight
from postgres_expiry.report import Findings
from postgres_expiry.request import Operation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aws_lambda_powertools.logging import Logger

    from expiry.budget import Budget
    from expiry.postgres.session import Session
    from postgres_expiry.preflight import Target
    from postgres_expiry.request import Request
    from postgres_expiry.settings import Settings

METRICS = MetricTable.load(Path(__file__).with_name("metrics.json"))
Step = tuple[str, "Callable[[Means, Tally], None]"]


@dataclass(frozen=True, slots=True)
class Run:
    """What a run needs from outside. ``connect`` opens a session; True asks for a read-only one."""

    run_id: str
    settings: Settings
    request: Request
    connect: Callable[[bool], Session]
    budget: Budget
    logger: Logger
    function_name: str = "postgres-expiry"  # the metrics' dimension
    emits: bool = True  # metrics; the command has nobody to read them
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def execute(self) -> dict[str, Any]:
        """
        Clean up (or backfill) and report; return the function's result.

        Raises:
            MismatchError: A table cannot be cleaned up safely; nothing was deleted.
            CapExceededError: A plan by absence was refused; everything else was done.
            ExpiryError: The work could not be done; running out of time is no error.
        """
        began_s = self.clock()
        self._check_request()
        dry_run = self.settings.dry_run or self.request.dry_run
        findings = Findings(self.run_id, self.settings, self.request.operation, dry_run)
        with Link(self.connect, self.budget, self.sleep, read_only=dry_run) as link:
            findings.targets = link.attempt(self._preflight(dry_run=dry_run))
            means = self._means(link)
            findings.cutoff = means.cutoff
            self._work(means, findings)
            self._measure(means, findings)
            findings.reconnects = link.reconnects
        findings.duration_s = self.clock() - began_s
        return self._reported(findings)

    def _check_request(self) -> None:
        if self.request.operation is Operation.BACKFILL and self.settings.preset is None:
            raise EventError(["the operation backfill needs PRESET"])
        known = [*self.settings.tables]
        known += actingweb.RULE_NAMES if self.settings.preset else ()
        if unknown := sorted((self.request.tables or frozenset()) - set(known)):
            raise EventError(
                [f"tables names {', '.join(unknown)}, and there are {', '.join(known)}"]
            )
        if not known:
            raise SettingsError(["no table is set"])

    def _wanted(self, name: str) -> bool:
        return self.request.tables is None or name in self.request.tables

    def _preflight(self, *, dry_run: bool) -> Callable[[Session], list[Target]]:
        # The preset's rules are on its table, so that one is looked at whatever was asked for.
        rules = [
            rule
            for rule in self.settings.tables.values()
            if self.settings.preset or self._wanted(rule.name)
        ]

        def work(session: Session) -> list[Target]:
            targets = Preflight(session, self.settings, dry_run=dry_run).check(rules)
            if self.settings.preset:
                actingweb.check(targets[0])
            for target in targets:
                for note in target.notes:
                    extra = {"table": target.rule.name, "note": note}
                    self.logger.info("preflight", extra=extra)
            return targets

        return work

    def _means(self, link: Link) -> Means:
        settings, limit = self.settings, self.request.limit
        statement = rendered("cutoff", clock_skew_s=settings.clock_skew_s)
        (cutoff,) = link.attempt(deletion.one_row(statement, {}))
        most = settings.max_deletes
        return Means(
            link=link,
            settings=settings,
            cutoff=cutoff,
            left=most if limit is None else min(limit, most),
            budget=self.budget,
            pace=RowPace(settings.max_rows_per_s, self.clock),
            clock=self.clock,
            sleep=self.sleep,
        )

    def _steps(self, findings: Findings) -> Iterator[Step]:
        """Return the rules in their order: the application's own before the TTL of its table."""
        dry_run, preset = findings.dry_run, self.settings.preset
        if preset and self.request.operation is Operation.BACKFILL:
            for filling in backfill.fillings(findings.targets[0], preset.lifetimes):
                yield filling.name, _filler(findings.targets[0], filling, dry_run=dry_run)
            return
        if preset:
            cleanup = actingweb.Cleanup(findings.targets[0], preset.lifetimes, dry_run=dry_run)
            size = findings.targets[0].rule.batch_size
            for index in actingweb.INDEX_RULES:
                yield index.name, _sweeper(cleanup, index, size)
            for rule in actingweb.expired_rules(preset.lifetimes):
                yield rule.name, _expirer(cleanup, rule, size, dry_run=dry_run)
        for target in findings.targets:
            yield target.rule.name, _deleter(target, dry_run=dry_run)

    def _work(self, means: Means, findings: Findings) -> None:
        """Go through the rules; what fails one does not stop the others, unless it is the link."""
        lost = False
        for name, step in self._steps(findings):
            if not self._wanted(name):
                continue
            if lost or findings.stopped:
                findings.left_out.append(name)
                continue
            tally = findings.tallies.setdefault(name, Tally())
            try:
                step(means, tally)
            except ExpiryError as error:
                tally.error = error
                lost = isinstance(error, ConnectError | ConnectionLostError)
                extra = {"rule": name, "error": type(error).__name__, "reason": str(error)}
                self.logger.warning("rule failed", extra=extra)

    def _measure(self, means: Means, findings: Findings) -> None:
        for target in findings.targets:
            if not self._wanted(target.rule.name) or not means.link.session.is_open:
                continue
            try:
                health = monitoring.measure(means.link.session, target, means.cutoff)
            except ExpiryError as error:
                findings.unmeasured.append(error)
            else:
                findings.health[target.rule.name] = health

    def _reported(self, findings: Findings) -> dict[str, Any]:
        answer = report.result(findings)
        if self.emits:
            namespace = self.settings.metrics_namespace or METRICS.namespace
            for name, values in report.table_metrics(findings).items():
                dimensions = {"FunctionName": self.function_name, "Table": name}
                Emitter(METRICS, dimensions, namespace).emit(values)
            emitter = Emitter(METRICS, {"FunctionName": self.function_name}, namespace)
            emitter.emit(report.metrics(findings))
        self.logger.info("report", extra={"report": answer})
        if findings.failures:
            raise findings.failures[0]
        if self.emits:
            emitter.emit({"RunsCompleted": 1})
        return answer


def _deleter(target: Target, *, dry_run: bool) -> Callable[[Means, Tally], None]:
    def step(means: Means, tally: Tally) -> None:
        actor = dry if dry_run else deletion
        actor.delete(means, target.doomed, target.rule.batch_size, tally)

    return step


def _expirer(
    cleanup: actingweb.Cleanup, rule: actingweb.ExpiredRule, size: int, *, dry_run: bool
) -> Callable[[Means, Tally], None]:
    def step(means: Means, tally: Tally) -> None:
        tally.unknown += cleanup.count_unknown(means, rule)
        (dry if dry_run else deletion).delete(means, cleanup.expired(rule), size, tally)

    return step


def _sweeper(
    cleanup: actingweb.Cleanup, rule: actingweb.IndexRule, size: int
) -> Callable[[Means, Tally], None]:
    def step(means: Means, tally: Tally) -> None:
        cleanup.sweep(means, rule, tally, size)

    return step


def _filler(
    target: Target, filling: backfill.Filling, *, dry_run: bool
) -> Callable[[Means, Tally], None]:
    def step(means: Means, tally: Tally) -> None:
        if dry_run:
            backfill.count(means, target, filling, tally)
        else:
            backfill.fill(means, target, filling, tally, target.rule.batch_size)

    return step
