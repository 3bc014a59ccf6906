"""
Each row in one class, and nothing that cannot be read in one that is acted on.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expiry.moment import Moment
from expiry.objects import Listed
from expiry.outcomes import Outcome
from upload_cleanup.expired import Held, Verdict, verdict
from upload_cleanup.sessions import Claim, Session, Standing, classify, created_at_s
from upload_cleanup.settings import Settings

SETTINGS = Settings.from_env({"TABLE_NAME": "sessions", "BUCKET": "videos"})
NOW_S = 1_750_000_000
MOMENT = Moment.at(NOW_S, 60)
RUN = "this-run"
KEY = "uploads/2025-08-21/abc.mp4"

Row = dict[str, dict[str, Any]]

ACTED_ON = {Standing.EXPIRED, Standing.STUCK, Standing.RENEWED}


def row(**attributes: dict[str, Any] | None) -> Row:
    """Make the row of an expired session; None leaves an attribute out."""
    made: dict[str, Any] = {
        "uploadSessionId": {"S": "abc"},
        "uploadType": {"S": "single"},
        "key": {"S": KEY},
        "status": {"S": "created"},
        "ttl": {"N": str(NOW_S - 1_000)},
        "createdAt": {"N": str(NOW_S - 90_000)},
    }
    return {name: value for name, value in {**made, **attributes}.items() if value is not None}


def claimed(ago_s: int, run: str = "other", **attributes: dict[str, Any] | None) -> Row:
    """Make a row that a run claimed so long ago."""
    claim = {
        "status": {"S": "expiring"},
        "expiryRun": {"S": run},
        "expiryClaimedAt": {"N": str(NOW_S - ago_s)},
        "expiryPreviousStatus": {"S": "created"},
    }
    return row(**{**claim, **attributes})


def standing(found: Row) -> Standing:
    """Return a row's class."""
    return classify(found, SETTINGS, MOMENT, RUN)[0]


LATER = {"N": str(NOW_S + 1_000)}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (row(), Standing.EXPIRED),
        (row(status={"S": "partial"}), Standing.EXPIRED),
        (row(status={"S": "expiring"}), Standing.EXPIRED),  # the application's own word
        (row(status={"S": "uploaded"}), Standing.UPLOADED),
        (row(status={"S": "uploaded"}, ttl={"S": "1"}, key=None), Standing.UPLOADED),
        (claimed(5_000, status={"S": "uploaded"}), Standing.UPLOADED),
        (row(ttl=LATER), Standing.STUCK),
        (row(ttl=None), Standing.STUCK),
        (row(ttl=LATER, createdAt={"N": str(NOW_S - 3_599)}), Standing.LIVING),
        (row(ttl=LATER, createdAt=None), Standing.LIVING),
        (row(ttl=LATER, createdAt={"S": "yesterday"}), Standing.LIVING),
        (row(ttl=LATER, status={"S": "partial"}), Standing.LIVING),
        (claimed(900), Standing.EXPIRED),
        (claimed(899), Standing.CLAIMED),
        (claimed(-60), Standing.CLAIMED),
        (claimed(10, RUN), Standing.EXPIRED),
        (claimed(900, ttl=LATER), Standing.RENEWED),
        (claimed(899, ttl=LATER), Standing.CLAIMED),
        (claimed(900, expiryClaimedAt={"S": "1"}), Standing.UNREADABLE),
        (claimed(900, expiryPreviousStatus=None), Standing.UNREADABLE),
        (claimed(900, expiryRun={"N": "1"}), Standing.UNREADABLE),
        (row(ttl={"S": "1000"}), Standing.UNREADABLE),
        (row(ttl={"NULL": True}), Standing.UNREADABLE),
        (row(status=None), Standing.UNREADABLE),
        (row(status={"N": "1"}), Standing.UNREADABLE),
        (row(key=None), Standing.UNREADABLE),
        (row(key={"S": ""}), Standing.UNREADABLE),
        (row(s3UploadId={"N": "1"}), Standing.UNREADABLE),
        (row(uploadType={"L": []}), Standing.UNREADABLE),
        (row(key={"S": "private/x.mp4"}), Standing.OUTSIDE),
        (row(key={"S": "uploads"}), Standing.OUTSIDE),
    ],
)
def test_classify_row_has_the_class_that_the_rules_give(found: Row, expected: Standing) -> None:
    """The table of classes, with its edges."""
    assert standing(found) is expected


@pytest.mark.parametrize(("offset_s", "expired"), [(-61, True), (-60, False), (0, False)])
def test_classify_expiry_is_before_the_cutoff(offset_s: int, *, expired: bool) -> None:
    """At the cutoff, and within the clock's skew, a session still lives."""
    found = row(ttl={"N": str(NOW_S + offset_s)})

    assert (standing(found) is Standing.EXPIRED) == expired


@pytest.mark.parametrize("number", ["1000", "1E+3", "999.9", "0", "-5"])
def test_classify_any_number_of_the_past_is_expired(number: str) -> None:
    """However DynamoDB writes it, and however long ago."""
    assert standing(row(ttl={"N": number})) is Standing.EXPIRED


