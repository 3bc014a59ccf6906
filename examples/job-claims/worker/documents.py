# ruff: noqa: INP001 - a program that a reader copies, not a package
"""
Write documents, each write with its fence, and be refused where the fence is stale.

Calls: dynamodb:UpdateItem. The fence is compared by DynamoDB, in the very write: a worker that
looked first and wrote then could be paused in between.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from messages import Job

KEPT_S = 30 * 86_400  # a document that nobody writes to any more
SILENT_S = 120  # a worker that has committed nothing for so long is gone
REFUSED = "ConditionalCheckFailedException"


class StaleFenceError(Exception):
    """Somebody with a greater fence has opened this document: nothing was committed."""


class BusyError(Exception):
    """Another worker is at this very claim."""


@dataclass(frozen=True)
class Documents:
    """The table of documents: it remembers the greatest fence that it has seen of each."""

    dynamodb: Any
    table: str
    worker: str

    def open(self, job: Job) -> None:
        """
        Let nobody with a smaller fence write from now on, and nobody else with this one.

        Raises:
            StaleFenceError: Somebody has a greater one.
            BusyError: Two messages of one thread share a claim; another worker is at the other.
        """
        ours = "attribute_not_exists(#worker) OR #worker = :worker OR #at < :silent"
        self._update(
            job,
            "SET #fence = :fence, #worker = :worker, #at = :now",
            f"attribute_not_exists(#fence) OR #fence < :fence OR (#fence = :fence AND ({ours}))",
            {"#at": "at"},
            {":now": number(time.time()), ":silent": number(time.time() - SILENT_S)},
        )

    def commit(self, job: Job, step: int, text: str) -> None:
        """
        Add a step to the document.

        Raises:
            StaleFenceError: Somebody newer has opened it.
            BusyError: Another worker has taken over this claim.
        """
        line = {
            "fence": number(job.fence),
            "containerId": {"S": job.container_id},
            "messageId": {"S": job.message_id},
            "worker": {"S": self.worker},
            "step": number(step),
            "text": {"S": text},
        }
        added = "#lines = list_append(if_not_exists(#lines, :none), :line)"
        self._update(
            job,
            f"SET {added}, #at = :now, #ttl = :ttl",
            "#fence = :fence AND #worker = :worker",
            {"#lines": "lines", "#at": "at", "#ttl": "ttl"},
            {
                ":line": {"L": [{"M": line}]},
                ":none": {"L": []},
                ":now": number(time.time()),
                ":ttl": number(time.time() + KEPT_S),
            },
        )

    def close(self, job: Job) -> None:
        """Say that we are done with it; the fence stays. Whoever came meanwhile keeps it."""
        with contextlib.suppress(StaleFenceError, BusyError):
            self._update(job, "REMOVE #worker", "#fence = :fence AND #worker = :worker", {}, {})

    def _update(
        self, job: Job, change: str, condition: str, names: dict[str, str], values: dict[str, Any]
    ) -> None:
        try:
            self.dynamodb.update_item(
                TableName=self.table,
                Key={"projectUserId": {"S": job.key}},
                UpdateExpression=change,
                ConditionExpression=condition,
                ExpressionAttributeNames={"#fence": "fence", "#worker": "worker", **names},
                ExpressionAttributeValues={
                    ":fence": number(job.fence),
                    ":worker": {"S": self.worker},
                    **values,
                },
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != REFUSED:
                raise
            refusal: Any = error.response
            newest = int(refusal.get("Item", {}).get("fence", number(0))["N"])
            if newest == job.fence:
                raise BusyError(f"another worker is at fence {newest}") from error
            raise StaleFenceError(f"fence {job.fence} is stale: {newest} is there") from error


def number(value: float) -> dict[str, str]:
    """Return a whole number as DynamoDB takes it."""
    return {"N": str(int(value))}
