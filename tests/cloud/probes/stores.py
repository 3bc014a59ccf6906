"""Probes of DynamoDB and S3."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.probes import probe

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cloud import Account

HOUR_S = 3600
YEAR_S = 365 * 24 * HOUR_S


def make_table(account: Account, name: str = "rows", **more: Any) -> Any:
    """Create a table with a hash key ``pk`` and return a client."""
    client = account.client("dynamodb")
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        **more,
    )
    return client


def make_role(account: Account, name: str, *statements: dict[str, Any]) -> None:
    """Create a role that nobody is trusted to assume, with one inline policy."""
    iam = account.client("iam")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument='{"Statement": []}')
    policy = {"Version": "2012-10-17", "Statement": list(statements)}
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(policy))


def make_bucket(account: Account, *keys: str) -> tuple[Any, str]:
    """Create a bucket with small objects; return a client and the bucket's name."""
    client, name = account.client("s3"), f"bucket-{account.id}"
    client.create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": account.region}
    )
    for key in keys:
        client.put_object(Bucket=name, Key=key, Body=b"x")
    return client, name


def refused(call: Callable[..., Any], **request: Any) -> str:
    """Return the code of the error that a call ends in, "" where it succeeds."""
    try:
        call(**request)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return ""


@probe
def dynamodb_ttl(account: Account) -> None:
    """A sweep takes what TTL would, and the stream and a metric say so."""
    client = make_table(
        account, StreamSpecification={"StreamEnabled": True, "StreamViewType": "OLD_IMAGE"}
    )
    ttl = {"Enabled": True, "AttributeName": "expires_at"}
    client.update_time_to_live(TableName="rows", TimeToLiveSpecification=ttl)
    now_s = int(time.time())
    rows: dict[str, Any] = {
        "late": {"N": str(now_s - HOUR_S)},
        "alive": {"N": str(now_s + HOUR_S)},
        "milliseconds": {"N": str((now_s - HOUR_S) * 1000)},
        "text": {"S": str(now_s - HOUR_S)},
        "old": {"N": str(now_s - 6 * YEAR_S)},
    }
    for key, value in rows.items():
        client.put_item(TableName="rows", Item={"pk": {"S": key}, "expires_at": value})
    client.put_item(TableName="rows", Item={"pk": {"S": "missing"}})

    assert account.sweep_ttl() == {"rows": 1}
    left = {item["pk"]["S"] for item in client.scan(TableName="rows")["Items"]}
    assert left == {"alive", "milliseconds", "text", "old", "missing"}

    client.delete_item(TableName="rows", Key={"pk": {"S": "alive"}})
    streams = account.client("dynamodbstreams")
    (stream,) = streams.list_streams(TableName="rows")["Streams"]
    arn = stream["StreamArn"]
    (shard,) = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    iterator = streams.get_shard_iterator(
        StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = streams.get_records(ShardIterator=iterator)["Records"]
    removed = {
        record["dynamodb"]["Keys"]["pk"]["S"]: record.get("userIdentity")
        for record in records
        if record["eventName"] == "REMOVE"
    }
    service = {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}
    assert removed == {"late": service, "alive": None}

    other = {"Enabled": True, "AttributeName": "other"}
    change = client.update_time_to_live
    assert refused(change, TableName="rows", TimeToLiveSpecification=other) == "ValidationException"
    (point,) = account.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/DynamoDB",
        MetricName="TimeToLiveDeletedItemCount",
        Dimensions=[{"Name": "TableName", "Value": "rows"}],
        StartTime=now_s - 60,
        EndTime=now_s + 60,
        Period=HOUR_S,
        Statistics=["Sum"],
    )["Datapoints"]
    assert point["Sum"] == 1


