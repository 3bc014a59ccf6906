"""
Calls about a bucket: whose it must be, at what pace, and how a listing ends.
"""

from __future__ import annotations

import pytest

from expiry.bucket import code_of
from expiry.errors import DeniedError, NotFoundError, StoreError, UnsafeRuntimeError
from expiry.multipart import Uploads
from expiry.objects import ObjectCandidate, Objects
from expiry.versions import Hidden, Version, Versions
from tests.unit.scripted_bucket import (
    ENDLESS,
    NAME,
    OWNER,
    Clock,
    ScriptedS3,
    bucket_of,
    refusal,
)

CANDIDATES = [ObjectCandidate(key, '"e"', 0, 1, "orphaned") for key in ("a", "b\x01")]
HIDDEN = Hidden(
    Version("a", "m", latest=True, marker=True, last_modified_s=2),
    Version("a", "v", latest=False, marker=False, last_modified_s=1, etag='"e"'),
)


def test_every_call_names_the_bucket_its_owner_and_waits_its_turn() -> None:
    """No call of any kind goes to a bucket of somebody else's, or faster than allowed."""
    client = ScriptedS3(
        list_objects_v2=[{}] * 3,
        get_object_tagging=[{"TagSet": []}],
        delete_objects=[{"Deleted": [{"Key": "a"}]}],
        delete_object=[{}, {"DeleteMarker": True}],
        list_multipart_uploads=[{}],
        abort_multipart_upload=[{}],
        list_parts=[{}],
        list_object_versions=[{}] * 2,
    )
    clock = Clock()
    bucket = bucket_of(client, clock, requests_per_s=10)
    objects, uploads, versions = Objects(bucket, ENDLESS), Uploads(bucket), Versions(bucket)

    list(objects.list("p/"))
    objects.prefixes("p/")
    objects.find("a")
    objects.has_tag("a", "keep")
    objects.delete(CANDIDATES)
    list(uploads.list("p/"))
    uploads.abort_until_empty("a", "u")
    list(versions.list("p/"))
    versions.hidden("a")
    versions.remove_marker(HIDDEN)

    assert {(call["Bucket"], call["ExpectedBucketOwner"]) for _, call in client.calls} == {
        (NAME, OWNER)
    }
    assert len(client.calls) == 12
    assert len(clock.slept_s) == 11


@pytest.mark.parametrize(
    ("code", "kind"), [("AccessDenied", DeniedError), ("NoSuchBucket", NotFoundError)]
)
def test_call_refused_names_bucket_owner_action_and_setting(
    code: str, kind: type[StoreError]
) -> None:
    """A wrong owner is refused as AccessDenied: the message says whose the bucket should be."""
    bucket = bucket_of(ScriptedS3(list_objects_v2=[refusal(code)]))

    with pytest.raises(kind, match=f"s3:ListBucket on bucket {NAME} of account {OWNER}") as caught:
        bucket.call("list_objects_v2", "s3:ListBucket")
    assert code_of(caught.value) == code


@pytest.mark.parametrize("token", [{}, {"NextContinuationToken": "t"}])
def test_listing_that_leads_nowhere_ends_in_an_error(token: dict[str, str]) -> None:
    """More is promised, and no place or always the same: that is no whole listing."""
    client = ScriptedS3(list_objects_v2=[{"IsTruncated": True, **token}] * 3)
    pages = bucket_of(client).pages(
        "list_objects_v2", "s3:ListBucket", {}, {"ContinuationToken": "NextContinuationToken"}
    )

    with pytest.raises(StoreError, match="leads nowhere"):
        list(pages)
    assert len(client.calls) == 1 + len(token)


@pytest.mark.parametrize("shape", ["ObjectIdentifier", "DeleteObjectRequest"])
def test_objects_refuse_a_runtime_that_cannot_send_the_condition(shape: str) -> None:
    """Where the SDK would drop the ETag nothing is done at all, not even a listing."""
    client = ScriptedS3()
    real = client.meta.service_model
    client.meta.service_model = _ModelWithout(real, shape)

    with pytest.raises(UnsafeRuntimeError, match="nothing was deleted"):
        Objects(bucket_of(client), ENDLESS)
    assert client.calls == []


class _ModelWithout:
    """A model of S3 from before conditional deletes."""

    def __init__(self, real: object, lacking: str) -> None:
        self.real, self.lacking = real, lacking

    def shape_for(self, name: str) -> object:
        shape = self.real.shape_for(name)  # type: ignore[attr-defined]
        if name != self.lacking:
            return shape
        known = {key: each for key, each in shape.members.items() if key not in {"ETag", "IfMatch"}}
        return type("Shape", (), {"members": known})
