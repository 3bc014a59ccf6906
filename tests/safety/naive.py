"""
The algorithm that one would write first: scan, then object by object, without a condition.

It is what the calls and the safety of the cleanup are compared with. Clients are arguments, so
that its calls can be counted; only what it decides and calls is kept, not what it prints.
"""

from __future__ import annotations

import re
from typing import Any

from botocore.exceptions import ClientError

HOUR_S = 3_600
SESSION = re.compile(r"uploads/\d{4}-\d{2}-\d{2}/([^.]+)\.")


class Naive:
    """Clean up without looking twice."""

    def __init__(self, dynamodb: Any, s3: Any, table: str, bucket: str, now_s: float) -> None:
        """Clean *table* and *bucket* as of *now_s*."""
        self.dynamodb, self.s3 = dynamodb, s3
        self.table, self.bucket, self.now_s = table, bucket, now_s

    def execute(self) -> None:
        """Do all of it."""
        self.expired_sessions()
        self.orphaned_objects()
        self.failed_uploads()

    def expired_sessions(self) -> None:
        """Abort, delete and forget every session that looks expired in one scan."""
        for row in self._rows():
            late = float(row.get("ttl", {}).get("N", "inf")) < self.now_s
            if late and row["status"]["S"] != "uploaded":
                self._session(row)

    def _session(self, row: dict[str, Any]) -> None:
        about = {"Bucket": self.bucket, "Key": row["key"]["S"]}
        if row["uploadType"]["S"] == "multipart" and "s3UploadId" in row:
            self._unless("NoSuchUpload", "abort_multipart_upload", row, **about)
        if self._unless("404", "head_object", **about):
            self.s3.delete_object(**about)
        self._forget(row)

    def _unless(
        self, code: str, operation: str, row: dict[str, Any] | None = None, **about: Any
    ) -> bool:
        upload = {"UploadId": row["s3UploadId"]["S"]} if row else {}
        try:
            getattr(self.s3, operation)(**about, **upload)
        except ClientError as error:
            if error.response["Error"]["Code"] != code:
                raise
            return False
        return True

    def orphaned_objects(self) -> None:
        """Ask for each old object's session, one by one, and delete what has none, all at once."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix="uploads/"
        )
        for page in pages:
            old = [
                found["Key"]
                for found in page.get("Contents", ())
                if found["LastModified"].timestamp() < self.now_s - 24 * HOUR_S
            ]
            orphans = [{"Key": key} for key in old if not self._has_session(key)]
            if orphans:
                delete = {"Objects": orphans, "Quiet": False}
                self.s3.delete_objects(Bucket=self.bucket, Delete=delete)

    def _has_session(self, key: str) -> bool:
        found = SESSION.match(key)
        if not found:
            return False
        asked = {"uploadSessionId": {"S": found[1]}}
        return "Item" in self.dynamodb.get_item(TableName=self.table, Key=asked)

    def failed_uploads(self) -> None:
        """Abort what has no parts, mark what has some, and forget the others."""
        for row in self._rows():
            late = float(row.get("ttl", {}).get("N", "inf")) < self.now_s - HOUR_S
            if not late or row["status"]["S"] != "created":
                continue
            if row["uploadType"]["S"] == "multipart" and "s3UploadId" in row:
                about = {"Bucket": self.bucket, "Key": row["key"]["S"]}
                upload = {"UploadId": row["s3UploadId"]["S"]}
                if self.s3.list_parts(**about, **upload).get("Parts"):
                    self._mark(row)
                    continue
                self.s3.abort_multipart_upload(**about, **upload)
            self._forget(row)

    def _mark(self, row: dict[str, Any]) -> None:
        self.dynamodb.update_item(
            TableName=self.table,
            Key={"uploadSessionId": row["uploadSessionId"]},
            UpdateExpression="SET #s = :partial",
            ExpressionAttributeNames={"#s": "status"},
            ExpressionAttributeValues={":partial": {"S": "partial"}},
        )

    def _forget(self, row: dict[str, Any]) -> None:
        key = {"uploadSessionId": row["uploadSessionId"]}
        self.dynamodb.delete_item(TableName=self.table, Key=key)

    def _rows(self) -> list[dict[str, Any]]:
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=self.table)
        return [row for page in pages for row in page["Items"]]
