"""
Uploads under way: all of them are found, and an abort is not believed before no part is left.
"""

from __future__ import annotations

from typing import Any

import pytest

from expiry.errors import DeniedError
from expiry.multipart import ABORTS, Parts, Upload, Uploads
from expiry.outcomes import Outcome
from tests.unit.scripted_bucket import ScriptedS3, bucket_of, moment, refusal

NONE = refusal("NoSuchUpload", status=404)
DENIED = refusal("AccessDenied", status=403)


def uploads_of(client: ScriptedS3) -> Uploads:
    """Return the uploads of a bucket."""
    return Uploads(bucket_of(client))


def part(number: int, seconds: float, size: int = 5) -> dict[str, Any]:
    """Return a part as a listing has it."""
    return {"PartNumber": number, "LastModified": moment(seconds), "Size": size}


def test_uploads_page_by_key_and_upload_id() -> None:
    """A key with more uploads than a page holds is not cut off, and an empty page is no end."""
    first = {"Key": "p/%C3%A9+%2B", "UploadId": "u1", "Initiated": moment(5)}
    middle = {
        "EncodingType": "url",
        "IsTruncated": True,
        "NextKeyMarker": "p/%C3%A9+%2B",
    }
    client = ScriptedS3(
        list_multipart_uploads=[
            {"Uploads": [first], **middle, "NextUploadIdMarker": "u1"},
            {**middle, "NextUploadIdMarker": "u2"},
            {"EncodingType": "url", "Uploads": [first | {"UploadId": "u3"}]},
        ]
    )
    pages = list(uploads_of(client).list("p/"))

    assert pages == [[Upload("p/é +", "u1", 5)], [], [Upload("p/é +", "u3", 5)]]
    markers = [
        (each.get("KeyMarker"), each.get("UploadIdMarker"))
        for each in client.requests("list_multipart_uploads")
    ]
    assert markers == [(None, None), ("p/é +", "u1"), ("p/é +", "u2")]


def test_uploads_keys_that_were_not_encoded_are_not_decoded() -> None:
    """A store that ignores the wish gives keys as they are: ``%41`` is no ``A``."""
    item = {"Key": "p/%41+", "UploadId": "u", "Initiated": moment(5)}
    client = ScriptedS3(list_multipart_uploads=[{"Uploads": [item]}])

    assert list(uploads_of(client).list("p/")) == [[Upload("p/%41+", "u", 5)]]


def test_parts_are_counted_over_all_pages() -> None:
    """The newest part may be on any page: retries come out of order."""
    client = ScriptedS3(
        list_parts=[
            {"Parts": [part(1, 90), part(2, 70)], "IsTruncated": True, "NextPartNumberMarker": 2},
            {"Parts": [part(3, 80, 7)]},
        ]
    )

    assert uploads_of(client).parts("k", "u") == Parts(count=3, size_bytes=17, newest_s=90)
    assert [each.get("PartNumberMarker") for each in client.requests("list_parts")] == [None, 2]


def test_parts_none_yet_is_not_the_same_as_no_upload() -> None:
    """An upload without parts has no newest one; one that is not there has nothing."""
    client = ScriptedS3(list_parts=[{}, NONE])
    uploads = uploads_of(client)

    assert uploads.parts("k", "u") == Parts(count=0, size_bytes=0, newest_s=None)
    assert uploads.parts("k", "u") is None


def test_parts_that_cannot_be_read_are_not_absent() -> None:
    """Only the service's own word makes an upload gone."""
    with pytest.raises(DeniedError, match="s3:ListMultipartUploadParts"):
        uploads_of(ScriptedS3(list_parts=[DENIED])).parts("k", "u")


LANDED = {"Parts": [part(1, 5)]}


@pytest.mark.parametrize(
    ("aborts", "lists", "outcome"),
    [
        ([{}], [NONE], Outcome.DELETED),
        ([{}], [{}], Outcome.DELETED),
        ([NONE], [], Outcome.GONE),
        ([{}, {}], [LANDED, NONE], Outcome.DELETED),
        ([{}, NONE], [LANDED], Outcome.DELETED),
        ([{}] * ABORTS, [LANDED] * ABORTS, Outcome.FAILED),
        ([DENIED], [], Outcome.FAILED),
        ([{}], [DENIED], Outcome.FAILED),
    ],
    ids=[
        "at once",
        "empty",
        "gone",
        "late part",
        "late, then gone",
        "ever more",
        "denied",
        "blind",
    ],
)
def test_abort_goes_on_until_no_part_is_left(
    aborts: list[Any], lists: list[Any], outcome: Outcome
) -> None:
    """A part in flight lands behind an abort, and would be paid for ever after."""
    client = ScriptedS3(abort_multipart_upload=aborts, list_parts=lists)
    result = uploads_of(client).abort_until_empty("k", "u")

    assert (result.victim, result.outcome) == ("u", outcome)
    assert bool(result.detail) == (outcome is Outcome.FAILED)
    made = [len(client.requests(name)) for name in ("abort_multipart_upload", "list_parts")]
    assert made == [len(aborts), len(lists)]
    for _, request in client.calls:
        assert (request["Key"], request["UploadId"]) == ("k", "u")
