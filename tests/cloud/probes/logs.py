"""Probes of CloudWatch Logs."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from tests.cloud.probes import probe

if TYPE_CHECKING:
    from tests.cloud import Account

METRICS = [{"Name": "ExpiredCount", "Unit": "Count"}, {"Name": "Ages"}]
DIMENSIONS = [["TableName"], ["TableName", "Class"]]


@probe
def logs_embedded_metrics(account: Account) -> None:
    """A line in the embedded metric format is a metric on exactly its dimension sets."""
    now_s = time.time()
    directive = {"Namespace": "Expiry", "Dimensions": DIMENSIONS, "Metrics": METRICS}
    line = {
        "_aws": {"Timestamp": int(now_s * 1000), "CloudWatchMetrics": [directive]},
        "TableName": "t",
        "Class": "late",
        "ExpiredCount": 7,
        "Ages": [1, 2, 3],
    }
    write_lines(account, now_s, "no metric", '{"CloudWatchMetrics": 1}', json.dumps(line))

    metrics = account.client("cloudwatch").list_metrics(Namespace="Expiry")["Metrics"]
    found = {(m["MetricName"], *(d["Name"] for d in m["Dimensions"])) for m in metrics}
    assert found == {(m["Name"], *names) for m in METRICS for names in DIMENSIONS}
    expired, ages = (point(account, now_s, metric["Name"]) for metric in METRICS)
    assert {"Sum": 7.0, "Unit": "Count"}.items() <= expired.items()
    assert {"Sum": 6.0, "SampleCount": 3.0}.items() <= ages.items()


def write_lines(account: Account, now_s: float, *lines: str) -> None:
    """Write lines into a log group of their own."""
    logs = account.client("logs")
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    events = [{"timestamp": int(now_s * 1000), "message": line} for line in lines]
    logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=events)


def point(account: Account, now_s: float, metric: str) -> dict[str, Any]:
    """Return the one datapoint of a metric of table ``t``."""
    (only,) = account.client("cloudwatch").get_metric_statistics(
        Namespace="Expiry",
        MetricName=metric,
        Dimensions=[{"Name": "TableName", "Value": "t"}],
        StartTime=now_s - 60,
        EndTime=now_s + 60,
        Period=3600,
        Statistics=["Sum", "SampleCount"],
    )["Datapoints"]
    return dict(only)


@probe
def logs_query_definitions(account: Account) -> None:
    """A saved query can be put, changed, found by its name's beginning, and deleted."""
    logs = account.client("logs")
    first = logs.put_query_definition(name="a/reports", queryString="fields @message")
    logs.put_query_definition(name="b", queryString="fields @log", logGroupNames=["g"])
    logs.put_query_definition(
        name="a/reports",
        queryString="fields @timestamp",
        queryDefinitionId=first["queryDefinitionId"],
    )

    found = logs.describe_query_definitions(queryDefinitionNamePrefix="a/")["queryDefinitions"]
    assert [(d["name"], d["queryString"]) for d in found] == [("a/reports", "fields @timestamp")]
    assert logs.delete_query_definition(queryDefinitionId=first["queryDefinitionId"])["success"]
    left = logs.describe_query_definitions()["queryDefinitions"]
    assert [definition["name"] for definition in left] == ["b"]
