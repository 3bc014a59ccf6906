"""
What a purge answers: counts in the words of its story, within what an answer and a line can hold.
"""

from __future__ import annotations

import json

import pytest

from expiry.errors import ExpiryError
from expiry.outcomes import Outcome
from soft_delete_purge import report
from soft_delete_purge.gate import Due
from soft_delete_purge.outbox import Backlog
from soft_delete_purge.plan import Plan
from soft_delete_purge.purged import DoomedObject, Purged
from soft_delete_purge.purging import Stop
from soft_delete_purge.report import Findings
from soft_delete_purge.run import METRICS

ROOT = {"table": "mocs", "key": "id", "deleted_at": "deleted_at"}
CUT = {"table": "uploads", "path": [{"column": "moc_id", "references": "root"}]}


def found(*, dry_run: bool = False, **release: dict[str, object]) -> Findings:
    """Begin findings of a plan that releases so."""
    given = {name: CUT | {"set": values} for name, values in release.items()}
    plan = Plan.parse(json.dumps({"root": ROOT, "release": given}))
    return Findings("run", plan, dry_run)


def purged(key: str, files: int = 0, outcome: Outcome = Outcome.DELETED) -> Purged:
    """Make a record that took so many *files* along."""
    objects = tuple(DoomedObject("b", f"{key}/{n}", None, 10, "files") for n in range(files))
    return Purged(key, outcome, released={"parts": 2, "uploads": 1}, objects=objects)


def test_bricks_returned_are_rows_that_somebody_has_back() -> None:
    """A reference that is only cut gives nothing back, where another release does."""
    findings = found(parts={"status": "available", "moc_id": None}, uploads={"moc_id": None})
    findings.tally.add(purged("1"))

    assert report.result(findings)["bricksReturned"] == 2
    assert report.metrics(findings)["BricksReturned"] == 2
    assert report.result(findings)["steps"]["released"] == {"parts": 2, "uploads": 1}


def test_bricks_returned_are_all_rows_where_no_release_does_more_than_cut() -> None:
    """Whoever only cuts, means that."""
    findings = found(parts={"moc_id": None}, uploads={"moc_id": None})
    findings.tally.add(purged("1"))

    assert report.result(findings)["bricksReturned"] == 3


def test_dry_run_answers_what_would_be_and_counts_nothing() -> None:
    """The operator reads the plan; the dashboard shows what happened."""
    findings = found(dry_run=True, parts={"status": "available"})
    findings.tally.add(purged("1", 2, Outcome.WOULD_DELETE))

    answer, metrics = report.result(findings), report.metrics(findings)

    assert (answer["processed"], answer["s3Deleted"], answer["bricksReturned"]) == (1, 2, 2)
    assert answer["steps"]["objects"]["enqueuedBytes"] == 20
    counted = {"ItemsProcessed", "S3FilesDeleted", "BricksReturned", "Deleted"}
    assert {metrics[name] for name in counted} == {0}


def test_dry_run_lists_as_many_files_as_an_answer_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left out is counted, so that nobody takes the list for all of it."""
    monkeypatch.setattr(report, "MOST_FILES", 3)
    findings = found(dry_run=True)
    for key in "abc":
        findings.tally.add(purged(key, 2, Outcome.WOULD_DELETE))

    records = report.result(findings)["records"]

    assert [(len(each["objects"]), each["objectsLeftOut"]) for each in records] == [
        (2, 0),
        (1, 1),
        (0, 2),
    ]


def test_log_line_leaves_the_records_to_their_own_lines() -> None:
    """A line of a log has its limit; each record was told of already."""
    findings = found(dry_run=True)
    findings.tally.add(purged("1", 2, Outcome.WOULD_DELETE))
    answer = report.result(findings)

    assert answer.keys() - report.logged(answer).keys() == {"records"}


@pytest.mark.parametrize("why", ["nothing", "more", "time", "gate", "error", "s3", "late"], ids=str)
def test_complete_is_only_what_was_dealt_with_to_its_end(why: str) -> None:
    """Each reason that something is left makes the run incomplete, and its metric 1."""
    findings = found()
    findings.due = Due(1, 100, 20.0)
    findings.backlog = Backlog(0, 0.0)
    match why:
        case "more":
            findings.more = True
        case "time":
            findings.tally.stopped = Stop.TIME
        case "gate":
            findings.due = Due(101, 100, 20.0)
        case "error":
            findings.failures.append(ExpiryError("no"))
        case "s3":
            findings.drained.trouble = "no"
        case "late":
            findings.drained.complete = False

    assert findings.complete is (why == "nothing")
    assert report.metrics(findings)["RunIncomplete"] == int(why != "nothing")


def test_metrics_are_all_in_the_table() -> None:
    """An alarm can know only those."""
    findings = found()
    findings.backlog = Backlog(3, 5_400.0)
    metrics = report.metrics(findings)

    assert metrics.keys() == METRICS.units.keys() - {"RunsCompleted"}
    assert (metrics["OutboxPending"], metrics["OutboxOldestAgeHours"]) == (3, 1.5)


def test_metrics_leave_out_what_is_not_known() -> None:
    """An outbox that could not be read is not empty."""
    assert not {"OutboxPending", "OutboxOldestAgeHours"} & report.metrics(found()).keys()
