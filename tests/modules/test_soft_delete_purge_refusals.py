"""
What the module `soft-delete-purge` refuses at plan, and what it says then.

A call holds as many mistakes as Terraform tells of at once: each call costs three functions' plan.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.modules.messages import refusal_messages
from tests.modules.plan import Arguments, refusals
from tests.modules.postgres_expiry_calls import BY_TOKEN, DATABASE, DECRYPTING, VPC
from tests.modules.soft_delete_purge_calls import (
    BRICKS,
    BUCKET,
    FILES,
    IMAGES,
    PLAIN,
    ROOT_TABLE,
    THUMBNAILS,
    TO_ROOT,
    WITH_FILES,
)

LIST_STEP = {"column": "parts_list_id", "references": "moc_parts_lists.id"}
NO_PATH: dict[str, Any] = {key: value for key, value in FILES.items() if key != "path"}


def without(name: str) -> Arguments:
    """Return a call that leaves a variable out."""
    return {key: value for key, value in PLAIN.items() if key != name}


def database(**changes: object) -> dict[str, Any]:
    """Return another database; None leaves an attribute out."""
    changed = {**DATABASE, **changes}
    return {k: v for k, v in changed.items() if v is not None}


def token(**changes: object) -> dict[str, Any]:
    """Return a database with IAM authentication."""
    return {k: v for k, v in {**BY_TOKEN, **changes}.items() if v is not None}


# Each call, and all that is said of it.
REFUSED: dict[str, tuple[Arguments, tuple[str, ...]]] = {
    "everything": (
        {
            "name": "a b",
            "database": database(
                host="db.example.com:5432",
                port=0,
                user="",
                secret_arn="mysecret",  # noqa: S106 - where one is
                tls="require",
                ca_bundle="ca.pem",
            ),
            "root": {
                "table": "",
                "where": [{"column": "a", "operator": "like"}],
            },
            "retention_days": 0,
            "minimum_retention_days": 0,
            "release": {
                "my bricks": BRICKS,
                "table": {**BRICKS, "table": ""},
                "nothing-set": {**BRICKS, "set": {}},
                "no-end": {**BRICKS, "path": [{"column": "list_id"}, TO_ROOT]},
                "elsewhere": {**BRICKS, "path": [LIST_STEP]},
                "no-column": {
                    **BRICKS,
                    "path": [{"column": "list_id", "references": "lists"}, TO_ROOT],
                },
            },
            "shared": {
                "my images": IMAGES,
                "key": {**IMAGES, "key": ""},
                "reference": {**IMAGES, "also_referenced_by": [{"table": "flags"}]},
            },
            "limits": {
                "max_records_per_run": 0,
                "max_purge_percent": 0,
                "max_records_per_second": -1,
                "clock_skew_s": -1,
            },
            "transaction": "run",
            "retry": {"max_attempts": 0},
            "event_name": "a b",
            "correlation": {"key": "trace id"},
            "metric_names": {
                "duration": "a b",
                "items_failed": "Deleted",
                "items_processed": "Deleted",
            },
            "function": {
                "timeout_s": 30,
                "log_level": "WARN",
                "vpc": {**VPC, "aws_by": "luck"},
            },
            "alarms": {
                "silence_hours": 169,
                "failure_rate_percent": 100,
                "failure_rate_minimum": 0,
                "dead_letters": -1,
                "dead_letter_hours": 336,
                "outbox_age_hours": -1,
            },
            "metrics_namespace": "AWS/Mine",
        },
        (
            "name starts with a letter or digit",
            "without a port",
            "database.port is a whole number",
            "are 1 to 63 characters each",
            "is the whole ARN of a secret",
            "Nothing between the two",
            "is the absolute path of a file",
            "Schemas, tables and columns in root",
            "root.where.operator is one of",
            "root.where.value goes with every operator",
            "retention_days is a whole number",
            "minimum_retention_days is a whole number",
            "A name in release starts",
            "Schemas, tables and columns in release",
            "release.set says which columns",
            "Each step of release.path needs exactly one of",
            "release.path ends at the record",
            "release.path: each step but the last",
            "A name in shared starts",
            "Schemas, tables and columns in shared",
            "Each of shared.also_referenced_by is either",
            "limits.max_records_per_run is a whole number",
            "limits.max_purge_percent is above 0",
            "limits.max_records_per_second is 0",
            "limits.clock_skew_s is a whole number",
            "transaction is record or batch",
            "retry.max_attempts is a whole number",
            "event_name starts with",
            "correlation.key is a name",
            "metric_names start with a letter",
            "metric_names must be six different names",
            "metric_names may not be the name of another metric",
            "function.timeout_s is 60 to 900",
            "is DEBUG or INFO",
            "is endpoints or nat",
            "1 to 168",
            "alarms.failure_rate_percent is 0 (off)",
            "alarms.failure_rate_minimum is a whole",
            "alarms.dead_letters is 0 (off)",
            "alarms.dead_letter_hours is 0 (off)",
            "alarms.outbox_age_hours is 0 (off)",
            "does not begin with AWS/",
        ),
    ),
    # What more than one variable decides, Terraform judges only where each is right by itself.
    "across": (
        {
            **WITH_FILES,
            "minimum_retention_days": 31,
            "objects": {"of-unknown": {**THUMBNAILS, "of": "shared:videos"}},
            "schedule": {"expression": "cron(0 * * * ? *)"},
        },
        (
            "retention_days lies below minimum_retention_days",
            "objects.of is root, or shared:NAME",
            "schedule.interval_minutes is missing",
        ),
    ),
    "objects": (
        {
            **WITH_FILES,
            "objects": {
                "my files": FILES,
                "column": {**FILES, "column": ""},
                "of-both": {**FILES, "of": "root"},
                "step": {**FILES, "path": [{"column": "moc_id"}]},
                "hop": {**FILES, "path": [{"column": "list_id", "references": "lists"}, TO_ROOT]},
                "url": {**THUMBNAILS, "url_prefix": "https://cdn.example.com"},
                "every-key": {**FILES, "key_prefix": ""},
            },
        },
        (
            "A name in objects starts",
            "Schemas, tables and columns in objects",
            "Each of objects is either of",
            "Each step of objects.path needs exactly one of",
            "objects.path ends at the record",
            "objects.path: each step but the last",
            "is a URL that ends with a slash",
            "It is never the whole bucket",
        ),
    ),
    "bucket": (
        {
            **WITH_FILES,
            "objects": {
                "files": FILES,
            },
            "bucket": {**BUCKET, "arn": "arn:aws:s3:::other", "owner_account_id": "me"},
            "schedule": {"expression": "rate(1 hour)", "interval_minutes": 60},
        },
        (
            "must be the ARN of the bucket",
            "is an account's 12 digits",
            "goes with a cron expression only",
        ),
    ),
    "bucket-alone": ({**PLAIN, "bucket": BUCKET}, ("bucket goes with objects",)),
    "no-bucket": ({**WITH_FILES, "bucket": None}, ("bucket goes with objects",)),
    "objects-otherwise": (
        {
            **WITH_FILES,
            "objects": {
                "of-nobody": {"column": "s3_key", "key_prefix": "mocs*/"},
                "no-path": NO_PATH,
            },
        },
        (
            "Each of objects is either of",
            "It is never the whole bucket",
            "objects.path ends at the record",
        ),
    ),
    "otherwise": (
        {
            **PLAIN,
            "database": database(tls="disable", secret_arn=None),
            "root": {
                **ROOT_TABLE,
                "hold": "",
                "where": [{"column": "a", "operator": "is null", "value": "x"}],
            },
            "retention_days": 1.5,
            "release": {
                "no-path": {**BRICKS, "path": []},
                "root-twice": {**BRICKS, "path": [TO_ROOT, TO_ROOT]},
            },
            "shared": {
                "images": {
                    **IMAGES,
                    "also_referenced_by": [
                        {"table": "f", "column": "c", "own_column_not_null": "album_id"}
                    ],
                }
            },
            "event_name": "report",
        },
        (
            "is for a loopback host only",
            "exactly one of secret_arn and iam_auth",
            "Schemas, tables and columns in root",
            "root.where.value goes with every operator",
            "retention_days is a whole number",
            "release.path ends at the record",
            "release.path: each step but the last",
            "Each of shared.also_referenced_by is either",
            "event_name starts with",
        ),
    ),
    "token": (
        {
            **PLAIN,
            "database": token(
                db_resource_id="mydb",
                user="*",
                tls="disable",
                host="127.0.0.1",
                secret_kms_key_arn=DECRYPTING,
            ),
        },
        (
            "begins with db-, cluster- or prx-",
            "'*' would mean every user",
            "must be verify-full with iam_auth",
            "and goes with it",
        ),
    ),
    "two-passwords": (
        {**PLAIN, "database": {**BY_TOKEN, **DATABASE}},
        ("exactly one of secret_arn and iam_auth",),
    ),
    "no-resource": (
        {**PLAIN, "database": token(db_resource_id=None)},
        ("iam_auth needs db_resource_id",),
    ),
    "no-database": (without("database"), ('argument "database" is required',)),
    "no-root": (without("root"), ('argument "root" is required',)),
    "no-retention": (without("retention_days"), ('argument "retention_days" is required',)),
    "no-prefix": (
        {
            **WITH_FILES,
            "objects": {"files": {k: v for k, v in FILES.items() if k != "key_prefix"}},
        },
        ('attribute "key_prefix" is required',),
    ),
    "silence": (
        {**PLAIN, "alarms": {"silence_hours": 24}},
        ("must be longer than alarms.interval_minutes",),
    ),
    "artifact": ({**PLAIN, "artifact": {}}, ("exactly one of path and s3",)),
    "altered-zip": (
        {
            **PLAIN,
            "artifact": {"path": "calls/altered-zip/artifacts/SHA256SUMS", "sha256": "0" * 64},
        },
        ("Run `python build.py`",),
    ),
}


@pytest.fixture(scope="module")
def refused() -> dict[str, str]:
    """Collect the reasons of every refused call, once."""
    return refusals("soft-delete-purge", {name: call for name, (call, _) in REFUSED.items()})


@pytest.mark.parametrize(
    ("case", "said"), [(case, said) for case, (_, texts) in REFUSED.items() for said in texts]
)
def test_soft_delete_purge_wrong_argument_is_refused_with_a_remedy(
    case: str, said: str, refused: dict[str, str]
) -> None:
    """Each mistake fails the plan, and the message names what to change."""
    assert said in " ".join(refused[case].split())


def test_soft_delete_purge_every_refusal_is_tried(refused: dict[str, str]) -> None:
    """No validation is there that no call of this file has met."""
    met = "\n".join(refused.values())

    assert [text for text in refusal_messages("soft-delete-purge") if text not in met] == []
