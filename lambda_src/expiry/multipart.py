"""
List uploads under way, and abort them until no part is left.

Calls: s3:ListBucketMultipartUploads, s3:ListMultipartUploadParts, s3:AbortMultipartUpload.
Never decides what goes. An upload that is not there was aborted or completed, and S3 does not say
which: the caller looks at the object.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from expiry.bucket import code_of
from expiry.errors import StoreError
from expiry.outcomes import Outcome, Result

if TYPE_CHECKING:
    from collections.abc import Iterator

    from expiry.bucket import Answer, Bucket

ABORTS = 3  # a part in flight lands once; more than that is somebody who goes on uploading
STILL_LANDING = "parts still land after each abort"


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart upload under way."""

    key: str
    upload_id: str
    initiated_s: float


@dataclass(frozen=True, slots=True)
class Parts:
    """What has been uploaded of one."""

    count: int
    size_bytes: int
    newest_s: float | None  # None: no part yet


Page = list[Upload]


class Uploads:
    """The uploads under way of one bucket. Threads may share it."""

    def __init__(self, bucket: Bucket) -> None:
        """Work on *bucket*."""
        self._bucket = bucket

    def list(self, prefix: str) -> Iterator[Page]:
        """
        Yield the uploads under *prefix*, page by page; a page may be empty.

        Raises:
            StoreError: A page could not be read; what was yielded is not all there is.
        """
        answers = self._bucket.pages(
            "list_multipart_uploads",
            "s3:ListBucketMultipartUploads",
            {"Prefix": prefix, "EncodingType": "url"},  # else a key may break the answer's XML
            {"KeyMarker": "NextKeyMarker", "UploadIdMarker": "NextUploadIdMarker"},
            _decoded,
        )
        for answer in answers:
            yield [
                Upload(item["Key"], item["UploadId"], item["Initiated"].timestamp())
                for item in answer.get("Uploads", ())
            ]

    def parts(self, key: str, upload_id: str) -> Parts | None:
        """
        Return what has been uploaded so far; None where there is no such upload (any more).

        Raises:
            StoreError: It could not be read.
        """
        answers = self._bucket.pages(
            "list_parts",
            "s3:ListMultipartUploadParts",
            {"Key": key, "UploadId": upload_id},
            {"PartNumberMarker": "NextPartNumberMarker"},
        )
        try:
            found = [part for answer in answers for part in answer.get("Parts", ())]
        except StoreError as error:
            if code_of(error) == "NoSuchUpload":
                return None
            raise
        times = [part["LastModified"].timestamp() for part in found]
        return Parts(len(found), sum(part["Size"] for part in found), max(times, default=None))

    def abort_until_empty(self, key: str, upload_id: str) -> Result[str]:
        """
        Abort an upload, and again where a part that was in flight has landed meanwhile.

        The victim is the upload's id. ``gone``: it was not there, aborted or completed by others.
        ``failed``: refused, or not known to be empty; another run may abort it again.
        """
        outcome = Outcome.GONE
        try:
            for _ in range(ABORTS):
                if not self._aborted(key, upload_id):
                    return Result(upload_id, outcome)
                outcome = Outcome.DELETED
                left = self.parts(key, upload_id)
                if left is None or not left.count:
                    return Result(upload_id, outcome)
        except StoreError as error:
            return Result(upload_id, Outcome.FAILED, str(error))
        return Result(upload_id, Outcome.FAILED, STILL_LANDING)

    def _aborted(self, key: str, upload_id: str) -> bool:
        """Abort once; False where there is no such upload."""
        try:
            self._bucket.call(
                "abort_multipart_upload", "s3:AbortMultipartUpload", Key=key, UploadId=upload_id
            )
        except StoreError as error:
            if code_of(error) == "NoSuchUpload":
                return False
            raise
        return True


def _decoded(answer: Answer) -> Answer:
    """Decode keys and their marker; botocore does so for listings of objects alone."""
    if answer.get("EncodingType") != "url":
        return answer
    decoded = dict(answer)
    if "NextKeyMarker" in answer:
        decoded["NextKeyMarker"] = unquote_plus(answer["NextKeyMarker"])
    decoded["Uploads"] = [
        {**item, "Key": unquote_plus(item["Key"])} for item in answer.get("Uploads", ())
    ]
    return decoded
