"""
A question without dimensions is about the metric without dimensions; expressions are computed.

AWS: each dimension set is a metric of its own, the empty one too; GetMetricData evaluates metric
math, newest value first. 1.5.33: takes a question without dimensions as one about all sets
together, in GetMetricStatistics as well, so a metric read back under wrong dimensions looks right;
answers an expression with InternalError; oldest first whatever ScanBy says.
Upstream needs: the exact match, ScanBy, and metric math.
"""

from __future__ import annotations

import math
from typing import Any

from tests.cloud import emulator
from tests.cloud.metrics import all_series, period_of

Request = dict[str, Any]


class Exactly(dict[str, str]):
    """Dimensions that mean themselves even where there are none."""

    def __bool__(self) -> bool:
        """Be true: the emulator asks to see whether any were given."""
        return True


def apply() -> None:
    """Match dimensions exactly, and compute GetMetricData anew."""
    cloudwatch = emulator.module("services.cloudwatch")
    emulator.wrap(cloudwatch, "_dims_from_list", lambda read: lambda given: Exactly(read(given)))

    def get_metric_data(_params: Any, request: Request, is_cbor: bool, _json: bool = False) -> Any:  # noqa: FBT001, FBT002 - the emulator's own signature
        results = metric_data(request)
        if is_cbor:
            tagged = [cloudwatch._cbor_metric_data_result(result) for result in results]
            return cloudwatch._cbor_ok({"MetricDataResults": tagged})
        return cloudwatch._json_ok({"MetricDataResults": results})

    emulator.wrap(cloudwatch, "_get_metric_data", lambda _: get_metric_data)


def metric_data(request: Request) -> list[Request]:
    """Return the results that a request asks for."""
    queries = request["MetricDataQueries"]
    longest = max(map(period_of, queries))
    periods = {query["Id"]: period_of(query) or longest for query in queries}
    windows = {period: edges_of(request, period) for period in periods.values()}
    series = {period: all_series(queries, edges) for period, edges in windows.items()}
    results = []
    for query in queries:
        if query.get("ReturnData", True):
            name = query["Id"]
            period = periods[name]
            points = zip(windows[period], series[period][name], strict=False)
            results.append(result(query, list(points), request.get("ScanBy", "")))
    return results


def edges_of(request: Request, period_s: int) -> list[float]:
    """Return where the periods of a request begin, and where the last one ends."""
    read = emulator.module("services.cloudwatch")._parse_ts
    start, end = read(request["StartTime"]), read(request["EndTime"])
    first = math.floor(start / period_s) * period_s
    return [first + period_s * n for n in range(math.ceil((end - first) / period_s) + 1)]


def result(query: Request, points: list[tuple[float, float | None]], order: str) -> Request:
    """Return one query's result, without the periods that have no value."""
    iso = emulator.module("services.cloudwatch")._ts_iso
    found = [(iso(at), value) for at, value in points if value is not None]
    if order != "TimestampAscending":
        found.reverse()
    return {
        "Id": query["Id"],
        "Label": query.get("Label", query["Id"]),
        "StatusCode": "Complete",
        "Timestamps": [at for at, _ in found],
        "Values": [value for _, value in found],
    }
