"""What the module `alarms` refuses, each mistake with its remedy."""

from __future__ import annotations

import pytest

from tests.modules.alarms_calls import (
    BAND,
    DESCRIPTION,
    MATH,
    METRIC,
    RATIO,
    SIMPLE,
    TOPIC,
    call,
    ratio,
)
from tests.modules.messages import refusal_messages
from tests.modules.plan import Arguments, refusals

NEVER = "A ratio can never go off"

REFUSED: dict[str, tuple[Arguments, str]] = {
    "no-kind": (call({"description": DESCRIPTION, "threshold": 1}), "exactly one of metric"),
    "two-kinds": (call({**SIMPLE, "ratio": RATIO["ratio"]}), "exactly one of metric"),
    "no-description": (
        call({"threshold": 1, "metric": METRIC}),
        'attribute "description" is required',
    ),
    "empty-description": (call({**SIMPLE, "description": " " * 30}), "says what to do"),
    "bad-name": (call(SIMPLE, name="-x"), "name starts with a letter or digit"),
    "bad-key": ({"name": "jobs", "alarms": {"a b": SIMPLE}}, "An alarm's key becomes"),
    "bad-topic": (call(SIMPLE, topic_arns=["operators"]), "ARNs of SNS topics"),
    "six-topics": (call(SIMPLE, topic_arns=[TOPIC] * 6), "at most five ARNs"),
    "bad-ok-topic": (call(SIMPLE, ok_topic_arns=["operators"]), "ok_topic_arns holds"),
    "odd-period": (call({**SIMPLE, "period_s": 90}), "a multiple of 60"),
    "no-periods": (call({**SIMPLE, "evaluation_periods": 0}), "whole number, 1 or more"),
    "over-a-day": (
        call({**SIMPLE, "period_s": 300, "evaluation_periods": 289}),
        "at most 86400 (one day)",
    ),
    "over-a-week": (
        call({**SIMPLE, "period_s": 3600, "evaluation_periods": 169}),
        "at most 86400 (one day), or 604800",
    ),
    "datapoints": (call({**SIMPLE, "datapoints_to_alarm": 2}), "from 1 to evaluation_periods"),
    "comparison": (call({**SIMPLE, "comparison": ">"}), "one of CloudWatch's operators"),
    "no-threshold": (call({"description": DESCRIPTION, "metric": METRIC}), "one of threshold"),
    "band-comparison": (
        call({**BAND, "comparison": "GreaterThanThreshold"}),
        "go with threshold_metric_id",
    ),
    "band-missing": (
        call({**BAND, "threshold_metric_id": "rows"}),
        "names the id of a query",
    ),
    "missing-data": (call({**SIMPLE, "treat_missing_data": "ok"}), "treat_missing_data is"),
    "no-statistic": (
        call({**SIMPLE, "metric": {"namespace": "App", "name": "Rows"}}),
        "exactly one of statistic",
    ),
    "percentile-as-statistic": (
        call({**SIMPLE, "metric": {**METRIC, "statistic": "p99"}}),
        "go in extended_statistic",
    ),
    "extended": (
        call(
            {**SIMPLE, "metric": {"namespace": "A", "name": "B", "extended_statistic": "Maximum"}}
        ),
        "percentile or a trimmed statistic",
    ),
    "low-sample": (
        call({**SIMPLE, "evaluate_low_sample_count_percentiles": "ignore"}),
        "whose extended_statistic is a percentile",
    ),
    "query-id": (
        call({**MATH, "metrics": {"All": {"expression": "1", "return_data": True}}}),
        "start with a small letter",
    ),
    "query-kind": (call({**MATH, "metrics": {"a": {"return_data": True}}}), "either an expression"),
    "many-metrics": (
        call(
            {
                **MATH,
                "metrics": {
                    "sum": {"expression": "SUM(METRICS())", "return_data": True},
                    **{f"m{number}": {"metric": METRIC} for number in range(11)},
                },
            }
        ),
        "at most 10 metrics",
    ),
    "no-answer": (call({**MATH, "metrics": {"a": {"metric": METRIC}}}), "return_data = true"),
    "actions": (call({**SIMPLE, "alarm_action_arns": ["me"]}), "five actions a state"),
    "ratio-count": (call(ratio(minimum_count=0)), "ratio.minimum_count is a whole number"),
    "ratio-interval": (call(ratio(interval_minutes=0)), "ratio.interval_minutes is above 0"),
    "ratio-period-too-short": (call(ratio(minimum_count=7)), NEVER),
    "ratio-hourly": (call(ratio(minimum_count=2, interval_minutes=60)), NEVER),
    "ratio-each-period-too-short": (
        call({**ratio(minimum_count=7), "evaluation_periods": 3, "datapoints_to_alarm": 1}),
        NEVER,
    ),
    "ratio-window-too-sparse": (
        call({**ratio(minimum_count=1, interval_minutes=120), "evaluation_periods": 3}),
        NEVER,
    ),
}


@pytest.fixture(scope="module")
def refused() -> dict[str, str]:
    """Collect the reasons of every refused call, once."""
    return refusals("alarms", {name: arguments for name, (arguments, _) in REFUSED.items()})


@pytest.mark.parametrize("case", REFUSED)
def test_alarms_wrong_argument_is_refused_with_a_remedy(case: str, refused: dict[str, str]) -> None:
    """Each mistake fails the plan, and the message names what to change."""
    assert REFUSED[case][1] in " ".join(refused[case].split())


def test_alarms_every_refusal_is_tried(refused: dict[str, str]) -> None:
    """No validation is there that no call of this file has met."""
    met = "\n".join(refused.values())

    assert [message for message in refusal_messages("alarms") if message not in met] == []