TYPED = st.one_of(
    st.builds(lambda text: {"S": text}, st.text(max_size=3)),
    st.sampled_from(
        [
            {"S": word}
            for word in ("created", "uploaded", "partial", "expiring", RUN, KEY, "private/a")
        ]
    ),
    st.builds(
        lambda number: {"N": str(number)},
        st.integers(NOW_S - 100_000, NOW_S + 100_000) | st.integers(-5, 5),
    ),
    st.sampled_from([{"NULL": True}, {"BOOL": True}, {"L": []}, {"M": {}}, {"B": b"x"}]),
)
NAMES = (
    "uploadSessionId",
    "uploadType",
    "key",
    "s3UploadId",
    "status",
    "ttl",
    "createdAt",
    "expiryRun",
    "expiryClaimedAt",
    "expiryPreviousStatus",
)


@given(
    st.sampled_from([row(), claimed(5_000), claimed(10)]),
    st.dictionaries(st.sampled_from(NAMES), st.none() | TYPED),
)
def test_classify_any_row_is_in_one_class_and_safe(
    base: Row, change: dict[str, dict[str, Any] | None]
) -> None:
    """
    Whatever a row holds: one class, and what is acted on was read whole and is not uploaded.
    """
    changed: dict[str, dict[str, Any] | None] = {**base, **change}
    found = {name: value for name, value in changed.items() if value is not None}

    kind, session = classify(found, SETTINGS, MOMENT, RUN)

    assert kind in Standing
    if kind in ACTED_ON:
        assert session is not None
        assert found["status"]["S"] != "uploaded"
        assert found["key"]["S"].startswith("uploads/")
    if kind is Standing.EXPIRED:
        assert float(found["ttl"]["N"]) < MOMENT.cutoff_s
    if kind in {Standing.STUCK, Standing.RENEWED} and "ttl" in found:
        assert float(found["ttl"]["N"]) >= MOMENT.cutoff_s


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"N": "1750000000"}, 1_750_000_000),
        ({"N": "1750000000500"}, 1_750_000_000.5),
        ({"S": "2025-06-15T15:06:40.000Z"}, 1_750_000_000),
        ({"S": "2025-06-15T17:06:40+02:00"}, 1_750_000_000),
        ({"S": "2025-06-15T15:06:40"}, 1_750_000_000),
        ({"S": "soon"}, None),
        ({"BOOL": True}, None),
        (None, None),
    ],
)
def test_created_at_is_read_as_applications_write_it(
    value: dict[str, Any] | None, expected: float | None
) -> None:
    """Seconds, milliseconds and ISO 8601; what is none of them is no time at all."""
    assert created_at_s(value) == expected


CLAIM_S = NOW_S
SINGLE, MULTIPART = '"0123456789abcdef"', '"0123456789abcdef-2"'


@pytest.mark.parametrize(
    ("object_s", "etag", "aborted", "since_claim_s", "expected"),
    [
        (None, SINGLE, None, 0, Verdict.NOTHING),
        (-900, SINGLE, None, 0, Verdict.DELETE),
        (-899, SINGLE, None, 0, Verdict.WAIT),
        (-899, SINGLE, None, 899, Verdict.WAIT),
        (-899, SINGLE, None, 900, Verdict.DELETE),
        (-1, SINGLE, None, 900, Verdict.DELETE),
        (0, SINGLE, None, 0, Verdict.NEWER),
        (0, SINGLE, None, 90_000, Verdict.NEWER),
        (-90_000, MULTIPART, None, 0, Verdict.WAIT),
        (-90_000, MULTIPART, Outcome.DELETED, 0, Verdict.WAIT),
        (-90_000, MULTIPART, Outcome.GONE, 899, Verdict.WAIT),
        (-90_000, SINGLE, Outcome.GONE, 899, Verdict.WAIT),
        (-90_000, SINGLE, Outcome.GONE, 900, Verdict.DELETE),
        (-90_000, SINGLE, Outcome.DELETED, 0, Verdict.DELETE),
        (-90_000, MULTIPART, Outcome.GONE, 900, Verdict.DELETE),
        (1, MULTIPART, Outcome.GONE, 900, Verdict.NEWER),
    ],
)
def test_verdict_follows_age_and_what_is_known_of_it(
    object_s: int | None,
    etag: str,
    aborted: Outcome | None,
    since_claim_s: int,
    expected: Verdict,
) -> None:
    """
    Only an object surely older than the claim goes at once; what may have been completed waits.
    """
    session = Session("abc", KEY, "created", "1000", None, None)
    held = Held(session, CLAIM_S, aborted)
    if object_s is not None:
        held.found = Listed(KEY, etag, CLAIM_S + object_s, 1)

    assert verdict(held, CLAIM_S + since_claim_s, 900) is expected


def test_session_taken_over_keeps_the_status_that_the_application_gave() -> None:
    """A claim hides the status and does not replace it."""
    session = Session("abc", KEY, "expiring", "1000", None, Claim("other", NOW_S, "created"))

    assert session.previous_status == "created"
    assert session.failed_before(NOW_S)
