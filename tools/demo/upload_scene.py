"""
A bucket of uploads and its sessions, in which everything is there that a cleanup can meet.

Real objects and multipart uploads, put through S3's own API and aged; each thing knows whether it
goes, and why.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.cloud import Account

HOUR_S = 3_600
PART = b"a part of a video, much too short"

Item = dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Thing:
    """One session, object or multipart upload, or what belongs together of them."""

    kind: str
    number: int
    goes: bool
    session: Item | None = None
    key: str | None = None  # of an object that is there
    upload_id: str | None = None

    @property
    def session_id(self) -> str | None:
        """The session's id, where there is a session."""
        return self.session["uploadSessionId"]["S"] if self.session else None


@dataclass(frozen=True, slots=True)
class Kind:
    """How many things of a kind there are, what becomes of them, and how one is made."""

    name: str
    count: int
    make: Callable[[Scene, int], Thing]
    goes: bool


@dataclass
class Scene:
    """The bucket and the table of one example, being filled."""

    account: Account
    table: str
    bucket: str
    now_s: int = field(default_factory=lambda: int(time.time()))
    things: list[Thing] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the clients once."""
        self.s3 = self.account.client("s3")
        self.dynamodb = self.account.client("dynamodb")

    def fill(self, kinds: Sequence[Kind]) -> list[Thing]:
        """Make everything, and remember it."""
        wanted = [(kind, number) for kind in kinds for number in range(kind.count)]
        with ThreadPoolExecutor(4) as pool:
            made = list(pool.map(lambda each: self._made(*each), wanted))
        self.things += made
        return made

    def _made(self, kind: Kind, number: int) -> Thing:
        thing = replace(kind.make(self, number), kind=kind.name, number=number, goes=kind.goes)
        if thing.session:
            self.dynamodb.put_item(TableName=self.table, Item=thing.session)
        return thing

    # What a kind is made of

    def session(self, name: str, **changes: dict[str, str] | None) -> Item:
        """Return a session's row, begun a moment ago; None takes an attribute away."""
        row: dict[str, dict[str, str] | None] = {
            "uploadSessionId": {"S": name},
            "uploadType": {"S": "single"},
            "key": {"S": key_of(name)},
            "status": {"S": "created"},
            "ttl": number_of(self.now_s + 20 * HOUR_S),
            "createdAt": number_of(self.now_s - 60),
        }
        return {name: value for name, value in (row | changes).items() if value is not None}

    def object(self, key: str, hours: float, *, tag: str = "") -> str:
        """Put an object that is *hours* old; return its key."""
        tagging = {"Tagging": f"{tag}=1"} if tag else {}
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=key.encode(), **tagging)
        self.account.age_object(self.bucket, key, hours)
        return key

    def upload(self, key: str, hours: float) -> str:
        """Begin a multipart upload with one part, *hours* old; return its id."""
        begun = self.s3.create_multipart_upload(Bucket=self.bucket, Key=key)
        upload_id: str = begun["UploadId"]
        where = {"Bucket": self.bucket, "Key": key, "UploadId": upload_id}
        self.s3.upload_part(**where, PartNumber=1, Body=PART)
        self.account.age_object(self.bucket, key, hours, upload_id=upload_id)
        return upload_id

    def multipart_object(self, key: str, hours: float) -> str:
        """Put an object in parts, its upload begun *hours* ago, and completed now."""
        where = {"Bucket": self.bucket, "Key": key, "UploadId": self.upload(key, hours)}
        parts = [
            {"PartNumber": part["PartNumber"], "ETag": part["ETag"]}
            for part in self.s3.list_parts(**where)["Parts"]
        ]
        self.s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
        return key

    # What is there

    def sessions(self) -> dict[str, Item]:
        """Return every row that is there, by its id."""
        pages = self.dynamodb.get_paginator("scan").paginate(
            TableName=self.table, ConsistentRead=True
        )
        return {row["uploadSessionId"]["S"]: row for page in pages for row in page["Items"]}

    def objects(self) -> set[str]:
        """Return every key that is there."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return {found["Key"] for page in pages for found in page.get("Contents", ())}

    def uploads(self) -> set[str]:
        """Return the id of every multipart upload that is under way."""
        pages = self.s3.get_paginator("list_multipart_uploads").paginate(Bucket=self.bucket)
        return {found["UploadId"] for page in pages for found in page.get("Uploads", ())}

    def survivors(self) -> list[Thing]:
        """Return the things of which everything is still there."""
        sessions, objects, uploads = self.sessions(), self.objects(), self.uploads()
        return [
            thing
            for thing in self.things
            if (not thing.session or thing.session_id in sessions)
            and (not thing.key or thing.key in objects)
            and (not thing.upload_id or thing.upload_id in uploads)
        ]

    def remains(self) -> list[Thing]:
        """Return the things of which anything is still there."""
        sessions, objects, uploads = self.sessions(), self.objects(), self.uploads()
        return [
            thing
            for thing in self.things
            if thing.session_id in sessions or thing.key in objects or thing.upload_id in uploads
        ]

    def a_day_later(self, audit_bucket: str, hours: float = 25.0) -> None:
        """Let what runs have noted of orphans be *hours* older: a second sighting is due."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=audit_bucket)
        for key in [found["Key"] for page in pages for found in page.get("Contents", ())]:
            if "/state/" not in key:
                continue
            memory = json.loads(self.s3.get_object(Bucket=audit_bucket, Key=key)["Body"].read())
            for seen in memory["seen"].values():
                for name, (etag, first_s) in seen.items():
                    seen[name] = [etag, first_s - hours * HOUR_S]
            self.s3.put_object(Bucket=audit_bucket, Key=key, Body=json.dumps(memory).encode())


def key_of(name: str, extension: str = "mp4") -> str:
    """Return the key under which a session of that name uploads."""
    return f"uploads/2026-01-31/{name}.{extension}"


def number_of(value: float) -> dict[str, str]:
    """Return a Number as DynamoDB has it."""
    return {"N": str(int(value))}


def thing(**parts: Any) -> Thing:
    """Return a thing of a kind that is filled in later."""
    return Thing(kind="", number=0, goes=False, **parts)


def counted(things: Sequence[Thing]) -> Counter[str]:
    """Count *things* by kind."""
    return Counter(each.kind for each in things)
