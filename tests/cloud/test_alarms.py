"""Alarm states follow CloudWatch's own tables, and a transition reaches who listens."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.cloud.alarms import Rule, decide
from tests.cloud.probes.monitoring import RATIO, make_topic, received

if TYPE_CHECKING:
    from tests.cloud import Account

HOUR_S = 3600

# "Configuring how CloudWatch alarms treat missing data": X breaches, 0 does not, - is missing; then
# the state with missing, ignore (K keeps the state), breaching, notBreaching.
THREE_OF_THREE = {
    "0-X-X": "O O O O",
    "0----": "O O O O",
    "-----": "I K A O",
    "0XX-X": "A A A A",
    "--X--": "A K A O",
}
TWO_OF_THREE = {
    "0-X-X": "A A A A",
    "00X0X": "A A A A",
    "0-X--": "O O A O",
    "----0": "O O A O",
    "----X": "A K A O",
}
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
STATES = {"O": "OK", "A": "ALARM", "I": "INSUFFICIENT_DATA"}
ROWS = [
    (datapoints, pattern, treatment, letter)
    for datapoints, table in ((3, THREE_OF_THREE), (2, TWO_OF_THREE))
    for pattern, letters in table.items()
    for treatment, letter in zip(TREATMENTS, letters.split(), strict=True)
]


@pytest.mark.parametrize("before", ["OK", "ALARM"])
@pytest.mark.parametrize(("datapoints", "pattern", "treatment", "letter"), ROWS)
def test_state_missing_data_is_treated_as_documented(
    datapoints: int, pattern: str, treatment: str, letter: str, before: str
) -> None:
    """Every cell of both tables holds."""
    rule = Rule("GreaterThanThreshold", 0.5, 3, datapoints, treatment)
    series = [{"0": 0.0, "X": 1.0, "-": None}[mark] for mark in pattern]

    assert decide(rule, series, before) == STATES.get(letter, before)


@pytest.mark.parametrize(
    ("comparison", "breaching"),
    [
        ("GreaterThanThreshold", {6}),
        ("GreaterThanOrEqualToThreshold", {5, 6}),
        ("LessThanThreshold", {4}),
        ("LessThanOrEqualToThreshold", {4, 5}),
    ],
)
def test_state_comparison_decides(comparison: str, breaching: set[int]) -> None:
    """Each operator is on the right side of its threshold."""
    rule = Rule(comparison, 5, 1, 1, "missing")
    found = {value for value in (4, 5, 6) if decide(rule, [float(value)], "OK") == "ALARM"}

    assert found == breaching


def put_alarm(account: Account, name: str, **more: Any) -> None:
    """Put an alarm on errors of ``f`` in the last five minutes."""
    about = {
        "AlarmName": name,
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1,
        "Threshold": 0,
    }
    metric = {
        "Namespace": "AWS/Lambda",
        "MetricName": "Errors",
        "Dimensions": [{"Name": "FunctionName", "Value": "f"}],
        "Period": 300,
        "Statistic": "Sum",
        "TreatMissingData": "notBreaching",
    }
    defaults = about if "Metrics" in more else {**about, **metric}
    account.client("cloudwatch").put_metric_alarm(**{**defaults, **more})


def put_metrics(account: Account, function: str = "f", **values: float) -> None:
    """Put metrics of a function, now."""
    dimensions = [{"Name": "FunctionName", "Value": function}]
    account.client("cloudwatch").put_metric_data(
        Namespace="AWS/Lambda",
        MetricData=[
            {"MetricName": name, "Dimensions": dimensions, "Value": value}
            for name, value in values.items()
        ],
    )


def test_evaluation_other_dimensions_do_not_count(account: Account) -> None:
    """An alarm looks at its own dimension set only."""
    put_alarm(account, "errors")
    put_metrics(account, function="other", Errors=1)
    before = account.evaluate_alarms()
    put_metrics(account, Errors=1)

    assert (before, account.evaluate_alarms()) == ({"errors": "OK"}, {"errors": "ALARM"})


def test_evaluation_time_goes_by_alarm_recovers(account: Account) -> None:
    """What is older than the periods that are looked at does not count any more."""
    put_alarm(account, "errors")
    put_metrics(account, Errors=1)

    assert account.evaluate_alarms() == {"errors": "ALARM"}
    assert account.evaluate_alarms(at=time.time() + HOUR_S) == {"errors": "OK"}


def test_evaluation_ratio_by_metric_math(account: Account) -> None:
    """A ratio alarm fires above its share, and is at rest without any run."""
    put_alarm(account, "rate", Threshold=5, Metrics=RATIO)

    assert account.evaluate_alarms() == {"rate": "OK"}
    put_metrics(account, Errors=1, Invocations=10)
    assert account.evaluate_alarms() == {"rate": "ALARM"}
    put_metrics(account, Invocations=90)
    assert account.evaluate_alarms() == {"rate": "OK"}


def test_evaluation_unsupported_alarm_says_so_and_stops_no_other(account: Account) -> None:
    """An alarm that cannot be emulated is never reported as at rest."""
    searching = [{"Id": "x", "Expression": "SEARCH('{N} m', 'Sum')", "Period": 60}]
    put_alarm(account, "search", Threshold=5, Metrics=searching)
    put_alarm(account, "errors")

    states = account.evaluate_alarms()

    assert states["errors"] == "OK"
    assert states["search"].startswith("UNSUPPORTED: not supported: SEARCH")


def test_transition_reaches_the_topic_history_and_composite(account: Account) -> None:
    """A change of state is told once: to the topic, in the history, to the composite alarm."""
    cloudwatch = account.client("cloudwatch")
    topic, queue = make_topic(account)
    put_alarm(account, "errors", AlarmActions=[topic], OKActions=[topic])
    cloudwatch.put_composite_alarm(AlarmName="any", AlarmRule='ALARM("errors")')

    put_metrics(account, Errors=1)
    for _ in range(2):
        assert account.evaluate_alarms() == {"errors": "ALARM", "any": "ALARM"}

    (told,) = received(account, queue)
    assert (told["AlarmName"], told["OldStateValue"], told["NewStateValue"]) == (
        "errors",
        "INSUFFICIENT_DATA",
        "ALARM",
    )
    history = cloudwatch.describe_alarm_history(AlarmName="errors", HistoryItemType="StateUpdate")
    summaries = [item["HistorySummary"] for item in history["AlarmHistoryItems"]]
    assert summaries.count("Alarm updated from INSUFFICIENT_DATA to ALARM") == 1
