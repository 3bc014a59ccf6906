"""What the module `function` promises of its alarms: failure and silence are both noticed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.modules.function_calls import PLAIN, TOPIC, alarmed
from tests.modules.plan import Arguments, PlannedModule, plan_variants

RUNS = {"namespace": "App", "name": "RunsCompleted", "dimensions": {"TableName": "sessions"}}
ACCEPTED: dict[str, Arguments] = {
    "plain": PLAIN,
    "unheard": {**PLAIN, "alarms": {}},
    "quiet": alarmed(enabled=False),
    "zeros": alarmed(error_count=0, error_rate_percent=0, throttle_count=0, duration_percent=0),
    "hourly": alarmed(interval_minutes=60),
    "daily": alarmed(interval_minutes=1440),
    "often": alarmed(interval_minutes=15),
    "each-minute": alarmed(interval_minutes=1),
    "hourly-silence": alarmed(interval_minutes=60, silence_hours=3),
    "silence": alarmed(interval_minutes=60, silence_hours=3, silence_metric=RUNS),
}


@pytest.fixture(scope="module")
def planned() -> dict[str, PlannedModule]:
    """Plan every accepted call, once."""
    return plan_variants("function", ACCEPTED)


def alarms_of(module: PlannedModule) -> dict[str, dict[str, Any]]:
    """Return the planned alarms by the end of their names."""
    alarms = module.of_type("aws_cloudwatch_metric_alarm").values()
    return {alarm["alarm_name"].removeprefix("jobs-"): alarm for alarm in alarms}


def test_function_alarms_by_default_on_what_fails(planned: dict[str, PlannedModule]) -> None:
    """Errors, their rate, throttles and duration alarm by default; silence needs its hours."""
    alarms = alarms_of(planned["plain"])

    facts = {
        key: (alarm["metric_name"], alarm["statistic"], alarm["threshold"], alarm["period"])
        for key, alarm in alarms.items()
    }
    assert facts == {
        "errors": ("Errors", "Sum", 1, 300),
        "error-rate": (None, None, 5, None),
        "throttles": ("Throttles", "Sum", 1, 300),
        "duration": ("Duration", "Maximum", 240_000, 300),
    }
    for alarm in alarms.values():
        assert alarm["alarm_actions"] == [TOPIC]
        assert alarm["treat_missing_data"] == "notBreaching"
    for key in ("errors", "throttles", "duration"):
        assert alarms[key]["dimensions"] == {"FunctionName": "jobs"}


@pytest.mark.parametrize(
    ("case", "period", "minimum"),
    [
        ("plain", 300, 10),
        ("each-minute", 3600, 10),
        ("often", 3600, 4),
        ("hourly", 86400, 1),
        ("daily", 86400, 1),
    ],
)
def test_function_error_rate_follows_the_interval(
    case: str, period: int, minimum: int, planned: dict[str, PlannedModule]
) -> None:
    """The rate is judged over a period that holds the runs it asks for."""
    alarm = alarms_of(planned[case])["error-rate"]
    queries = {query["id"]: query for query in alarm["metric_query"]}

    assert f">= {minimum}," in queries["percent"]["expression"]
    assert queries["numerator"]["metric"][0]["metric_name"] == "Errors"
    [runs] = queries["denominator"]["metric"]
    assert (runs["metric_name"], runs["period"]) == ("Invocations", period)
    assert alarm["comparison_operator"] == "GreaterThanThreshold"


@pytest.mark.parametrize(
    ("case", "metric", "dimensions"),
    [
        ("hourly-silence", "Invocations", {"FunctionName": "jobs"}),
        ("silence", "RunsCompleted", {"TableName": "sessions"}),
    ],
)
def test_function_silence_alarms_when_no_data_comes(
    case: str, metric: str, dimensions: dict[str, str], planned: dict[str, PlannedModule]
) -> None:
    """No run in three hours alarms, because missing data is what silence looks like."""
    alarm = alarms_of(planned[case])["silence"]

    expected = {
        "metric_name": metric,
        "dimensions": dimensions,
        "statistic": "Sum",
        "comparison_operator": "LessThanThreshold",
        "threshold": 1,
        "period": 3600,
        "evaluation_periods": 3,
        "treat_missing_data": "breaching",
    }
    assert expected == {key: alarm[key] for key in expected}


def test_function_zero_threshold_switches_its_alarm_off(planned: dict[str, PlannedModule]) -> None:
    """Thresholds of 0 leave no alarm; `enabled = false` neither, and both warn of nothing."""
    for case in ("zeros", "quiet"):
        assert alarms_of(planned[case]) == {}
        assert planned[case].warnings == ()


def test_function_alarms_with_nobody_to_tell_warn(planned: dict[str, PlannedModule]) -> None:
    """The plan warns once where alarms are on and no topic is given."""
    assert len(planned["unheard"].warnings) == 1
    assert "Nobody is told when the alarms of jobs" in planned["unheard"].warnings[0]
    assert planned["plain"].warnings == ()
