"""
LastModified of a multipart object is when its upload was initiated.

AWS: so an upload begun 30 hours ago and completed a minute ago looks 30 hours old, which every
grace period has to know. 1.5.33: stamps the completion. A door ages an upload, and an object, so
that a test need not wait. Upstream needs: the upload's own time.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from tests.cloud import emulator
from tests.cloud.doors import DoorError, door


def apply() -> None:
    """Stamp after each completion."""
    emulator.wrap(emulator.module("services.s3"), "_complete_multipart_upload", stamping)


def stamping(complete: Any) -> Any:
    """Return *complete* that gives the object its upload's time."""

    def complete_multipart_upload(
        bucket: str, key: str, body: bytes, query: Any, headers: Any = None
    ) -> Any:
        s3 = emulator.module("services.s3")
        upload = s3._multipart_uploads.get(s3._qp(query, "uploadId"))
        answer = complete(bucket, key, body, query, headers)
        if upload and answer[0] == 200:
            stamp(bucket, key, upload["created"])
        return answer

    return complete_multipart_upload


def stamp(bucket: str, key: str, time: str) -> None:
    """Set the time of an object, and of the version that it is."""
    s3 = emulator.module("services.s3")
    s3._ensure_bucket(bucket)["objects"][key]["last_modified"] = time
    for version in s3._object_versions.get((bucket, key)) or []:
        if version["is_latest"]:
            version["last_modified"] = time


@door("age-object")
def age_object(bucket: str, key: str, hours: float, upload_id: str = "", part: int = 0) -> None:
    """
    Let an object, an upload still under way, or one part of it, be older than it is.

    Raises:
        DoorError: There is no such object, upload or part.
    """
    s3 = emulator.module("services.s3")
    then = dt.datetime.now(dt.UTC) - dt.timedelta(hours=hours)
    time = then.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    if upload_id:
        upload = s3._multipart_uploads.get(upload_id)
        if not upload:
            raise DoorError(f"no upload {upload_id}")
        if part:
            age_part(upload, part, time)
            return
        upload["created"] = time
        for number in upload["parts"]:  # those that are there; a later one is younger
            age_part(upload, number, time)
    elif key not in (s3._ensure_bucket(bucket) or {"objects": {}})["objects"]:
        raise DoorError(f"no object {key} in {bucket}")
    else:
        stamp(bucket, key, time)


def age_part(upload: Any, number: int, time: str) -> None:
    """Set the time of one part."""
    if number not in upload["parts"]:
        raise DoorError(f"no part {number}")
    upload["parts"][number]["last_modified"] = time
