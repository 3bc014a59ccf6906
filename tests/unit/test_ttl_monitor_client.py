"""
The monitor through boto3's real client: requests that a DynamoDB parses, answers that it gives.

moto stands for the service: no safety rule rests on it, since the monitor changes nothing.
"""

from __future__ import annotations

import io
import json
import time
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

import boto3
from moto import mock_aws

from tests.unit.monitor_runs import ENVIRONMENT, Context
from tests.unit.stored_table import session
from ttl_monitor.handler import handler

if TYPE_CHECKING:
    import pytest

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "eu-west-1",
}


@mock_aws
def test_handler_on_a_real_client_counts_and_exports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Filter, projection and segments are understood, and the export is where it says."""
    for name, text in (ENVIRONMENT | CREDENTIALS | {"EXPORT_BUCKET": "reports"}).items():
        monkeypatch.setenv(name, text)
    now_s = int(time.time())
    dynamodb, s3 = boto3.client("dynamodb"), boto3.client("s3")
    place = {"LocationConstraint": "eu-west-1"}
    s3.create_bucket(Bucket="reports", CreateBucketConfiguration=place)  # type: ignore[arg-type]
    dynamodb.create_table(
        TableName="sessions-dev",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": "thread_id", "KeyType": "HASH"},
            {"AttributeName": "checkpoint_id", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "thread_id", "AttributeType": "S"},
            {"AttributeName": "checkpoint_id", "AttributeType": "S"},
        ],
    )
    values = [None, {"S": "x"}, {"N": "1"}, {"N": "1700000000000"}]
    values += [{"N": str(now_s - 3_600 * n)} for n in (1, 2)]
    values += [{"N": str(now_s + 3_600)}] * 3
    for n, value in enumerate(values):
        dynamodb.put_item(TableName="sessions-dev", Item=session("u", n, value))

    with redirect_stdout(io.StringIO()):
        body = handler({}, Context(invoked_function_arn="::::123456789012:"))["body"]  # type: ignore[arg-type]
    seen = body["scan"]["seen"]
    where = {"Bucket": body["export"]["bucket"], "Key": body["export"]["key"]}
    record = json.loads(s3.get_object(**where)["Body"].read())

    assert seen.pop("live") == 3
    assert seen.pop("expired") == record["expired_count"] == 2
    assert set(seen.values()) == {1}
