"""The calls of the module `upload-cleanup` that its tests are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.modules.plan import Arguments

TABLE = {
    "name": "sessions",
    "arn": "arn:aws:dynamodb:eu-west-1:111122223333:table/sessions",
    "hash_key": "uploadSessionId",
    "ttl_attribute": "ttl",
}
STREAM = {
    "stream_arn": TABLE["arn"] + "/stream/2026-01-01T00:00:00.000",
    "stream_view_type": "OLD_IMAGE",
}
BUCKET = {"name": "uploads", "arn": "arn:aws:s3:::uploads", "versioned": True}
AUDIT = {"bucket": {"name": "audit", "arn": "arn:aws:s3:::audit"}}
KEY = "arn:aws:kms:eu-west-1:111122223333:key/0d0c6d2c-6ae5-4c2a-9f0e-0f6a3f6c9e11"
TABLE_KEY = "arn:aws:kms:eu-west-1:111122223333:key/5a1f4a0e-7d7e-4bb1-8a53-6d0a1d9bb0f4"
AUDIT_KEY = "arn:aws:kms:eu-west-1:111122223333:key/7c1f4a0e-7d7e-4bb1-8a53-6d0a1d9bb0f5"
TOPIC = "arn:aws:sns:eu-west-1:111122223333:on-call"
BOUNDARY = "arn:aws:iam::111122223333:policy/boundary"
ROLE = "arn:aws:iam::111122223333:role/cleanup-eu-west-1"
PATTERN = r"^uploads/\d{4}-\d{2}-\d{2}/(?P<session_id>[^./]+)\.[^/]+$"
PLAIN: Arguments = {"name": "cleanup", "table": TABLE, "bucket": BUCKET}

NAMES = {
    "uploadSessionId": "id",
    "uploadType": "kind",
    "key": "object_key",
    "s3UploadId": "upload_id",
    "status": "state",
    "ttl": "expires_at",
    "createdAt": "begun_at",
}

ACCEPTED: dict[str, Arguments] = {
    "plain": PLAIN,
    "everything": {
        **PLAIN,
        "tags": {"Team": "video"},
        "table": {
            **TABLE,
            **STREAM,
            "hash_key": "id",
            "ttl_attribute": "expires_at",
            "kms_key_arn": TABLE_KEY,
        },
        "bucket": {**BUCKET, "owner_account_id": "444455556666"},
        "attributes": NAMES,
        "uploads": {"prefix": "in/video/", "key_pattern": "^in/video/(?P<session_id>[^/]+)/[^/]+$"},
        "ages": {
            "orphan_hours": 48,
            "max_upload_hours": 72,
            "stuck_hours": 2,
            "partial_review_hours": 24,
            "settle_seconds": 600,
        },
        "limits": {
            "batch_size": 50,
            "max_deletes_per_run": 500,
            "max_orphan_percent": 5,
            "requests_per_second": 100,
            "threads": 4,
            "scan_segments": 2,
        },
        "dry_run": True,
        "protect_tag": "keep",
        "review_expired_with_parts": True,
        "audit": {
            "bucket": {**AUDIT["bucket"], "kms_key_arn": AUDIT_KEY},
            "prefix": "trail/",
            "two_sightings": False,
        },
        "stream_cleanup": True,
        "restore": True,
        "single_writer_region": True,
        "storage_price_per_gb_month": 0.03,
        "schedule": {"expression": "cron(0 */6 * * ? *)", "interval_minutes": 360},
        "function": {"memory_mb": 512, "architecture": "x86_64", "log_retention_days": 7},
        "alarms": {"topic_arns": [TOPIC], "silence_hours": 13, "cleanup_errors": 9},
        "metrics_namespace": "Mine/Cleanup",
        "kms_key_arn": KEY,
        "permissions_boundary_arn": BOUNDARY,
    },
    "audited": {**PLAIN, "audit": AUDIT},
    "tagged": {**PLAIN, "protect_tag": "keep"},
    "restorable": {**PLAIN, "audit": AUDIT, "restore": True},
    "streaming": {**PLAIN, "table": {**TABLE, **STREAM}, "stream_cleanup": True},
    "both-images": {
        **PLAIN,
        "table": {**TABLE, **STREAM, "stream_view_type": "NEW_AND_OLD_IMAGES"},
        "stream_cleanup": True,
        "audit": AUDIT,
    },
    "silent": {**PLAIN, "alarms": {"enabled": False}},
    "thresholds-off": {
        **PLAIN,
        "alarms": {"cleanup_errors": 0, "error_rate_percent": 0, "duration_percent": 0},
    },
    "weekly": {
        **PLAIN,
        "schedule": {"expression": "rate(3 days)"},
        "alarms": {"silence_hours": 80},
    },
    "paused": {**PLAIN, "schedule": {"enabled": False}},
    "own-zip": {**PLAIN, "artifact": {"s3": {"bucket": "zips", "key": "upload_cleanup.zip"}}},
    "alternatives": {
        **PLAIN,
        "uploads": {
            "prefix": "media/",
            "key_pattern": r"^(?:a|media)/(?P<session_id>\w+)\.(?:mp4|mov)$",
        },
    },
    "path": {**PLAIN, "function": {"role_path": "/expiry/"}},
    "long": {**PLAIN, "name": "n" * 100},
    "longer": {**PLAIN, "name": "n" * 101},
}
