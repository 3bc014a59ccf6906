"""What the module `upload-cleanup` refuses at plan, and what it says then."""

from __future__ import annotations

import pytest

from tests.modules.messages import refusal_messages
from tests.modules.plan import Arguments, refusals
from tests.modules.upload_cleanup_calls import AUDIT, BUCKET, PLAIN, STREAM, TABLE


def ages(**changes: float) -> Arguments:
    """Return a call with these ages."""
    return {**PLAIN, "ages": changes}


def limits(**changes: float) -> Arguments:
    """Return a call with these limits."""
    return {**PLAIN, "limits": changes}


def uploads(pattern: str, prefix: str = "uploads/") -> Arguments:
    """Return a call with this pattern."""
    return {**PLAIN, "uploads": {"prefix": prefix, "key_pattern": pattern}}


NOT_AMONG_UPLOADS = "audit must not lie among the uploads"

REFUSED: dict[str, tuple[Arguments, str]] = {
    "name": ({**PLAIN, "name": "a b"}, "name starts with a letter or digit"),
    "no-table": ({"name": "cleanup", "bucket": BUCKET}, 'argument "table" is required'),
    "no-bucket": ({"name": "cleanup", "table": TABLE}, 'argument "bucket" is required'),
    "index-arn": (
        {**PLAIN, "table": {**TABLE, "arn": TABLE["arn"] + "/index/x"}},
        "must be the ARN of a DynamoDB table",
    ),
    "two-tables": ({**PLAIN, "table": {**TABLE, "name": "other"}}, "must name the same table"),
    "range-key": (
        {**PLAIN, "table": {**TABLE, "range_key": "part"}},
        "the id must be the table's whole key",
    ),
    "two-buckets": ({**PLAIN, "bucket": {**BUCKET, "name": "other"}}, "the ARN of the bucket that"),
    "owner": (
        {**PLAIN, "bucket": {**BUCKET, "owner_account_id": "12"}},
        "an account's 12 digits",
    ),
    "quoted-name": (
        {**PLAIN, "attributes": {"status": 'a"b'}},
        "without quotes and control characters",
    ),
    "same-name": ({**PLAIN, "attributes": {"status": "key"}}, "seven different names"),
    "own-name": ({**PLAIN, "attributes": {"status": "expiryRun"}}, "a claim is written there"),
    "hash-key": (
        {**PLAIN, "attributes": {"uploadSessionId": "id"}},
        "must be the table's hash key",
    ),
    "ttl": ({**PLAIN, "attributes": {"ttl": "expires"}}, "must be the table's TTL attribute"),
    "whole-bucket": ({**PLAIN, "uploads": {"prefix": ""}}, "never the whole bucket"),
    "slash-first": ({**PLAIN, "uploads": {"prefix": "/uploads/"}}, "begins without one"),
    "wildcard": ({**PLAIN, "uploads": {"prefix": "up*/"}}, "which mean more in a policy"),
    "no-regex": (uploads("^uploads/(?P<session_id>[^/]+"), "is not a regular expression"),
    "mixed-groups": (uploads("^uploads/(a|b)/(?P<session_id>[^/]+)$"), "for the rest, (?:...)"),
    "no-group": (uploads("^uploads/[^/]+$"), "needs the group (?P<session_id>...)"),
    "escaped-group": (uploads(r"^uploads/\(?P<session_id>"), "needs the group"),
    "other-group": (uploads("^uploads/(?P<session>[^/]+)$"), "needs the group"),
    "only-re2": (uploads(r"^uploads/(?P<session_id>\pL+)\z"), "the same in RE2 and in Python"),
    "posix-class": (uploads("^uploads/(?P<session_id>[[:alpha:]]+)$"), "the same in RE2"),
    "only-prefix": ({**PLAIN, "uploads": {"prefix": "video/"}}, "another folder than"),
    "orphan-hours": (ages(orphan_hours=0), "ages.orphan_hours is a whole number"),
    "upload-hours": (ages(max_upload_hours=0), "ages.max_upload_hours is a whole number"),
    "stuck-hours": (ages(stuck_hours=0.5), "ages.stuck_hours is a whole number"),
    "review-hours": (ages(partial_review_hours=0), "ages.partial_review_hours is a whole"),
    "settle": (ages(settle_seconds=0), "ages.settle_seconds is a whole number"),
    "batch": (limits(batch_size=0), "limits.batch_size is a whole number"),
    "deletes": (limits(max_deletes_per_run=0), "limits.max_deletes_per_run is a whole number"),
    "percent": (limits(max_orphan_percent=0), "limits.max_orphan_percent is above 0"),
    "rate": (limits(requests_per_second=-1), "limits.requests_per_second is 0 (no limit)"),
    "threads": (limits(threads=65), "limits.threads is a whole number"),
    "segments": (limits(scan_segments=0), "limits.scan_segments is a whole number"),
    "tag": ({**PLAIN, "protect_tag": ""}, "protect_tag is the key of a tag"),
    "audit-prefix": ({**PLAIN, "audit": {**AUDIT, "prefix": ""}}, "audit.prefix must end"),
    "audit-inside": (
        {**PLAIN, "audit": {"bucket": BUCKET, "prefix": "uploads/audit/"}},
        NOT_AMONG_UPLOADS,
    ),
    "audit-around": (
        {
            **PLAIN,
            "uploads": {"prefix": "a/up/", "key_pattern": "^a/up/(?P<session_id>[^/]+)$"},
            "audit": {"bucket": BUCKET, "prefix": "a/"},
        },
        NOT_AMONG_UPLOADS,
    ),
    "no-stream": ({**PLAIN, "stream_cleanup": True}, "stream_cleanup needs table.stream_arn"),
    "new-images": (
        {
            **PLAIN,
            "table": {**TABLE, **STREAM, "stream_view_type": "NEW_IMAGE"},
            "stream_cleanup": True,
        },
        "needs table.stream_view_type OLD_IMAGE",
    ),
    "unsaid-images": (
        {
            **PLAIN,
            "table": {**TABLE, "stream_arn": STREAM["stream_arn"]},
            "stream_cleanup": True,
        },
        "needs table.stream_view_type OLD_IMAGE",
    ),
    "unversioned": (
        {**PLAIN, "bucket": {**BUCKET, "versioned": False}, "audit": AUDIT, "restore": True},
        "restore needs a versioned bucket",
    ),
    "unsaid-versions": (
        {
            **PLAIN,
            "bucket": {"name": "uploads", "arn": BUCKET["arn"]},
            "audit": AUDIT,
            "restore": True,
        },
        "restore needs a versioned bucket",
    ),
    "unaudited": ({**PLAIN, "restore": True}, "restore needs audit"),
    "price": ({**PLAIN, "storage_price_per_gb_month": -1}, "storage_price_per_gb_month is 0"),
    "cron": (
        {**PLAIN, "schedule": {"expression": "cron(0 * * * ? *)"}},
        "schedule.interval_minutes is missing",
    ),
    "rate-interval": (
        {**PLAIN, "schedule": {"expression": "rate(1 hour)", "interval_minutes": 60}},
        "goes with a cron expression only",
    ),
    "timeout": ({**PLAIN, "function": {"timeout_s": 30}}, "function.timeout_s is 60 to 900"),
    "log-level": ({**PLAIN, "function": {"log_level": "WARN"}}, "is DEBUG or INFO"),
    "silence": ({**PLAIN, "alarms": {"silence_hours": 169}}, "1 to 168"),
    "silence-too-short": (
        {**PLAIN, "schedule": {"expression": "rate(1 day)"}},
        "must be longer than alarms.interval_minutes",
    ),
    "errors": ({**PLAIN, "alarms": {"cleanup_errors": -1}}, "alarms.cleanup_errors is 0 (off)"),
    "namespace": ({**PLAIN, "metrics_namespace": "AWS/Mine"}, "does not begin with AWS/"),
    "artifact": ({**PLAIN, "artifact": {}}, "exactly one of path and s3"),
    "altered-zip": (
        {
            **PLAIN,
            "artifact": {"path": "calls/altered-zip/artifacts/SHA256SUMS", "sha256": "0" * 64},
        },
        "Run `python build.py`",
    ),
}


@pytest.fixture(scope="module")
def refused() -> dict[str, str]:
    """Collect the reasons of every refused call, once."""
    return refusals("upload-cleanup", {name: call for name, (call, _) in REFUSED.items()})


@pytest.mark.parametrize("case", REFUSED)
def test_upload_cleanup_wrong_argument_is_refused_with_a_remedy(
    case: str, refused: dict[str, str]
) -> None:
    """Each mistake fails the plan, and the message names what to change."""
    assert REFUSED[case][1] in " ".join(refused[case].split())


def test_upload_cleanup_every_refusal_is_tried(refused: dict[str, str]) -> None:
    """No validation is there that no call of this file has met."""
    met = "\n".join(refused.values())

    assert [message for message in refusal_messages("upload-cleanup") if message not in met] == []
