"""
One run of the cleanup: rule by rule, in an order shuffled by the run's id; then the report.

Calls: those of ``table``, ``orphans``, ``expired`` and ``backfill``. Every remote call goes through
the client given here, and every clock through the arguments.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expiry.allowance import Allowance
from expiry.budget import WritePace
from expiry.errors import EventError, ExpiryError
from expiry.groups import Groups
from expiry.moment import Moment
from expiry.rows import Rows
from expiry.telemetry import Emitter, MetricTable
from index_cleanup import report
from index_cleanup.backfill import BackfillPhase
from index_cleanup.context import Context
from index_cleanup.dry import DryGroups, DryRows
from index_cleanup.expired import ExpiredPhase
from index_cleanup.orphans import OrphanPhase
from index_cleanup.report import Findings
from index_cleanup.request import Cursor, Operation, Request
from index_cleanup.rules import OrphanRule
from index_cleanup.table import Table, describe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aws_lambda_powertools.logging import Logger
    from mypy_boto3_dynamodb import DynamoDBClient

    from expiry.budget import Budget
    from expiry.statements import Value
    from index_cleanup.rules import Rule
    from index_cleanup.settings import Settings

METRICS = MetricTable.load(Path(__file__).with_name("metrics.json"))
LEAST_RULE_S = 2.0


@dataclass(frozen=True, slots=True)
class Run:
    """What a run needs from outside."""

    run_id: str
    settings: Settings
    request: Request
    dynamodb: DynamoDBClient
    budget: Budget
    logger: Logger
    function_name: str = "index-cleanup"  # the metrics' dimension
    wall_clock: Callable[[], float] = time.time
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def execute(self) -> dict[str, Any]:
        """
        Clean up (or backfill) and report; return the function's result.

        Raises:
            EventError: The request names a rule that there is not; nothing was done.
            CapExceededError: A plan by absence was refused; everything else was done.
            ExpiryError: The work could not be done; running out of time is no error.
        """
        began_s = self.clock()
        left = self._left()
        dry_run = self.settings.dry_run or self.request.dry_run
        findings = Findings(self.run_id, self.settings, self.request.operation, dry_run)
        try:
            findings.table = describe(self.dynamodb, self.settings)
            self._clean(self._context(findings.table, dry_run=dry_run), findings, left)
            if failure := findings.fruitless():
                findings.failures.append(("", failure))
        except ExpiryError as error:
            findings.failures.append(("", error))
        findings.duration_s = self.clock() - began_s
        return self._reported(findings)

    def _left(self) -> dict[str, Value | None]:
        """Return the rules to run, in their order, each with its place."""
        rules, request = self.settings.rules, self.request
        if request.cursor:
            left = dict(request.cursor.left)
        elif request.rules is not None:
            left = dict.fromkeys(request.rules)
        else:
            names = list(rules)
            order = random.Random(self.run_id).sample(names, len(names))  # noqa: S311 - a fair order, no secret
            left = dict.fromkeys(order)
        if unknown := sorted(left.keys() - rules.keys()):
            known = ", ".join(rules)
            raise EventError([f"there is no rule {', '.join(unknown)} (known: {known})"])
        return left

    def _context(self, table: Table, *, dry_run: bool) -> Context:
        """Make what the rules share; a dry run gets actors that only read."""
        settings, limit = self.settings, self.request.limit
        most = settings.max_deletes if limit is None else min(limit, settings.max_deletes)
        means: dict[str, Any] = {
            "budget": self.budget,
            "pace": WritePace(settings.write_units_per_s, self.clock, self.sleep),
            "threads": settings.threads,
        }
        place = (self.dynamodb, table.name, table.key_names)
        return Context(
            settings=settings,
            table=table,
            most_deletes=most,
            moment=Moment.at(self.wall_clock(), settings.clock_skew_s),
            client=self.dynamodb,
            rows=(DryRows if dry_run else Rows)(*place, **means),
            groups=(DryGroups if dry_run else Groups)(*place, **means),
            budget=self.budget,
            allowance=Allowance(most),
            logger=self.logger,
        )

    def _clean(
        self, context: Context, findings: Findings, left: Mapping[str, Value | None]
    ) -> None:
        """Go through the rules; an error or a refusal of one does not stop the others."""
        open_rules: dict[str, Value | None] = {}
        for name, place in left.items():
            if not self.budget.allows(LEAST_RULE_S):
                open_rules[name] = place
                continue
            phase = self._phase(context, self.settings.rules[name], place)
            found = findings.reports[name] = phase.report
            try:
                phase.run()
            except ExpiryError as error:
                findings.failures.append((name, error))
                continue
            if found.refused:
                findings.failures.append((name, found.refused))
            elif not found.complete:
                open_rules[name] = found.place
        if open_rules:
            findings.cursor = Cursor(self.request.operation, open_rules)

    def _phase(
        self, context: Context, rule: Rule, place: Value | None
    ) -> OrphanPhase | ExpiredPhase | BackfillPhase:
        if self.request.operation is Operation.BACKFILL:
            return BackfillPhase(context, rule, place)
        if isinstance(rule, OrphanRule):
            return OrphanPhase(context, rule, place)
        return ExpiredPhase(context, rule, place)

    def _reported(self, findings: Findings) -> dict[str, Any]:
        namespace = self.settings.metrics_namespace or METRICS.namespace
        emitter = Emitter(METRICS, {"FunctionName": self.function_name}, namespace)
        answer = report.result(findings)
        emitter.emit(report.metrics(findings))
        self.logger.info("report", extra={"report": answer})
        if findings.failures:
            _, error = findings.failures[0]
            raise error
        emitter.emit({"RunsCompleted": 1})
        return answer
