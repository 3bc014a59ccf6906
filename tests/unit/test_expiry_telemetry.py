"""
Metrics and logs: exact dimensions, one JSON object a line.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from expiry.telemetry import Emitter, MetricTable, failures_logged, logger_for

TABLE = MetricTable("Expiry/Test", ("TableName",), {"Rows": "Count"})


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return what was written, a JSON object a line."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_metric_has_exactly_the_dimensions_of_the_table(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No service dimension is added, even where POWERTOOLS_SERVICE_NAME is set."""
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "payments")
    Emitter(TABLE, {"TableName": "t"}, "Expiry/Test").emit({"Rows": 3})
    (line,) = lines(capsys)
    (directive,) = line["_aws"]["CloudWatchMetrics"]

    assert directive["Dimensions"] == [["TableName"]]
    assert (line["TableName"], line["Rows"]) == ("t", [3.0])
    assert directive["Namespace"] == "Expiry/Test"


def test_metric_that_is_not_in_the_table_is_refused() -> None:
    """A metric that no alarm can know is a fault."""
    with pytest.raises(KeyError):
        Emitter(TABLE, {"TableName": "t"}, "Expiry/Test").emit({"Cells": 3})


def test_emitter_with_other_dimensions_is_refused() -> None:
    """CloudWatch would keep such metrics where no alarm looks."""
    with pytest.raises(ValueError, match="dimensions"):
        Emitter(TABLE, {"Table": "t"}, "Expiry/Test")


def test_log_line_carries_the_run_as_correlation_id(capsys: pytest.CaptureFixture[str]) -> None:
    """The lines of one run can be found by its id, also in a function that stays warm."""
    for run_id in ("run-1", "run-2"):
        logger_for("test", run_id).info("looked", extra={"rows": 1})

    assert [line["correlation_id"] for line in lines(capsys)] == ["run-1", "run-2"]


def test_failure_is_logged_and_raised(capsys: pytest.CaptureFixture[str]) -> None:
    """Lambda's Errors metric sees what the log explains."""
    with pytest.raises(LookupError), failures_logged(logger_for("test", "run-1")):
        raise LookupError("the reason")
    (line,) = lines(capsys)

    assert (line["message"], line["error"]) == ("failed", "LookupError")
    assert line["reason"] == "the reason"
