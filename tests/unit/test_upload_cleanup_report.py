"""
What a run answers and emits: the known shape, our own keys beside it, and no number made up.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import upload_cleanup
from expiry.errors import CapExceededError, StoreError
from expiry.moment import Moment
from expiry.outcomes import Outcome
from upload_cleanup import report
from upload_cleanup.context import OrphanReport
from upload_cleanup.report import Findings
from upload_cleanup.request import Cursor, PhaseName
from upload_cleanup.session_phase import SessionReport
from upload_cleanup.settings import Settings
from upload_cleanup.sightings import TripwireError

ENVIRONMENT = {"TABLE_NAME": "sessions", "BUCKET": "videos"}
METRICS = json.loads(Path(upload_cleanup.__path__[0], "metrics.json").read_text("utf-8"))


def findings(*, dry_run: bool = False, **environment: str) -> Findings:
    """Make the findings of a run that did a little of everything."""
    settings = Settings.from_env(ENVIRONMENT | environment)
    found = Findings("run-1", settings, Moment.at(1_750_000_000, 60), dry_run, duration_s=1.25)
    removed = Outcome.WOULD_DELETE if dry_run else Outcome.DELETED
    found.sessions = SessionReport(
        processed=3,
        failed_processed=2,
        aborted=1,
        objects_deleted=4,
        freed_bytes=1024**3,
        marked_partial=1,
    )
    found.sessions.outcomes.counts.update({removed: 5, Outcome.CHANGED: 1})
    found.sessions.census.uploaded_with_ttl = 7
    found.objects = OrphanReport(freed_bytes=1024**3, listed=50, unmatched=6)
    found.objects.outcomes.counts.update({removed: 8, Outcome.GONE: 1})
    found.uploads = OrphanReport()
    found.uploads.outcomes.counts.update({removed: 2})
    return found


def test_result_has_the_known_shape() -> None:
    """Every key that was there before is there, with its type."""
    found = report.result(findings())

    assert found["timestamp"] == "2025-06-15T15:06:40+00:00"
    assert found["requestId"] == "run-1"
    assert found["expiredSessionsCleanup"] == {
        "sessionsProcessed": 3,
        "multipartUploadsAborted": 1,
        "objectsDeleted": 4,
        "errors": [],
    }
    assert found["orphanedObjectsCleanup"] == 8
    assert found["failedUploadsCleanup"] == 2
    assert found["totalDuration"] == 1_250
    assert found["errors"] == []


def test_result_says_beside_it_what_became_of_each_candidate() -> None:
    """The outcomes of all phases are summed, and the bytes priced."""
    found = report.result(findings())

    outcomes = {"deleted": 15, "gone": 1, "changed": 1, "protected": 0, "failed": 0}
    assert found["outcomes"] == {**outcomes, "would_delete": 0}
    assert (found["dryRun"], found["complete"], found["cursor"]) == (False, True, None)
    assert (found["markedPartial"], found["orphanedUploadsAborted"]) == (1, 2)
    assert found["unmatched"] == 6
    assert found["reclaimedBytes"] == 2 * 1024**3
    assert found["estimatedMonthlySavings"] == pytest.approx(0.046)


def test_result_of_a_versioned_bucket_reclaims_nothing_yet() -> None:
    """A delete marker frees no byte: the result says marked."""
    found = report.result(findings(BUCKET_VERSIONED="true"))

    assert found["markedBytes"] == 2 * 1024**3
    assert "reclaimedBytes" not in found


def test_result_is_json() -> None:
    """Lambda can return it."""
    assert json.loads(json.dumps(report.result(findings())))


def test_result_incomplete_run_returns_its_cursor() -> None:
    """What a later invocation goes on with is what the run stopped at."""
    found = findings()
    found.cursor = Cursor(PhaseName.OBJECTS, {"after": "x"})

    answer = report.result(found)

    assert not answer["complete"]
    assert Cursor.parse(answer["cursor"]) == found.cursor


def test_result_errors_are_capped_and_counted() -> None:
    """A hundred are shown of each list, and the total tells all."""
    found = findings()
    assert found.sessions
    assert found.objects
    for number in range(150):
        found.sessions.problems.add(f"s-{number}", "refused")
        found.objects.problems.add(f"k-{number}", "refused")
    found.failures.append(StoreError("s3:ListBucket", "bucket videos", "denied"))

    answer = report.result(found)

    errors: list[dict[str, Any]] = answer["errors"]
    assert len(errors) == 100
    assert errors[0]["type"] == "GENERAL_ERROR"
    assert set(errors[0]) == {"type", "message", "stack"}
    inner = answer["expiredSessionsCleanup"]["errors"]
    assert len(inner) == 100
    assert inner[0] == {"sessionId": "s-0", "error": "refused"}
    assert answer["errorsTotal"] == 301
    assert report.metrics(found)["CleanupErrors"] == 301


def test_result_of_a_run_that_could_read_nothing_has_the_shape_still() -> None:
    """Phases that were not come to are null, as they were before."""
    settings = Settings.from_env(ENVIRONMENT)
    found = Findings("run-1", settings, Moment.at(0, 60), dry_run=False)

    answer = report.result(found)

    assert answer["expiredSessionsCleanup"] is None
    assert answer["orphanedObjectsCleanup"] is None
    assert answer["failedUploadsCleanup"] is None


def test_metrics_are_those_of_the_table() -> None:
    """Together with the last one, every metric is emitted and none that no alarm could know."""
    found = findings()
    assert found.objects
    found.objects.living_without_object = 0

    emitted = set(report.metrics(found)) | {"RunsCompleted"}

    assert emitted == set(METRICS["metrics"])


def test_metrics_of_a_dry_run_delete_nothing() -> None:
    """The plan is in the result; the metrics say what was done."""
    real, dry = report.metrics(findings()), report.metrics(findings(dry_run=True))

    done = {
        "Deleted": 15,
        "SessionsCleanedUp": 5,
        "MultipartUploadsAborted": 1,
        "OrphanedObjectsDeleted": 8,
        "OrphanedUploadsAborted": 2,
        "MarkedPartial": 1,
        "ReclaimedBytes": 2 * 1024**3,
    }
    assert {name: real[name] for name in done} == done
    assert {name: dry[name] for name in done} == dict.fromkeys(done, 0)
    assert dry["Candidates"] == real["Candidates"]
    assert report.result(findings(dry_run=True))["orphanedObjectsCleanup"] == 8


@pytest.mark.parametrize(
    ("error", "gate", "tripwire"),
    [
        (CapExceededError(5, 4, "over"), 1, 0),
        (TripwireError(5, 4), 0, 1),
        (StoreError("a", "b", "c"), 0, 0),
    ],
)
def test_metrics_tell_a_refusal_from_a_tripwire(error: Any, gate: int, tripwire: int) -> None:
    """Each has an alarm of its own."""
    found = findings()
    found.failures.append(error)

    values = report.metrics(found)

    assert (values["GateRefused"], values["TripwireStopped"]) == (gate, tripwire)
    assert values["RunIncomplete"] == 1
