"""
Write a run's record as one JSON-lines object under Hive-style partitions, for Athena.

Calls: s3:PutObject.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from expiry.calls import explained
from ttl_monitor.settings import BUCKET_VARIABLE, Export

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class ExportTarget:
    """The bucket, and the account that must own it: a name can be taken over, an account not."""

    client: S3Client
    export: Export
    owner_account_id: str

    def key(self, table: str, date: str, run_id: str) -> str:
        """Return the object's key; Athena reads ``table`` and ``dt`` out of it as columns."""
        return f"{self.export.prefix}table={table}/dt={date}/{run_id}.jsonl"

    def put(self, key: str, record: Mapping[str, Any]) -> None:
        """Write *record* as one line."""
        line = json.dumps(record, separators=(",", ":")) + "\n"
        with explained("s3:PutObject", f"s3://{self.export.bucket}/{key}", setting=BUCKET_VARIABLE):
            self.client.put_object(
                Bucket=self.export.bucket,
                Key=key,
                Body=line.encode(),
                ContentType="application/x-ndjson",
                ExpectedBucketOwner=self.owner_account_id,
            )
