"""
The cleanup's settings, read once from the variables that its Terraform module sets.

With only ``TABLE_NAME`` and ``BUCKET`` set, everything else has a default.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self

from expiry.keys import KeyPattern
from expiry.settings import Variables

if TYPE_CHECKING:
    from collections.abc import Mapping

TABLE_VARIABLE = "TABLE_NAME"
BUCKET_VARIABLE = "BUCKET"
AUDIT_VARIABLE = "AUDIT_BUCKET"

TABLE_PATTERN = r"[a-zA-Z0-9_.-]{3,255}"
BUCKET_PATTERN = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
KEY_PATTERN = r"^uploads/\d{4}-\d{2}-\d{2}/(?P<session_id>[^./]+)\.[^/]+$"
HOUR_S = 3_600
MOST_HOURS = 24 * 365
MOST_ATTRIBUTE_BYTES = 255


@dataclass(frozen=True, slots=True)
class Attributes:
    """What the application calls a session's attributes."""

    session_id: str = "uploadSessionId"  # the table's hash key
    upload_type: str = "uploadType"
    key: str = "key"
    upload_id: str = "s3UploadId"
    status: str = "status"
    ttl: str = "ttl"
    created_at: str = "createdAt"


SEED_NAMES = {name: getattr(Attributes(), name) for name in (f.name for f in fields(Attributes))}
"""Field → the name under which ``ATTRIBUTES`` maps it: ``{"uploadSessionId": "id"}``."""

OWN_ATTRIBUTES = frozenset({"expiryRun", "expiryClaimedAt", "expiryPreviousStatus"})


@dataclass(frozen=True, slots=True)
class AuditTarget:
    """Where plans, sightings and the audit trail go."""

    bucket: str
    prefix: str  # empty, or ends in a slash


@dataclass(frozen=True, slots=True)
class Settings:
    """What to clean up, when it counts as dead, and at what cost."""

    table: str
    bucket: str
    bucket_owner_account_id: str | None  # None: the function's own account
    attributes: Attributes
    prefix: str
    key_pattern: KeyPattern
    orphan_s: int
    stuck_s: int
    partial_review_s: int
    settle_s: int
    max_upload_s: int
    batch_size: int
    dry_run: bool
    max_deletes: int
    max_orphan_percent: float
    requests_per_s: float  # 0: no limit
    threads: int
    scan_segments: int
    protect_tag: str | None
    review_expired_with_parts: bool
    audit: AuditTarget | None
    two_sightings: bool
    versioned: bool
    restore: bool  # the plan names versions, and a run can be undone
    single_writer_region: bool
    price_per_gb_month: float
    clock_skew_s: int
    metrics_namespace: str | None  # None: as metrics.json says

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """
        Parse the environment.

        Raises:
            SettingsError: Variables are missing or malformed; it names them all.
        """
        with Variables(env) as variables:
            audit = _audit(variables)
            return cls(
                **_scope(variables),
                **_ages(variables),
                **_limits(variables),
                dry_run=variables.boolean("DRY_RUN", default=False),
                review_expired_with_parts=variables.boolean(
                    "REVIEW_EXPIRED_WITH_PARTS", default=False
                ),
                audit=audit,
                two_sightings=_two_sightings(variables, audit),
                **_versions(variables, audit),
                single_writer_region=variables.boolean("SINGLE_WRITER_REGION", default=False),
                price_per_gb_month=variables.number(
                    "PRICE_PER_GB_MONTH", 0.023, minimum=0.0, maximum=1_000.0
                ),
                metrics_namespace=variables.optional("METRICS_NAMESPACE", r"[^:][ -~]{0,254}"),
            )


def _scope(variables: Variables) -> dict[str, Any]:
    return {
        "table": variables.required(TABLE_VARIABLE, TABLE_PATTERN),
        "bucket": variables.required(BUCKET_VARIABLE, BUCKET_PATTERN),
        "bucket_owner_account_id": variables.optional("BUCKET_OWNER_ACCOUNT_ID", r"\d{12}"),
        "attributes": _attributes(variables),
        # A whole bucket is no scope that may come from leaving something out.
        "prefix": variables.text("UPLOAD_PREFIX", "uploads/", r"[^/].*/"),
        "key_pattern": _key_pattern(variables),
        "protect_tag": variables.optional("PROTECT_TAG", r".{1,128}"),
    }


