"""AWS/Lambda metrics count executions, as AWS counts them."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from tests.cloud.lambda_deploy import Function, client

if TYPE_CHECKING:
    from tests.cloud import Account

FAILING = "def handler(event, context):\n    if event: raise ValueError(event)\n"


def metric(account: Account, name: str, statistic: str = "Sum") -> float:
    """Return a metric of the function over the last hour, -1 where it has none."""
    now = dt.datetime.now(dt.UTC)
    found = client(account, "cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName=name,
        Dimensions=[{"Name": "FunctionName", "Value": "f"}],
        StartTime=now - dt.timedelta(hours=1),
        EndTime=now + dt.timedelta(minutes=1),
        Period=7200,
        Statistics=[statistic],
    )["Datapoints"]
    value: float = sum(point[statistic] for point in found) if found else -1
    return value


def test_metrics_count_each_execution_once(account: Account) -> None:
    """Two invocations, one of them failing, are two, with one error, no throttle, and durations."""
    function = Function.deploy(account, FAILING)
    function.invoke("")
    function.invoke("boom")

    assert metric(account, "Invocations") == 2
    assert metric(account, "Errors") == 1
    assert metric(account, "Errors", "SampleCount") == 2
    assert metric(account, "Throttles") == 0
    assert metric(account, "Duration", "SampleCount") == 2
    assert metric(account, "ConcurrentExecutions", "Maximum") == 1


def test_metrics_count_asynchronous_attempts(account: Account) -> None:
    """An event that fails three times is three invocations, three errors, one drop."""
    function = Function.deploy(account, FAILING)
    function.send("boom")

    assert metric(account, "Invocations") == 3
    assert metric(account, "Errors") == 3
    assert metric(account, "AsyncEventsReceived") == 1
    assert metric(account, "AsyncEventsDropped") == 1


def test_metrics_count_a_throttle_as_no_invocation(account: Account) -> None:
    """A request beyond the reserved concurrency is a throttle and nothing else."""
    function = Function.deploy(account, FAILING)
    client(account, "lambda").put_function_concurrency(
        FunctionName="f", ReservedConcurrentExecutions=0
    )

    with pytest.raises(ClientError, match="TooManyRequestsException"):
        function.invoke("")

    assert metric(account, "Throttles") == 1
    assert metric(account, "Invocations") == -1
    assert metric(account, "Errors") == -1


def test_metrics_count_a_timeout_as_error_of_its_length(account: Account) -> None:
    """A timeout is an error, and its duration reaches the timeout."""
    source = "import time\ndef handler(event, context): time.sleep(9)\n"
    Function.deploy(account, source, Timeout=1).invoke()

    assert metric(account, "Errors") == 1
    assert metric(account, "Duration", "Maximum") >= 1000
