"""
A table, a bucket and a clock of one's own.

The clock stands 100 hours ahead of the real one, and only moves when it is told to. So what is put
down now is 100 hours old, unless its age is given: then the cloud is asked to set its time.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.cloud import Account

AHEAD_S = 100 * 3_600
HOUR_S = 3_600

ID = "uploadSessionId"
PART = b"p" * 16

Item = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Clients:
    """Clients of the test itself; a run is given wrapped ones."""

    account: Account  # whose S3 it is, and who can age an object
    dynamodb: Any  # the embedded cloud's, or DynamoDB Local's
    s3: Any

    @classmethod
    def of(cls, account: Account, dynamodb: Any = None) -> Clients:
        """Make the clients of *account*; the table may be in another store."""
        return cls(account, dynamodb or account.client("dynamodb"), account.client("s3"))


@dataclass
class Stage:
    """An empty table and an empty bucket."""

    clients: Clients
    name: str = field(default_factory=lambda: f"s-{uuid.uuid4().hex[:20]}")
    now_s: float = field(default_factory=lambda: float(int(time.time()) + AHEAD_S))
    uploads: dict[str, str] = field(default_factory=dict)  # label → upload id

    def __post_init__(self) -> None:
        """Create both; the table's key is the seed's."""
        self.began_s = self.now_s
        self.clients.s3.create_bucket(
            Bucket=self.name,
            CreateBucketConfiguration={"LocationConstraint": self.clients.account.region},
        )
        self.clients.dynamodb.create_table(
            TableName=self.name,
            KeySchema=[{"AttributeName": ID, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": ID, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )

    def tear_down(self) -> None:
        """Forget the table, so that a long test does not slow the store down."""
        self.clients.dynamodb.delete_table(TableName=self.name)

    def clock(self) -> float:
        """Return the time; give this to a run."""
        return self.now_s

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds

    # Sessions

    def session(self, session_id: str, **attributes: Any) -> Item:
        """Make a row: text and numbers by their Python type, None leaves an attribute out."""
        row: dict[str, Any] = {
            "uploadType": "single",
            "key": key_of(session_id),
            "status": "created",
            "ttl": self.at(-2),
            "createdAt": self.iso(-26),
        }
        row |= attributes
        typed = {name: typed_value(value) for name, value in row.items() if value is not None}
        return {ID: {"S": session_id}, **typed}

    def at(self, hours: float) -> int:
        """Return a moment, in seconds, so many hours from now."""
        return int(self.now_s + hours * HOUR_S)

    def iso(self, hours: float) -> str:
        """Return the same as text."""
        moment = datetime.fromtimestamp(self.at(hours), UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def write(self, items: list[Item]) -> None:
        """Put rows, 25 a call."""
        for start in range(0, len(items), 25):
            requests = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
            self.clients.dynamodb.batch_write_item(RequestItems={self.name: requests})

    # Objects

    def put(self, key: str, *, age_h: float | None = None, body: bytes = b"") -> None:
        """Put an object, each with its own content unless told; None: 100 hours old."""
        self.clients.s3.put_object(Bucket=self.name, Key=key, Body=body or key.encode())
        if age_h is not None:
            self.age(key, age_h)

    def begin(self, label: str, key: str, *, parts: int = 0, age_h: float | None = None) -> str:
        """Begin a multipart upload and remember its id by *label*."""
        begun = self.clients.s3.create_multipart_upload(Bucket=self.name, Key=key)
        upload_id: str = begun["UploadId"]
        self.uploads[label] = upload_id
        for number in range(1, parts + 1):
            self.part(label, key, number)
        if age_h is not None:
            self.age(key, age_h, upload_id)
        return upload_id

    def part(self, label: str, key: str, number: int, *, young: bool = False) -> None:
        """Let a part land, 100 hours ago or just now."""
        self.clients.s3.upload_part(
            Bucket=self.name,
            Key=key,
            UploadId=self.uploads[label],
            PartNumber=number,
            Body=PART,
        )
        if young:
            self.age(key, 0, self.uploads[label], part=number)

    def complete(self, label: str, key: str) -> None:
        """Complete an upload from the parts that are there."""
        about = {"Bucket": self.name, "Key": key, "UploadId": self.uploads[label]}
        parts = self.clients.s3.list_parts(**about)["Parts"]
        named = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in parts]
        self.clients.s3.complete_multipart_upload(**about, MultipartUpload={"Parts": named})

    def age(self, key: str, age_h: float, upload_id: str = "", part: int = 0) -> None:
        """Let an object, an upload or a part be so old by this stage's clock."""
        really_h = age_h - (self.now_s - time.time()) / HOUR_S
        account = self.clients.account
        account.age_object(self.name, key, really_h, upload_id=upload_id, part=part)

    # What is there

    def rows(self) -> dict[str, Item]:
        """Return every row by its id."""
        pages = self.clients.dynamodb.get_paginator("scan").paginate(
            TableName=self.name, ConsistentRead=True
        )
        return {item[ID]["S"]: item for page in pages for item in page["Items"]}

    def objects(self) -> dict[str, str]:
        """Return every object's ETag by its key."""
        pages = self.clients.s3.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        return {found["Key"]: found["ETag"] for page in pages for found in page.get("Contents", ())}

    def open_uploads(self) -> set[str]:
        """Return the labels of uploads under way."""
        labels = {upload_id: label for label, upload_id in self.uploads.items()}
        listed = self.clients.s3.list_multipart_uploads(Bucket=self.name).get("Uploads", ())
        return {labels[upload["UploadId"]] for upload in listed}


def key_of(session_id: str, date: str = "2026-01-05") -> str:
    """Return the key of a session's object, as the seed's application names it."""
    return f"uploads/{date}/{session_id}.mp4"


def typed_value(value: str | float | dict[str, Any]) -> dict[str, Any]:
    """Return a value as DynamoDB takes it; a dict is taken as it is."""
    if isinstance(value, dict):
        return value
    return {"S": value} if isinstance(value, str) else {"N": str(value)}
