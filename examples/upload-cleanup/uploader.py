# ruff: noqa: INP001 - a script that a reader copies, not a package
"""
Upload a file, and keep the contract that the cleanup relies on.

    python uploader.py TABLE BUCKET FILE [--multipart] [--abandon]

The row comes first; a presigned URL ends before the row does; whatever completes or renews a
session is a conditional write, which fails once the cleanup has claimed it. Needs boto3.
"""

from __future__ import annotations

import argparse
import os
import ssl
import sys
import time
import urllib.parse
import urllib.request
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIFETIME_S = 24 * 3600  # of a session, and so of all that belongs to it
MARGIN_S = 300  # a presigned URL ends so long before its session: clocks differ
PART_BYTES = 8 * 1024 * 1024
# The module's output `application_contract` holds this, with the attributes' names of your table.
STILL_OURS = "attribute_exists(#id) AND #status <> :claimed"


class ExpiredError(Exception):
    """The session has expired meanwhile: begin again with a new one."""


@dataclass(frozen=True)
class Session:
    """One upload on its way."""

    id: str
    key: str
    ttl: int
    upload_id: str | None = None


@dataclass(frozen=True)
class Uploader:
    """Uploads into one bucket, with its sessions in one table."""

    dynamodb: Any
    s3: Any
    table: str
    bucket: str
    now: Callable[[], float] = time.time

    def begin(self, extension: str, *, multipart: bool = False) -> Session:
        """Open a session: its row is there before anything can be uploaded for it."""
        now = int(self.now())
        session_id = uuid.uuid4().hex
        day = time.strftime("%Y-%m-%d", time.gmtime(now))
        session = Session(session_id, f"uploads/{day}/{session_id}.{extension}", now + LIFETIME_S)
        self.dynamodb.put_item(
            TableName=self.table,
            Item={
                "uploadSessionId": {"S": session.id},
                "uploadType": {"S": "multipart" if multipart else "single"},
                "key": {"S": session.key},
                "status": {"S": "created"},
                "ttl": {"N": str(session.ttl)},
                "createdAt": {"N": str(now)},
            },
            ConditionExpression="attribute_not_exists(uploadSessionId)",
        )
        return self._open_multipart(session) if multipart else session

    def _open_multipart(self, session: Session) -> Session:
        begun = self.s3.create_multipart_upload(Bucket=self.bucket, Key=session.key)
        opened = Session(session.id, session.key, session.ttl, begun["UploadId"])
        names, values = {"#upload": "s3UploadId"}, {":upload": {"S": begun["UploadId"]}}
        self._change(opened, "SET #upload = :upload", names, values)
        return opened

    def presigned_url(self, session: Session) -> str:
        """
        Return a URL to PUT the file to; it ends before the session does.

        Raises:
            ExpiredError: There is no time left.
        """
        left_s = session.ttl - int(self.now()) - MARGIN_S
        if left_s <= 0:
            raise ExpiredError(session.id)
        where = {"Bucket": self.bucket, "Key": session.key}
        url: str = self.s3.generate_presigned_url("put_object", Params=where, ExpiresIn=left_s)
        return url

    def renew(self, session: Session) -> Session:
        """
        Give a session its whole lifetime again.

        Raises:
            ExpiredError: The cleanup was faster.
        """
        ttl = int(self.now()) + LIFETIME_S
        self._change(session, "SET #ttl = :ttl", {"#ttl": "ttl"}, {":ttl": {"N": str(ttl)}})
        return Session(session.id, session.key, ttl, session.upload_id)

    def send_parts(self, session: Session, chunks: Iterator[bytes]) -> None:
        """Upload the parts of a multipart upload, and put them together."""
        parts = []
        where = {"Bucket": self.bucket, "Key": session.key, "UploadId": session.upload_id}
        for number, chunk in enumerate(chunks, start=1):
            sent = self.s3.upload_part(**where, PartNumber=number, Body=chunk)
            parts.append({"PartNumber": number, "ETag": sent["ETag"]})
        self.s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})

    def finish(self, session: Session) -> None:
        """
        Mark a session uploaded, and take its TTL away: nothing of it expires any more.

        Raises:
            ExpiredError: The cleanup was faster; what was uploaded goes.
        """
        names, values = {"#ttl": "ttl"}, {":uploaded": {"S": "uploaded"}}
        self._change(session, "SET #status = :uploaded REMOVE #ttl", names, values)

    def _change(
        self, session: Session, update: str, names: dict[str, str], values: dict[str, Any]
    ) -> None:
        """Change the session's row on the one condition that the contract asks for."""
        try:
            self.dynamodb.update_item(
                TableName=self.table,
                Key={"uploadSessionId": {"S": session.id}},
                UpdateExpression=update,
                ConditionExpression=STILL_OURS,
                ExpressionAttributeNames=names | {"#id": "uploadSessionId", "#status": "status"},
                ExpressionAttributeValues=values | {":claimed": {"S": "expiring"}},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                raise ExpiredError(session.id) from error
            raise


def put(url: str, body: bytes) -> None:
    """PUT *body* to a presigned URL, as a browser does."""
    if urllib.parse.urlsplit(url).scheme != "https":
        raise ValueError(url)
    trusted = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE"))
    request = urllib.request.Request(url, data=body, method="PUT")  # noqa: S310 - https only
    urllib.request.urlopen(request, context=trusted).close()  # noqa: S310 - likewise


def chunks_of(path: Path) -> Iterator[bytes]:
    """Yield a file in parts, at least one."""
    with path.open("rb") as file:
        yield file.read(PART_BYTES)
        while chunk := file.read(PART_BYTES):
            yield chunk


def main() -> int:
    """Upload one file."""
    parser = argparse.ArgumentParser(description="Upload a file, and keep the contract.")
    parser.add_argument("table")
    parser.add_argument("bucket")
    parser.add_argument("file", type=Path)
    parser.add_argument("--multipart", action="store_true")
    parser.add_argument("--abandon", action="store_true", help="leave it as a closed browser does")
    arguments = parser.parse_args()
    clients = boto3.client("dynamodb"), boto3.client("s3")
    uploader = Uploader(*clients, arguments.table, arguments.bucket)

    extension = arguments.file.suffix.lstrip(".") or "bin"
    session = uploader.begin(extension, multipart=arguments.multipart)
    if not arguments.abandon:
        if arguments.multipart:
            uploader.send_parts(session, chunks_of(arguments.file))
        else:
            put(uploader.presigned_url(session), arguments.file.read_bytes())
        uploader.finish(session)
    sys.stdout.write(f"{session.id} s3://{arguments.bucket}/{session.key}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
