"""A bucket with real conditions, and the engine's way to it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from expiry.bucket import Bucket
from expiry.budget import Budget, Pace
from expiry.multipart import Uploads
from expiry.objects import ObjectCandidate, Objects
from expiry.versions import Versions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from expiry.objects import Listed, Results
    from expiry.outcomes import Outcome
    from tests.cloud import Account

ENDLESS = Budget(lambda: 3_600_000, reserve_s=10)


@dataclass(frozen=True, slots=True)
class Store:
    """A bucket of one's own, seen by its owner."""

    account: Account
    client: Any
    name: str

    @classmethod
    def make(cls, account: Account, *, versioned: bool = False) -> Store:
        """Create an empty bucket."""
        client, name = account.client("s3"), f"b-{uuid.uuid4()}"
        place = {"LocationConstraint": account.region}
        client.create_bucket(Bucket=name, CreateBucketConfiguration=place)
        if versioned:
            about = {"Status": "Enabled"}
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration=about)
        return cls(account, client, name)

    @property
    def versioned(self) -> bool:
        """Say whether a delete leaves a marker."""
        return "Status" in self.client.get_bucket_versioning(Bucket=self.name)

    def put(self, *keys: str, body: bytes = b"x") -> None:
        """Put an object at each key."""
        for key in keys:
            self.client.put_object(Bucket=self.name, Key=key, Body=body)

    def begin(self, key: str, *parts: bytes) -> str:
        """Begin an upload with these parts; return its id."""
        about = {"Bucket": self.name, "Key": key}
        upload_id: str = self.client.create_multipart_upload(**about)["UploadId"]
        for number, body in enumerate(parts, start=1):
            self.client.upload_part(**about, UploadId=upload_id, PartNumber=number, Body=body)
        return upload_id

    def complete(self, key: str, upload_id: str) -> None:
        """Complete an upload from all of its parts."""
        about = {"Bucket": self.name, "Key": key, "UploadId": upload_id}
        parts = self.client.list_parts(**about)["Parts"]
        named = [{"PartNumber": part["PartNumber"], "ETag": part["ETag"]} for part in parts]
        self.client.complete_multipart_upload(**about, MultipartUpload={"Parts": named})

    def keys(self) -> set[str]:
        """Return the key of every object that is there."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        return {found["Key"] for page in pages for found in page.get("Contents", ())}

    def body(self, key: str) -> bytes:
        """Return an object's content."""
        content: bytes = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return content

    # The engine's way

    def bucket(self, *, client: Any = None, role: str = "", owner: str = "") -> Bucket:
        """Return it as the engine takes it: by the owner's client, another's, or a role's."""
        if role:
            client = self.account.client("s3", role=role)
        pace = Pace(0, lambda: 0.0, lambda _: None)
        return Bucket(client or self.client, self.name, owner or self.account.id, pace)

    def objects(self, **about: Any) -> Objects:
        """Return its objects."""
        return Objects(self.bucket(**about), ENDLESS)

    def uploads(self, **about: Any) -> Uploads:
        """Return its uploads under way."""
        return Uploads(self.bucket(**about))

    def versions(self, **about: Any) -> Versions:
        """Return its versions."""
        return Versions(self.bucket(**about))

    def candidates(self, *keys: str) -> list[ObjectCandidate]:
        """List everything, and make candidates of it, or of these keys in their order."""
        pages = self.objects().list("")
        found = {listed.key: listed for page in pages for listed in page}
        return [ObjectCandidate.of(found[key], "orphaned") for key in keys or found]

    def calls(self, operation: str) -> int:
        """Return how often an operation was called."""
        return sum(call.operation == operation for call in self.account.calls())


def listed(pages: Iterable[Iterable[Listed]]) -> list[str]:
    """Return the keys of a listing, in its order."""
    return [each.key for page in pages for each in page]


def ends(results: Results) -> dict[str, Outcome]:
    """Return what became of each key."""
    return {result.victim.key: result.outcome for result in results}
