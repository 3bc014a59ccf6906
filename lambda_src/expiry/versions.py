"""
See what a delete marker hides, and take that marker away.

Calls: s3:ListBucketVersions, and s3:DeleteObjectVersion of delete markers alone. No version with
content is ever deleted: only what this module itself has found to be a marker is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from expiry.errors import StoreError
from expiry.outcomes import Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from expiry.bucket import Answer, Bucket


NULL_ID = "null"  # made while versioning was suspended; the next such takes its place


@dataclass(frozen=True, slots=True)
class Version:
    """A version of an object as a listing shows it; of a delete marker, etag and size are empty."""

    key: str
    version_id: str
    latest: bool
    marker: bool
    last_modified_s: float
    etag: str = ""  # quoted, as S3 gives it
    size: int = 0


@dataclass(frozen=True, slots=True)
class Hidden:
    """An object under a delete marker, which is the key's latest version."""

    marker: Version
    version: Version  # what is there again once the marker is away


Page = list[Version]


class Versions:
    """The versions of one bucket's objects. Threads may share it."""

    def __init__(self, bucket: Bucket) -> None:
        """Work on *bucket*."""
        self._bucket = bucket

    def list(self, prefix: str) -> Iterator[Page]:
        """
        Yield all versions of all keys under *prefix*, page by page; a page may be empty.

        A page holds versions first, markers after them, each in the order of keys and newest
        first: boto3's answer does not say how the two interleave.

        Raises:
            StoreError: A page could not be read; what was yielded is not all there is.
        """
        answers = self._bucket.pages(
            "list_object_versions",
            "s3:ListBucketVersions",
            {"Prefix": prefix},
            {"KeyMarker": "NextKeyMarker", "VersionIdMarker": "NextVersionIdMarker"},
        )
        for answer in answers:
            yield _versions(answer)

    def hidden(self, key: str) -> Hidden | None:
        """
        Return what the latest delete marker of *key* hides; None where that is not an object.

        None also where the marker has no id of its own: an object put there before the marker is
        taken away would have the same.

        Raises:
            StoreError: The versions could not be read.
        """
        # Two are asked for. Newest come first, so beside the marker there can only be what lies
        # right under it; of more, the answer would not say how versions and markers interleave.
        request = {"Prefix": key, "MaxKeys": 2}
        answer = self._bucket.call("list_object_versions", "s3:ListBucketVersions", **request)
        match [each for each in _versions(answer) if each.key == key]:
            case [version, marker] if marker.marker and not version.marker:
                found = Hidden(marker, version)
                return found if marker.latest and marker.version_id != NULL_ID else None
        return None

    def remove_marker(self, hidden: Hidden) -> Result[Hidden]:
        """
        Take the marker away, so that the object is there again; ``deleted`` is the marker.

        Somebody's newer version on top of it stays the latest. Needs s3:DeleteObjectVersion.
        """
        found = hidden.marker
        try:
            answer = self._bucket.call(
                "delete_object", "s3:DeleteObjectVersion", Key=found.key, VersionId=found.version_id
            )
        except StoreError as error:
            return Result(hidden, Outcome.FAILED, str(error))
        return Result(hidden, Outcome.DELETED if answer.get("DeleteMarker") else Outcome.GONE)


def _versions(answer: Answer) -> Page:
    return [
        Version(
            item["Key"],
            item["VersionId"],
            item["IsLatest"],
            marker,
            item["LastModified"].timestamp(),
            item.get("ETag", ""),
            item.get("Size", 0),
        )
        for marker, name in ((False, "Versions"), (True, "DeleteMarkers"))
        for item in answer.get(name, ())
    ]
