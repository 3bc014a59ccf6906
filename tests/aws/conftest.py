"""One throw-away table, bucket and role, and clients of the caller's own account."""

from __future__ import annotations

import json
import os
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Only on request: a plain run of all tests must never reach an account of somebody's.
collect_ignore_glob = [] if os.environ.get("TARGET") == "aws" else ["test_*.py"]

PROPAGATION_S = 60.0  # IAM's changes take seconds to be seen everywhere
PREFIX = "uploads/"


@dataclass(frozen=True, slots=True)
class Place:
    """What the tests may use."""

    name: str  # of the table, the bucket and the role
    dynamodb: Any
    s3: Any
    as_role: Callable[[str], Any]  # a client of that service under the role


def client(service: str, **keys: str) -> Any:
    """Return a client; buckets by path, so that any endpoint does."""
    make: Any = boto3.client
    return make(service, config=Config(s3={"addressing_style": "path"}), **keys)


@pytest.fixture(scope="session")
def place() -> Iterator[Place]:
    """Make everything, and remove it, whatever the tests did."""
    name = f"expiry-conformance-{secrets.token_hex(4)}"
    dynamodb, s3, iam = client("dynamodb"), client("s3"), client("iam")
    account = client("sts").get_caller_identity()["Account"]
    try:
        make_stores(name, dynamodb, s3)
        role_arn = make_role(name, iam, account)
        yield Place(name, dynamodb, s3, lambda service: assumed(role_arn, service))
    finally:
        remove(name, dynamodb, s3, iam)


def make_stores(name: str, dynamodb: Any, s3: Any) -> None:
    """Create the table and the bucket, and wait for both."""
    region = s3.meta.region_name
    outside = {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=name, **({} if region == "us-east-1" else outside))
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.get_waiter("table_exists").wait(TableName=name)


def make_role(name: str, iam: Any, account: str) -> str:
    """
    Create a role that may delete objects by ETag alone, and rows of one partition alone: those by
    PartiQL, or in a transaction.
    """
    trust = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}
    by_etag = {"Null": {"s3:if-match": "false"}}
    pinned = {
        "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["pinned"]},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }
    within = {"ForAnyValue:StringEquals": {"dynamodb:EnclosingOperation": ["TransactWriteItems"]}}
    table_arn = f"arn:aws:dynamodb:*:{account}:table/{name}"
    statements = [
        ("s3:DeleteObject", f"arn:aws:s3:::{name}/*", by_etag),
        ("s3:GetObject", f"arn:aws:s3:::{name}/*", {}),
        ("dynamodb:PartiQLDelete", table_arn, pinned),
        ("dynamodb:DeleteItem", table_arn, pinned | within),
        ("dynamodb:ConditionCheckItem", table_arn, pinned | within),
    ]
    policy = [
        {"Effect": "Allow", "Action": action, "Resource": resource, "Condition": condition}
        for action, resource, condition in statements
    ]
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]
    iam.put_role_policy(RoleName=name, PolicyName="deletes", PolicyDocument=document(*policy))
    arn: str = role["Arn"]
    return arn


def document(*statements: dict[str, Any]) -> str:
    """Return a policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def assumed(role_arn: str, service: str) -> Any:
    """Return a client under the role, once IAM knows it everywhere."""
    deadline = time.monotonic() + PROPAGATION_S
    while True:
        try:
            keys = client("sts").assume_role(RoleArn=role_arn, RoleSessionName="conformance")
            break
        except ClientError:
            if time.monotonic() > deadline:
                raise
            time.sleep(2)
    found = keys["Credentials"]
    return client(
        service,
        aws_access_key_id=found["AccessKeyId"],
        aws_secret_access_key=found["SecretAccessKey"],
        aws_session_token=found["SessionToken"],
    )


def remove(name: str, dynamodb: Any, s3: Any, iam: Any) -> None:
    """Remove what is there; what never came to be is no error."""
    for gone in (
        lambda: [
            s3.delete_object(Bucket=name, Key=found["Key"])
            for found in s3.list_objects_v2(Bucket=name).get("Contents", [])
        ],
        lambda: s3.delete_bucket(Bucket=name),
        lambda: dynamodb.delete_table(TableName=name),
        lambda: iam.delete_role_policy(RoleName=name, PolicyName="deletes"),
        lambda: iam.delete_role(RoleName=name),
    ):
        try:
            gone()
        except ClientError as error:
            if "NoSuch" not in str(error) and "NotFound" not in str(error):
                raise
