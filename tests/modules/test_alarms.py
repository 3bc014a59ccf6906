"""What the module `alarms` promises: exact alarms, and no alarm that can never go off."""

from __future__ import annotations

import pytest

from tests.modules.alarms_calls import BAND, DESCRIPTION, MATH, RATIO, SIMPLE, TOPIC, call, ratio
from tests.modules.plan import Arguments, PlannedModule, plan_variants

OTHER_TOPIC = "arn:aws:sns:eu-west-1:111122223333:others"

ACCEPTED: dict[str, Arguments] = {
    "simple": call(SIMPLE),
    "ratio": call(RATIO),
    "math": call(MATH),
    "band": call(BAND),
    "unheard": call(SIMPLE, topic_arns=[]),
    "muted": call({**SIMPLE, "actions_enabled": False}, topic_arns=[]),
    "none": {"name": "jobs", "alarms": {}},
    "own-topic": call({**SIMPLE, "alarm_action_arns": [OTHER_TOPIC]}, topic_arns=[]),
    "long": call(SIMPLE, name="n" * 200) | {"alarms": {"k" * 80: SIMPLE}},
    "everything": call(
        {
            **SIMPLE,
            "metric": {"namespace": "App", "name": "Time", "extended_statistic": "p99.9"},
            "evaluate_low_sample_count_percentiles": "ignore",
            "comparison": "LessThanThreshold",
            "period_s": 3600,
            "evaluation_periods": 168,
            "datapoints_to_alarm": 160,
            "treat_missing_data": "breaching",
            "insufficient_data_action_arns": [OTHER_TOPIC],
        },
        ok_topic_arns=[OTHER_TOPIC],
        tags={"Team": "data"},
    ),
    "day": call({**SIMPLE, "period_s": 60, "evaluation_periods": 1440}),
    "high-resolution": call({**SIMPLE, "period_s": 10}),
    "week": call({**SIMPLE, "period_s": 604800}),
    "hourly-ratio-over-a-day": call(
        {**ratio(minimum_count=24, interval_minutes=60), "period_s": 86400}
    ),
    "ratio-of-events": call({**ratio(minimum_count=1000, interval_minutes=None), "period_s": 60}),
}


@pytest.fixture(scope="module")
def planned() -> dict[str, PlannedModule]:
    """Plan every accepted call, once."""
    return plan_variants("alarms", ACCEPTED)


def alarm_of(module: PlannedModule, key: str = "rows") -> Arguments:
    """Return the planned alarm under *key*."""
    return module.resource(f'aws_cloudwatch_metric_alarm.this["{key}"]')


def test_alarms_simple_metric_has_quiet_defaults(planned: dict[str, PlannedModule]) -> None:
    """One metric over five minutes: missing data is no alarm, the topic is told, nothing else."""
    alarm = alarm_of(planned["simple"])

    expected = {
        "alarm_name": "jobs-rows",
        "alarm_description": DESCRIPTION,
        "comparison_operator": "GreaterThanOrEqualToThreshold",
        "threshold": 100,
        "namespace": "App",
        "metric_name": "Rows",
        "statistic": "Maximum",
        "period": 300,
        "evaluation_periods": 1,
        "treat_missing_data": "notBreaching",
        "actions_enabled": True,
        "alarm_actions": [TOPIC],
        "ok_actions": None,
    }
    assert expected == {key: alarm[key] for key in expected}
    assert planned["simple"].warnings == ()


def test_alarms_every_field_reaches_the_alarm(planned: dict[str, PlannedModule]) -> None:
    """What the caller sets is what CloudWatch gets."""
    alarm = alarm_of(planned["everything"])

    expected = {
        "extended_statistic": "p99.9",
        "evaluate_low_sample_count_percentiles": "ignore",
        "comparison_operator": "LessThanThreshold",
        "period": 3600,
        "evaluation_periods": 168,
        "datapoints_to_alarm": 160,
        "treat_missing_data": "breaching",
        "insufficient_data_actions": [OTHER_TOPIC],
        "ok_actions": [OTHER_TOPIC],
        "tags": {"Team": "data"},
    }
    assert expected == {key: alarm[key] for key in expected}