def _ages(variables: Variables) -> dict[str, Any]:
    def hours(name: str, default: int) -> int:
        return variables.integer(name, default, minimum=1, maximum=MOST_HOURS) * HOUR_S

    return {
        "orphan_s": hours("CLEANUP_AGE_HOURS", 24),
        "stuck_s": hours("STUCK_HOURS", 1),
        "partial_review_s": hours("PARTIAL_REVIEW_HOURS", 168),
        "max_upload_s": hours("MAX_UPLOAD_HOURS", 24),
        "settle_s": variables.integer("SETTLE_SECONDS", 900, minimum=60, maximum=86_400),
        "clock_skew_s": variables.integer("CLOCK_SKEW_S", 60, minimum=0, maximum=86_400),
    }


def _limits(variables: Variables) -> dict[str, Any]:
    return {
        "batch_size": variables.integer("BATCH_SIZE", 100, minimum=1, maximum=1_000),
        "max_deletes": variables.integer(
            "MAX_DELETES_PER_RUN", 10_000, minimum=1, maximum=10_000_000
        ),
        "max_orphan_percent": variables.number(
            "MAX_ORPHAN_PERCENT", 20.0, minimum=0.0, maximum=100.0
        ),
        "requests_per_s": variables.number(
            "REQUESTS_PER_SECOND", 0.0, minimum=0.0, maximum=100_000.0
        ),
        "threads": variables.integer("THREADS", 8, minimum=1, maximum=64),
        "scan_segments": variables.integer("SCAN_SEGMENTS", 4, minimum=1, maximum=1_000),
    }


def _attributes(variables: Variables) -> Attributes:
    """Map the seed's names to the application's; what is not mapped keeps its name."""
    text = variables.text("ATTRIBUTES", "{}")
    try:
        names = json.loads(text)
    except ValueError:
        names = None
    if not isinstance(names, dict) or not all(_is_attribute(name) for name in names.values()):
        variables.refuse(f"ATTRIBUTES must be a JSON object of attribute names, not {text!r}")
        return Attributes()
    if unknown := sorted(set(names) - set(SEED_NAMES.values())):
        variables.refuse(
            f"ATTRIBUTES maps {', '.join(unknown)}; known: {', '.join(SEED_NAMES.values())}"
        )
        return Attributes()
    mapped = {field: names.get(seed, seed) for field, seed in SEED_NAMES.items()}
    if len(set(mapped.values())) < len(mapped) or OWN_ATTRIBUTES & set(mapped.values()):
        variables.refuse("ATTRIBUTES maps two attributes to one name, or to one of the cleanup's")
    return Attributes(**mapped)


def _is_attribute(name: object) -> bool:
    # A quotation mark would end the name in a PartiQL statement.
    return (
        isinstance(name, str) and 0 < len(name.encode()) <= MOST_ATTRIBUTE_BYTES and '"' not in name
    )


def _key_pattern(variables: Variables) -> KeyPattern:
    try:
        return KeyPattern.parse(variables.text("KEY_PATTERN", KEY_PATTERN))
    except ValueError as error:
        variables.refuse(f"KEY_PATTERN: {error}")
        return KeyPattern.parse(KEY_PATTERN)


def _audit(variables: Variables) -> AuditTarget | None:
    bucket = variables.optional(AUDIT_VARIABLE, BUCKET_PATTERN)
    prefix = variables.text("AUDIT_PREFIX", "upload-cleanup/").strip("/")
    return AuditTarget(bucket, f"{prefix}/" if prefix else "") if bucket else None


def _versions(variables: Variables, audit: AuditTarget | None) -> dict[str, Any]:
    versioned = variables.boolean("BUCKET_VERSIONED", default=False)
    restore = variables.boolean("RESTORE", default=False)
    if restore and not (versioned and audit):
        variables.refuse(f"RESTORE is true, and needs BUCKET_VERSIONED and {AUDIT_VARIABLE}")
    return {"versioned": versioned, "restore": restore}


def _two_sightings(variables: Variables, audit: AuditTarget | None) -> bool:
    wanted = variables.boolean("TWO_SIGHTINGS", default=audit is not None)
    if wanted and audit is None:
        variables.refuse(f"TWO_SIGHTINGS is true, and needs {AUDIT_VARIABLE} to remember the first")
    return wanted