@probe
def dynamodb_partiql_permissions(account: Account) -> None:
    """A role that may PartiQLDelete on one table does, and may do nothing else."""
    make_table(account)
    table = f"arn:aws:dynamodb:{account.region}:{account.id}:table/rows"
    make_role(
        account,
        "cleaner",
        {"Effect": "Allow", "Action": "dynamodb:PartiQLDelete", "Resource": table},
    )
    client = account.client("dynamodb", role="cleaner")
    delete = {"Statement": 'DELETE FROM "rows" WHERE pk=?', "Parameters": [{"S": "a"}]}

    (response,) = client.batch_execute_statement(Statements=[delete])["Responses"]
    assert "Error" not in response
    for statement in ("SELECT * FROM rows WHERE pk='a'", "DELETE FROM \"other\" WHERE pk='a'"):
        call = client.execute_statement
        assert refused(call, Statement=statement) == "AccessDeniedException"
    assert account.used("cleaner") == {("dynamodb:PartiQLDelete", table)}
    assert account.denied("cleaner") == {
        ("dynamodb:PartiQLSelect", table),
        ("dynamodb:PartiQLDelete", table.replace("rows", "other")),
    }


@probe
def s3_delete_limit(account: Account) -> None:
    """DeleteObjects refuses 1,001 keys and deletes none of them; 1,000 it takes."""
    client, bucket = make_bucket(account, "k1")
    keys = [{"Key": f"k{number}"} for number in range(1001)]

    call = client.delete_objects
    assert refused(call, Bucket=bucket, Delete={"Objects": keys}) == "MalformedXML"
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 1
    assert len(call(Bucket=bucket, Delete={"Objects": keys[:1000]})["Deleted"]) == 1000


@probe
def s3_expected_bucket_owner(account: Account) -> None:
    """A request that expects another owner is denied, whatever it would do."""
    client, bucket = make_bucket(account, "k")

    assert client.list_objects_v2(Bucket=bucket, ExpectedBucketOwner=account.id)["KeyCount"] == 1
    stranger = {"Bucket": bucket, "ExpectedBucketOwner": "111122223333"}
    objects = {"Objects": [{"Key": "k"}]}
    assert refused(client.list_objects_v2, **stranger) == "AccessDenied"
    assert refused(client.delete_objects, Delete=objects, **stranger) == "AccessDenied"
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 1


@probe
def s3_multipart_last_modified(account: Account) -> None:
    """An upload begun 30 hours ago and completed now is 30 hours old, versioned or not."""
    client, bucket = make_bucket(account)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    upload = client.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    part = client.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"x")
    account.age_object(bucket, "k", hours=30, upload_id=upload)
    client.complete_multipart_upload(
        Bucket=bucket,
        Key="k",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )

    (version,) = client.list_object_versions(Bucket=bucket)["Versions"]
    (listed,) = client.list_objects_v2(Bucket=bucket)["Contents"]
    for found in (version, listed, client.head_object(Bucket=bucket, Key="k")):
        age_h = (time.time() - found["LastModified"].timestamp()) / HOUR_S
        assert age_h == pytest.approx(30, abs=0.1)


@probe
def s3_if_match_key(account: Account) -> None:
    """A role held to ETags deletes with one, and is denied without."""
    client, bucket = make_bucket(account, "a", "b&c", "d")
    objects = f"arn:aws:s3:::{bucket}/*"
    make_role(
        account,
        "cleaner",
        {
            "Effect": "Allow",
            "Action": ["s3:DeleteObject", "s3:GetObject"],
            "Resource": objects,
            "Condition": {"Null": {"s3:if-match": "false"}},
        },
    )
    etag = client.head_object(Bucket=bucket, Key="a")["ETag"]
    cleaner = account.client("s3", role="cleaner")
    keys = [{"Key": key, "ETag": etag} for key in ("a", "b&c")]

    assert refused(cleaner.delete_object, Bucket=bucket, Key="a") == "AccessDenied"
    deleted = cleaner.delete_objects(Bucket=bucket, Delete={"Objects": keys})["Deleted"]
    assert {found["Key"] for found in deleted} == {"a", "b&c"}
    cleaner.delete_object(Bucket=bucket, Key="d", IfMatch=etag)
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
