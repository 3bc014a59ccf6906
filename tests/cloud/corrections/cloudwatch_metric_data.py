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
    cloudwatch = emulator.module("services.cloudwatch")
    queries = request["MetricDataQueries"]
    start, end = (cloudwatch._parse_ts(request[name]) for name in ("StartTime", "EndTime"))
    longest = max(map(period_of, queries))
    series = {}
    for period in {period_of(query) or longest for query in queries}:
        first = math.floor(start / period) * period
        edges = [first + period * n for n in range(math.ceil((end - first) / period) + 1)]
        series[period] = edges, all_series(queries, edges)
    results = []
    for query in queries:
        if query.get("ReturnData", True):
            edges, found = series[period_of(query) or longest]
            points = [
                (cloudwatch._ts_iso(at), value)
                for at, value in zip(edges, found[query["Id"]], strict=False)
                if value is not None
            ]
            if request.get("ScanBy") != "TimestampAscending":
                points.reverse()
            results.append(
                {
                    "Id": query["Id"],
                    "Label": query.get("Label", query["Id"]),
                    "StatusCode": "Complete",
                    "Timestamps": [at for at, _ in points],
                    "Values": [value for _, value in points],
                }
            )
    return results
