"""
The table's health: what it said of itself, and what the rules have left.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from expiry.outcomes import Outcome, Result
from expiry.telemetry import MetricTable
from index_cleanup.context import RuleReport
from index_cleanup.health import Health
from index_cleanup.table import Table
from tools.terraform import ROOT

TABLE = Table("attributes", ("id", "bucket_name"), "ttl", True, 120, 3_000)  # noqa: FBT003 - as described
METRICS = MetricTable.load(Path(ROOT) / "lambda_src" / "index_cleanup" / "metrics.json")


def report(*, orphans: int = 0, expired: int = 0, **ended: int) -> RuleReport:
    """Return what a rule has found, and how so many of it ended."""
    nobody: Any = None
    made = RuleReport(nobody, orphans=orphans, expired=expired)
    made.settle(
        Result(nobody, Outcome(name)) for name, count in ended.items() for _ in range(count)
    )
    return made


def test_health_backlog_is_what_was_found_dead_and_is_still_there() -> None:
    """What failed, or was not tried, is left; what somebody renewed is not dead any more."""
    reports = [
        report(expired=10, deleted=3, gone=1, changed=1, failed=2),
        report(orphans=5, expired=2, deleted=5),
    ]

    assert Health.of(TABLE, reports).expired_backlog == 5 + 2


def test_health_backlog_of_a_dry_run_is_all_that_was_found() -> None:
    """It deleted nothing."""
    found = Health.of(TABLE, [report(orphans=4, would_delete=4)])

    assert found.expired_backlog == 4


def test_health_says_what_the_table_said() -> None:
    """For the result."""
    assert Health.of(TABLE, []).as_dict() == {
        "itemCount": 120,
        "tableBytes": 3_000,
        "ttlEnabled": True,
        "expiredBacklog": 0,
    }


def test_health_metrics_are_in_the_table_of_metrics() -> None:
    """An alarm rests on each."""
    found = Health.of(TABLE, [report(expired=1)]).metrics()

    assert found == {"ItemCount": 120, "TableBytes": 3_000, "ExpiredBacklog": 1}
    assert set(found) <= set(METRICS.units)