def test_alarms_ratio_stays_quiet_below_its_minimum(planned: dict[str, PlannedModule]) -> None:
    """A ratio is zero, not missing and not 100 %, while the denominator is below its minimum."""
    queries = {query["id"]: query for query in alarm_of(planned["ratio"])["metric_query"]}

    assert {name for name, query in queries.items() if query["return_data"]} == {"percent"}
    assert queries["percent"]["expression"] == (
        "IF(FILL(denominator, 0) >= 6, 100 * FILL(numerator, 0) / FILL(denominator, 0), 0)"
    )
    [denominator] = queries["denominator"]["metric"]
    [numerator] = queries["numerator"]["metric"]
    assert (denominator["metric_name"], denominator["stat"], denominator["period"]) == (
        "Runs",
        "Sum",
        3600,
    )
    assert denominator["dimensions"] == {"Job": "a"}
    assert numerator["metric_name"] == "Failed"
    assert alarm_of(planned["ratio"])["period"] is None


def test_alarms_metric_math_keeps_every_query(planned: dict[str, PlannedModule]) -> None:
    """Expressions and metrics arrive under their ids, all at the alarm's one period."""
    queries = {query["id"]: query for query in alarm_of(planned["math"])["metric_query"]}

    assert queries.keys() == {"all", "a", "b"}
    assert queries["all"]["expression"] == "FILL(a, 0) + FILL(b, 0)"
    assert queries["b"]["metric"][0]["dimensions"] == {"Table": "t"}
    assert queries["b"]["account_id"] == "111122223333"
    assert {queries[name]["metric"][0]["period"] for name in ("a", "b")} == {300}


def test_alarms_anomaly_band_replaces_the_threshold(planned: dict[str, PlannedModule]) -> None:
    """A band is named by its query's id, and no number stands beside it."""
    alarm = alarm_of(planned["band"])

    assert (alarm["threshold_metric_id"], alarm["threshold"]) == ("band", None)


@pytest.mark.parametrize(
    ("case", "warnings"),
    [("unheard", 1), ("simple", 0), ("muted", 0), ("none", 0), ("own-topic", 0)],
)
def test_alarms_nobody_to_tell_warns(
    case: str, warnings: int, planned: dict[str, PlannedModule]
) -> None:
    """A plan warns when an alarm would tell nobody, and only then."""
    assert [("Nobody is told" in text) for text in planned[case].warnings] == [True] * warnings


def test_alarms_own_actions_replace_the_common_topics(planned: dict[str, PlannedModule]) -> None:
    """An alarm that names its own actions tells nobody else."""
    assert alarm_of(planned["own-topic"])["alarm_actions"] == [OTHER_TOPIC]


def test_alarms_long_name_is_shortened_with_a_hash(planned: dict[str, PlannedModule]) -> None:
    """A name over CloudWatch's 255 characters is cut, and stays its own by a hash."""
    [name] = planned["long"].outputs["alarm_names"].values()

    assert len(name) == 255
    assert name.startswith("n" * 200 + "-kkk")
    assert alarm_of(planned["long"], "k" * 80)["alarm_name"] == name


@pytest.mark.parametrize(
    ("case", "period", "periods"),
    [("day", 60, 1440), ("high-resolution", 10, 1), ("week", 604800, 1)],
)
def test_alarms_longest_window_is_accepted(
    case: str, period: int, periods: int, planned: dict[str, PlannedModule]
) -> None:
    """The limits themselves are inside: a day of minutes, ten seconds, seven days."""
    alarm = alarm_of(planned[case])

    assert (alarm["period"], alarm["evaluation_periods"]) == (period, periods)


@pytest.mark.parametrize("case", ["hourly-ratio-over-a-day", "ratio-of-events"])
def test_alarms_ratio_that_can_be_reached_is_accepted(
    case: str, planned: dict[str, PlannedModule]
) -> None:
    """A window that holds just enough runs passes, and so does one of which nothing is known."""
    assert planned[case].of_type("aws_cloudwatch_metric_alarm").keys() == {
        'aws_cloudwatch_metric_alarm.this["rows"]'
    }
