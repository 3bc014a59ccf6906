"""
The buckets of a run, and what it sees of records' files before they are purged.

Calls: those of ``looking``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from expiry.bucket import Bucket
from expiry.errors import StoreError
from expiry.objects import Objects
from soft_delete_purge.looking import looked_up
from soft_delete_purge.settings import BUCKET_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from mypy_boto3_s3 import S3Client

    from expiry.budget import Budget, Pace
    from soft_delete_purge.plan import Plan
    from soft_delete_purge.terms import Look, Seen


def in_buckets(
    client: S3Client, owner_account_id: str, pace: Pace, budget: Budget
) -> Callable[[str], Objects]:
    """Return what gives the objects of a bucket, by its name."""

    @cache
    def objects_in(bucket: str) -> Objects:
        return Objects(Bucket(client, bucket, owner_account_id, pace, BUCKET_VARIABLE), budget)

    return objects_in


def prefixes_of(plan: Plan) -> Sequence[str]:
    """Return what the role may list: nothing that a purge deletes lies elsewhere."""
    return sorted({files.key_prefix for files in plan.files})


@dataclass(slots=True)
class Sight:
    """
    A ``Look`` that gives up once S3 did not answer.

    A record is purged without: the drain looks later. So trouble with S3 costs one try, not one a
    record.
    """

    objects_in: Callable[[str], Objects]  # by the bucket's name
    bucket: str
    prefixes: Sequence[str]
    trouble: StoreError | None = None

    def __call__(self, keys: Collection[str]) -> Seen:
        """Return what S3 says of *keys*; what is left out is not known."""
        if self.trouble is None:
            try:
                return looked_up(self.objects_in(self.bucket), keys, self.prefixes)
            except StoreError as error:
                self.trouble = error
        return {}


@dataclass(frozen=True, slots=True)
class Ahead:
    """
    A ``Look`` for some of many records, whose files were looked at together before.

    Keys that lie far apart then share the pages that they are on. What was not there is looked at
    again: somebody may have put it there since.
    """

    seen: Seen
    look: Look

    def __call__(self, keys: Collection[str]) -> Seen:
        """Return what was seen of *keys*, and what is there now of the others."""
        known = {key: listed for key in keys if (listed := self.seen.get(key)) is not None}
        others = [key for key in keys if key not in known]
        return {**known, **(self.look(others) if others else {})}
