"""The calls of the module `alarms` that its tests are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.modules.plan import Arguments

TOPIC = "arn:aws:sns:eu-west-1:111122223333:operators"
DESCRIPTION = "Rows pile up. Look whether the last run was complete."
METRIC = {"namespace": "App", "name": "Rows", "statistic": "Maximum"}
SIMPLE: Arguments = {"description": DESCRIPTION, "threshold": 100, "metric": METRIC}
RATIO: Arguments = {
    "description": DESCRIPTION,
    "threshold": 5,
    "period_s": 3600,
    "ratio": {
        "minimum_count": 6,
        "interval_minutes": 10,
        "numerator": {"namespace": "App", "name": "Failed"},
        "denominator": {"namespace": "App", "name": "Runs", "dimensions": {"Job": "a"}},
    },
}
MATH: Arguments = {
    "description": DESCRIPTION,
    "threshold": 1,
    "metrics": {
        "all": {"expression": "FILL(a, 0) + FILL(b, 0)", "return_data": True, "label": "both"},
        "a": {"metric": METRIC},
        "b": {"metric": {**METRIC, "dimensions": {"Table": "t"}}, "account_id": "111122223333"},
    },
}
BAND: Arguments = {
    "description": DESCRIPTION,
    "comparison": "GreaterThanUpperThreshold",
    "threshold_metric_id": "band",
    "metrics": {
        "rows": {"metric": METRIC, "return_data": True},
        "band": {"expression": "ANOMALY_DETECTION_BAND(rows, 2)", "return_data": True},
    },
}


def call(alarm: Arguments, **arguments: object) -> Arguments:
    """Return the arguments of a call with one alarm, under the key `rows`."""
    return {"name": "jobs", "topic_arns": [TOPIC], "alarms": {"rows": alarm}, **arguments}


def ratio(**changes: object) -> Arguments:
    """Return the ratio alarm with *changes* to its ratio."""
    return {**RATIO, "ratio": {**RATIO["ratio"], **changes}}
