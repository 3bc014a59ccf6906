"""The calls of the module `soft-delete-purge` that its tests are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.modules.postgres_expiry_calls import (
    BOUNDARY,
    BY_TOKEN,
    DATABASE,
    DECRYPTING,
    KEY,
    TOPIC,
    VPC,
)

if TYPE_CHECKING:
    from tests.modules.plan import Arguments

LAYER = "arn:aws:lambda:eu-west-1:111122223333:layer:ca:1"
BUCKET: dict[str, Any] = {"name": "mocs", "arn": "arn:aws:s3:::mocs"}
CDN = "https://cdn.example.com/"
TO_ROOT = {"column": "moc_id", "references": "root"}
ROOT_TABLE: dict[str, Any] = {"table": "moc_instructions"}
BRICKS: dict[str, Any] = {
    "table": "moc_parts",
    "path": [{"column": "parts_list_id", "references": "moc_parts_lists.id"}, TO_ROOT],
    "set": {"parts_list_id": None, "status": "available"},
}
IMAGES: dict[str, Any] = {
    "table": "gallery_images",
    "link": {
        "table": "moc_gallery_images",
        "root_column": "moc_id",
        "shared_column": "gallery_image_id",
    },
    "also_referenced_by": [
        {"table": "gallery_flags", "column": "image_id"},
        {"own_column_not_null": "album_id"},
    ],
}
FILES: dict[str, Any] = {
    "table": "moc_files",
    "path": [TO_ROOT],
    "column": "s3_key",
    "key_prefix": "mocs/",
}
THUMBNAILS: dict[str, Any] = {
    "of": "root",
    "column": "thumbnail_url",
    "url_prefix": CDN,
    "key_prefix": "mocs/",
}
GALLERY: dict[str, Any] = {
    "of": "shared:images",
    "column": "image_url",
    "url_prefix": CDN,
    "key_prefix": "gallery/",
}
PLAIN: Arguments = {
    "name": "purge",
    "database": DATABASE,
    "root": ROOT_TABLE,
    "retention_days": 30,
}
WITH_FILES: Arguments = {
    **PLAIN,
    "release": {"bricks": BRICKS},
    "shared": {"images": IMAGES},
    "bucket": BUCKET,
    "objects": {"files": FILES, "thumbnails": THUMBNAILS, "images": GALLERY},
}
ODD = 'of "quotes" and $'
EVERYTHING: Arguments = {
    **WITH_FILES,
    "tags": {"Team": "platform"},
    "database": {
        **DATABASE,
        "port": 6432,
        "secret_kms_key_arn": DECRYPTING,
        "ca_bundle": "/etc/ssl/own/ca.pem",
    },
    "root": {
        "schema": ODD,
        "table": "It's",
        "key": "Key",
        "deleted_at": "Gone At",
        "hold": "held",
        "where": [
            {"column": "kind", "operator": "=", "value": "it's done"},
            {"column": "kept", "operator": "is null"},
        ],
    },
    "retention_days": 90,
    "minimum_retention_days": 7,
    "release": {
        "bricks": BRICKS,
        "odd": {
            "schema": ODD,
            "table": "A.b",
            "path": [
                {"column": "list", "to": {"schema": ODD, "table": "c.d", "column": "id.x"}},
                {"column": "list", "references": "other.lists.id"},
                TO_ROOT,
            ],
            "set": {"weight": "1.5"},
            "allow_unlocked": True,
        },
    },
    "shared": {
        "images": {
            **IMAGES,
            "schema": ODD,
            "key": "Key",
            "link": {**IMAGES["link"], "schema": ODD},
            "also_referenced_by": [
                {"schema": ODD, "table": "flags", "column": "image"},
                {"own_column_not_null": "album_id"},
            ],
            "allow_unlocked": True,
        }
    },
    "bucket": {**BUCKET, "owner_account_id": "444455556666", "versioned": True},
    "objects": {
        "files": {**FILES, "schema": ODD, "allow_unlocked": True},
        "thumbnails": THUMBNAILS,
        "images": GALLERY,
    },
    "limits": {
        "max_records_per_run": 5_000,
        "max_purge_percent": 5.5,
        "max_records_per_second": 50,
        "clock_skew_s": 5,
    },
    "transaction": "batch",
    "retry": {"max_attempts": 5},
    "dry_run": True,
    "event_name": "record.purged",
    "correlation": {"key": "trace_id"},
    "metric_names": {"items_processed": "MocsProcessed", "items_failed": "MocsFailed"},
    "schedule": {"expression": "rate(1 hour)"},
    "function": {
        "memory_mb": 512,
        "timeout_s": 600,
        "architecture": "x86_64",
        "log_retention_days": 7,
        "layers": [LAYER],
        "vpc": {**VPC, "aws_by": "endpoints"},
    },
    "alarms": {
        "topic_arns": [TOPIC],
        "silence_hours": 3,
        "failure_rate_percent": 25,
        "failure_rate_minimum": 40,
        "dead_letters": 5,
        "dead_letter_hours": 48,
        "outbox_age_hours": 3,
    },
    "metrics_namespace": "Mine/Purge",
    "kms_key_arn": KEY,
    "permissions_boundary_arn": BOUNDARY,
}

ACCEPTED: dict[str, Arguments] = {
    "plain": PLAIN,
    "with-files": WITH_FILES,
    "everything": EVERYTHING,
    "by-token": {**WITH_FILES, "database": BY_TOKEN, "function": {"vpc": VPC}},
    "in-vpc": {**WITH_FILES, "function": {"vpc": VPC}},
    "silent": {**WITH_FILES, "alarms": {"enabled": False}},
    "thresholds-off": {
        **WITH_FILES,
        "alarms": {
            "failure_rate_percent": 0,
            "dead_letters": 0,
            "dead_letter_hours": 0,
            "outbox_age_hours": 0,
            "error_rate_percent": 0,
            "duration_percent": 0,
        },
    },
    "paused": {
        **PLAIN,
        "database": {**DATABASE, "host": "127.0.0.1", "tls": "disable"},
        "schedule": {"enabled": False},
    },
    "two-days": {
        **PLAIN,
        "schedule": {"expression": "rate(2 days)"},
        "alarms": {"silence_hours": 60},
        "limits": {"max_records_per_run": 3},
    },
    "long": {**PLAIN, "name": "n" * 100},
    "longer": {**PLAIN, "name": "n" * 101},
}
