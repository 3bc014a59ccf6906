"""Read what the emulator's CloudWatch holds as series, for alarms and for GetMetricData."""

from __future__ import annotations

import itertools
import math
import re
from typing import Any

from tests.cloud import emulator, metric_math

IDENTIFIER = re.compile(r"[a-z]\w*")


def alarm_series(alarm: dict[str, Any], at_s: float, periods: int) -> metric_math.Series:
    """Return the alarm's datapoints in *periods* windows that end before *at_s*, oldest first."""
    if not alarm.get("Metrics"):
        stat = alarm.get("ExtendedStatistic") or alarm.get("Statistic", "Average")
        metric = {key: alarm.get(key) for key in ("Namespace", "MetricName", "Dimensions")}
        query = {
            "Metric": metric,
            "Period": alarm["Period"],
            "Stat": stat,
            "Unit": alarm.get("Unit"),
        }
        edges = [at_s - alarm["Period"] * back for back in range(periods, -1, -1)]
        return metric_series(query, edges)
    queries = alarm["Metrics"]
    period_s = max(period_of(query) for query in queries)
    edges = [at_s - period_s * back for back in range(periods, -1, -1)]
    (returned,) = [query["Id"] for query in queries if query.get("ReturnData", True)]
    return all_series(queries, edges)[returned]


def period_of(query: dict[str, Any]) -> int:
    """Return the period of a metric query, 0 where it has none of its own."""
    return int(query.get("MetricStat", query).get("Period") or 0)


def all_series(queries: list[dict[str, Any]], edges: list[float]) -> dict[str, metric_math.Series]:
    """
    Return the series of every metric and every expression, by id.

    Raises:
        MetricMathError: An expression is not supported, or refers to nothing.
    """
    metrics = {
        query["Id"]: metric_series(query["MetricStat"], edges)
        for query in queries
        if query.get("MetricStat")
    }
    waiting = {query["Id"]: query["Expression"] for query in queries if query.get("Expression")}
    done: dict[str, metric_math.Series] = {}
    while waiting:
        ready = {
            name: text
            for name, text in waiting.items()
            if not waiting.keys() & set(IDENTIFIER.findall(text))
        }
        if not ready:
            raise metric_math.MetricMathError(f"expressions in a circle: {sorted(waiting)}")
        for name, text in ready.items():
            done[name] = metric_math.evaluate(text, metrics, len(edges) - 1, done)
            del waiting[name]
    return metrics | done


def metric_series(stat: dict[str, Any], edges: list[float]) -> metric_math.Series:
    """Return one metric's statistic in each window, None where it holds no datapoint."""
    cloudwatch = emulator.module("services.cloudwatch")
    metric = stat["Metric"]
    dimensions = cloudwatch._dims_from_list(metric.get("Dimensions") or [])
    key = (metric["Namespace"], metric["MetricName"], cloudwatch._dims_key(dimensions))
    points = [
        point
        for point in cloudwatch._metrics.get(key) or []
        if not stat.get("Unit") or point["Unit"] == stat["Unit"]
    ]
    series: metric_math.Series = []
    for start, end in itertools.pairwise(edges):
        inside = [point for point in points if start <= point["Timestamp"] < end]
        value = (
            cloudwatch._stat_value(cloudwatch._calc_stats(inside), stat["Stat"], inside)
            if inside
            else None
        )
        series.append(None if value is None or math.isnan(value) else float(value))
    return series
