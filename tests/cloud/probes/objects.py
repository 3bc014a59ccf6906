"""Probes of S3."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.cloud.probes import probe
from tests.cloud.probes.made import make_role, refused

if TYPE_CHECKING:
    from tests.cloud import Account

HOUR_S = 3600


def make_bucket(account: Account, *keys: str) -> tuple[Any, str]:
    """Create a bucket with small objects; return a client and the bucket's name."""
    client, name = account.client("s3"), f"bucket-{account.id}"
    client.create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": account.region}
    )
    for key in keys:
        client.put_object(Bucket=name, Key=key, Body=b"x")
    return client, name


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
    lone = "d\x01%41+ é"
    client, bucket = make_bucket(account, "a", "b&c\n", lone)
    objects = f"arn:aws:s3:::{bucket}/*"
    make_role(
        account,
        "cleaner",
        {
            "Effect": "Allow",
            "Action": "s3:DeleteObject",
            "Resource": objects,
            "Condition": {"Null": {"s3:if-match": "false"}},
        },
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": objects},
    )
    etag = client.head_object(Bucket=bucket, Key="a")["ETag"]
    cleaner = account.client("s3", role="cleaner")
    keys = [{"Key": key, "ETag": etag} for key in ("a", "b&c\n")]

    assert refused(cleaner.delete_object, Bucket=bucket, Key="a") == "AccessDenied"
    deleted = cleaner.delete_objects(Bucket=bucket, Delete={"Objects": keys})["Deleted"]
    assert {found["Key"] for found in deleted} == {"a", "b&c\n"}
    cleaner.delete_object(Bucket=bucket, Key=lone, IfMatch=etag)
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


@probe
def s3_delete_per_key(account: Account) -> None:
    """A batch deletes what the caller may, and says AccessDenied of each other key."""
    client, bucket = make_bucket(account, "in/a", "in/b", "out/<a>&", "out/b")
    allowed = f"arn:aws:s3:::{bucket}/in/*"
    make_role(
        account, "cleaner", {"Effect": "Allow", "Action": "s3:DeleteObject", "Resource": allowed}
    )
    cleaner = account.client("s3", role="cleaner")

    def delete(*keys: str) -> tuple[list[str], list[tuple[str, str]]]:
        objects = [{"Key": key} for key in keys]
        answer = cleaner.delete_objects(Bucket=bucket, Delete={"Objects": objects})
        errors = [(error["Key"], error["Code"]) for error in answer.get("Errors", [])]
        return [deleted["Key"] for deleted in answer.get("Deleted", [])], errors

    denied = [(key, "AccessDenied") for key in ("out/<a>&", "out/b")]
    assert delete("out/<a>&", "in/a", "out/b", "in/b") == (["in/a", "in/b"], denied)
    assert delete("out/<a>&", "out/b") == ([], denied)
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 2
    left = {resource.partition("/")[2] for _, resource in account.denied("cleaner")}
    assert left == {"out/<a>&", "out/b"}


@probe
def s3_conditional_delete_permission(account: Account) -> None:
    """A role that may not read an object may not delete it on a condition, one or many."""
    client, bucket = make_bucket(account, "in/a", "in/b", "out/c", "out/d")
    readable = {"Effect": "Allow", "Action": "s3:GetObject"}
    make_role(
        account,
        "cleaner",
        {"Effect": "Allow", "Action": "s3:DeleteObject", "Resource": f"arn:aws:s3:::{bucket}/*"},
        readable | {"Resource": f"arn:aws:s3:::{bucket}/in/*"},
    )
    etag = client.head_object(Bucket=bucket, Key="in/a")["ETag"]
    cleaner = account.client("s3", role="cleaner")

    about = {"Bucket": bucket, "IfMatch": etag}
    assert refused(cleaner.delete_object, Key="out/c", **about) == "AccessDenied"
    assert refused(cleaner.delete_object, Key="in/a", **about) == ""
    keys = [{"Key": key, "ETag": etag} for key in ("in/b", "out/d")]
    answer = cleaner.delete_objects(Bucket=bucket, Delete={"Objects": keys})
    assert [found["Key"] for found in answer["Deleted"]] == ["in/b"]
    assert [(each["Key"], each["Code"]) for each in answer["Errors"]] == [("out/d", "AccessDenied")]
    cleaner.delete_object(Bucket=bucket, Key="out/c")
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 1


@probe
def s3_listing_encoding(account: Account) -> None:
    """Keys are listed encoded: of versions, of uploads, and as markers."""
    client, bucket = make_bucket(account, "a\x01+ %", "b")
    for _ in range(2):
        client.create_multipart_upload(Bucket=bucket, Key="c/é")

    versions = client.list_object_versions(Bucket=bucket)["Versions"]
    assert [version["Key"] for version in versions] == ["a\x01+ %", "b"]
    about = {"Bucket": bucket, "EncodingType": "url", "MaxUploads": 1}
    page = client.list_multipart_uploads(**about)
    assert (page["Uploads"][0]["Key"], page["NextKeyMarker"]) == ("c/%C3%A9", "c/%C3%A9")
    assert page["EncodingType"] == "url"


@probe
def iam_pattern_newline(account: Account) -> None:
    """A role that may read a whole prefix may read what has a line feed in its key."""
    client, bucket = make_bucket(account, "in/a\nb", "out/a\nb")
    readable = f"arn:aws:s3:::{bucket}/in/*"
    make_role(
        account, "reader", {"Effect": "Allow", "Action": "s3:GetObject", "Resource": readable}
    )
    reader = account.client("s3", role="reader")

    assert reader.get_object(Bucket=bucket, Key="in/a\nb")["ContentLength"] == 1
    assert refused(reader.get_object, Bucket=bucket, Key="out/a\nb") == "AccessDenied"
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 2
