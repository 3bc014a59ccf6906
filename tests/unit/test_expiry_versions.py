"""
Versions: a marker is taken away only where it, and nothing else, hides an object.
"""

from __future__ import annotations

from typing import Any

import pytest

from expiry.outcomes import Outcome
from expiry.versions import Hidden, Version, Versions
from tests.unit.scripted_bucket import ScriptedS3, bucket_of, moment, refusal


def entry(version_id: str, *, latest: bool = False, key: str = "k", **more: Any) -> dict[str, Any]:
    """Return a version or a marker as a listing has it."""
    about = {"Key": key, "VersionId": version_id, "IsLatest": latest, "LastModified": moment(9)}
    return about | more


CONTENT: dict[str, Any] = {"ETag": '"e"', "Size": 3}
MARKER = entry("m", latest=True)
OBJECT = entry("v", **CONTENT)
HIDDEN = Hidden(
    Version("k", "m", latest=True, marker=True, last_modified_s=9),
    Version("k", "v", latest=False, marker=False, last_modified_s=9, etag='"e"', size=3),
)


def versions_of(**answers: list[Any]) -> tuple[Versions, ScriptedS3]:
    """Return the versions of a bucket, and its client."""
    client = ScriptedS3(**answers)
    return Versions(bucket_of(client)), client


def test_hidden_marker_over_an_object_is_found() -> None:
    """Marker and version, with what a restore has to compare."""
    answer = {"DeleteMarkers": [MARKER], "Versions": [OBJECT]}
    versions, client = versions_of(list_object_versions=[answer])

    assert versions.hidden("k") == HIDDEN
    (request,) = client.requests("list_object_versions")
    assert (request["Prefix"], request["MaxKeys"]) == ("k", 2)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"DeleteMarkers": [MARKER]},
        {"DeleteMarkers": [MARKER, entry("older")]},
        {"DeleteMarkers": [entry("older"), MARKER]},
        {"DeleteMarkers": [entry("m")], "Versions": [entry("v", latest=True, **CONTENT)]},
        {"Versions": [entry("v", latest=True, **CONTENT), entry("old", **CONTENT)]},
        {"DeleteMarkers": [MARKER], "Versions": [entry("v", key="k2", **CONTENT)]},
        {"DeleteMarkers": [entry("null", latest=True)], "Versions": [OBJECT]},
    ],
    ids=[
        "none",
        "marker",
        "markers",
        "in no order",
        "over a marker",
        "alive",
        "neighbour",
        "no own id",
    ],
)
def test_hidden_anything_else_is_left_alone(answer: dict[str, Any]) -> None:
    """No object right under the latest marker, or none that could be taken away safely."""
    versions, _ = versions_of(list_object_versions=[answer])

    assert versions.hidden("k") is None


def test_versions_page_by_key_and_version() -> None:
    """A key with more versions than a page holds is not cut off."""
    client_answers = [
        {
            "Versions": [OBJECT],
            "IsTruncated": True,
            "NextKeyMarker": "k",
            "NextVersionIdMarker": "v",
        },
        {"DeleteMarkers": [entry("m", latest=True)]},
    ]
    versions, client = versions_of(list_object_versions=client_answers)
    pages = list(versions.list("k"))

    assert pages == [[HIDDEN.version], [HIDDEN.marker]]
    second = client.requests("list_object_versions")[1]
    assert (second["KeyMarker"], second["VersionIdMarker"]) == ("k", "v")


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ({"DeleteMarker": True, "VersionId": "m"}, Outcome.DELETED),
        ({"VersionId": "m"}, Outcome.GONE),
        (refusal("AccessDenied"), Outcome.FAILED),
    ],
)
def test_remove_marker_counts_what_the_service_says(answer: Any, outcome: Outcome) -> None:
    """S3 answers a missing version with success: only its word makes it deleted."""
    versions, client = versions_of(delete_object=[answer])
    result = versions.remove_marker(HIDDEN)

    assert (result.victim, result.outcome) == (HIDDEN, outcome)
    (request,) = client.requests("delete_object")
    assert (request["Key"], request["VersionId"]) == ("k", "m")
