"""What `lifecycle-bucket` makes by default, and what it makes when asked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.modules.answers import ACCOUNT
from tests.modules.lifecycle_bucket_calls import (
    ENTIRE,
    MODULE,
    TMP,
    call,
    moved,
    rule,
    statement,
)
from tests.modules.plan import Arguments, PlannedModule, plan_variants

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1234"

ACCEPTED: dict[str, Arguments] = {
    "defaults": call(rule(noncurrent={"expire_after_days": 7})),
    "scopes": call(
        rule(TMP),
        rule({"tags": {"class": "scratch"}}),
        rule({"tags": {"class": "scratch", "team": "web"}}),
        rule({"prefix": "big/", "larger_than_bytes": 1024}),
        rule({"smaller_than_bytes": 10}),
        rule({"larger_than_bytes": 1, "smaller_than_bytes": 10}),
        rule(ENTIRE),
    ),
    "moved": call(
        moved((0, "INTELLIGENT_TIERING"), (1, "GLACIER_IR"), (2, "DEEP_ARCHIVE")),
        moved((30, "STANDARD_IA"), (60, "ONEZONE_IA"), (90, "GLACIER"), (91, "DEEP_ARCHIVE")),
    ),
    "everything": call(
        rule(
            ENTIRE,
            expire_after_days=400,
            noncurrent={"expire_after_days": 90, "keep_newest": 3},
            transitions=[
                {"days": 30, "storage_class": "STANDARD_IA"},
                {"days": 90, "storage_class": "DEEP_ARCHIVE"},
            ],
            noncurrent_transitions=[{"days": 30, "storage_class": "GLACIER_IR", "keep_newest": 1}],
            abort_multipart_after_days=2,
        ),
        {"scope": TMP, "expired_delete_markers": True, "enabled": False},
        name="uploads-",
        name_is_prefix=True,
        kms_key_arn=KEY,
        force_destroy=True,
        access_log={"bucket_name": "the-logs"},
        tags={"team": "web"},
    ),
    "unversioned": call(rule(), versioning=False),
    "unversioned_noncurrent": call(rule(noncurrent={"expire_after_days": 7}), versioning=False),
    "never_reclaimed": call(rule()),
    "at_the_floor": call(rule(expire_after_days=7, noncurrent={"expire_after_days": 7})),
    "logged": call(access_log={"bucket_name": "the-logs", "prefix": "mine/"}),
}


@pytest.fixture(scope="module")
def planned() -> Mapping[str, PlannedModule]:
    """Every accepted call, from one plan."""
    return plan_variants(MODULE, ACCEPTED)


def rules(module: PlannedModule) -> dict[str, dict[str, Any]]:
    """Return the planned lifecycle rules by name."""
    planned_rules = module.resource("aws_s3_bucket_lifecycle_configuration.this")["rule"]
    return {each["id"]: each for each in planned_rules}


def test_lifecycle_bucket_defaults_are_safe(planned: Mapping[str, PlannedModule]) -> None:
    """By default a bucket is closed, owned, encrypted and versioned, and keeps its objects."""
    module = planned["defaults"]

    assert module.resource("aws_s3_bucket.this")["force_destroy"] is False
    assert module.resource("aws_s3_bucket_public_access_block.this") == {
        "bucket": "uploads",
        "block_public_acls": True,
        "block_public_policy": True,
        "ignore_public_acls": True,
        "restrict_public_buckets": True,
    }
    (ownership,) = module.resource("aws_s3_bucket_ownership_controls.this")["rule"]
    assert ownership["object_ownership"] == "BucketOwnerEnforced"
    (versioning,) = module.resource("aws_s3_bucket_versioning.this")["versioning_configuration"]
    assert versioning["status"] == "Enabled"
    (encryption,) = module.resource("aws_s3_bucket_server_side_encryption_configuration.this")[
        "rule"
    ]
    (algorithm,) = encryption["apply_server_side_encryption_by_default"]
    assert algorithm["sse_algorithm"] == "AES256"
    assert not module.of_type("aws_s3_bucket_logging")
    assert module.warnings == ()
    assert module.outputs["bucket"] == {
        "name": "uploads",
        "arn": "arn:aws:s3:::uploads",
        "kms_key_arn": None,
        "versioned": True,
    }


def test_lifecycle_bucket_scopes_become_exact_filters(
    planned: Mapping[str, PlannedModule],
) -> None:
    """A filter holds what the scope says and nothing else; empty is only the entire bucket."""
    filters = {}
    for name, each in rules(planned["scopes"]).items():
        (only,) = each["filter"]
        together = {key: value for entry in only["and"] for key, value in entry.items() if value}
        alone = {key: value for key, value in only.items() if key != "and" and value}
        filters[name] = (alone, together)

    assert filters == {
        "r0": ({"prefix": "tmp/"}, {}),
        "r1": ({"tag": [{"key": "class", "value": "scratch"}]}, {}),
        "r2": ({}, {"tags": {"class": "scratch", "team": "web"}}),
        "r3": ({}, {"prefix": "big/", "object_size_greater_than": 1024}),
        "r4": ({"object_size_less_than": 10}, {}),
        "r5": ({}, {"object_size_greater_than": 1, "object_size_less_than": 10}),
        "r6": ({}, {}),
    }


def test_lifecycle_bucket_actions_reach_their_rule(planned: Mapping[str, PlannedModule]) -> None:
    """Each action of a rule is planned as given; a disabled rule stays, disabled."""
    entire, markers = rules(planned["everything"]).values()

    assert entire["status"] == "Enabled"
    assert entire["expiration"][0]["days"] == 400
    assert entire["noncurrent_version_expiration"] == [
        {"noncurrent_days": 90, "newer_noncurrent_versions": 3}
    ]
    assert {each["storage_class"]: each["days"] for each in entire["transition"]} == {
        "STANDARD_IA": 30,
        "DEEP_ARCHIVE": 90,
    }
    (noncurrent,) = entire["noncurrent_version_transition"]
    assert (noncurrent["noncurrent_days"], noncurrent["newer_noncurrent_versions"]) == (30, 1)
    assert entire["abort_incomplete_multipart_upload"] == [{"days_after_initiation": 2}]
    assert markers["status"] == "Disabled"
    assert markers["expiration"][0]["expired_object_delete_marker"] is True
    assert not markers["expiration"][0]["days"]


def test_lifecycle_bucket_settings_reach_the_bucket(planned: Mapping[str, PlannedModule]) -> None:
    """What a caller sets is what is planned."""
    module = planned["everything"]

    bucket = module.resource("aws_s3_bucket.this")
    assert (bucket["bucket_prefix"], bucket["force_destroy"]) == ("uploads-", True)
    assert bucket["tags"] == {"team": "web"}
    (encryption,) = module.resource("aws_s3_bucket_server_side_encryption_configuration.this")[
        "rule"
    ]
    assert encryption["bucket_key_enabled"] is True
    assert encryption["apply_server_side_encryption_by_default"] == [
        {"sse_algorithm": "aws:kms", "kms_master_key_id": KEY}
    ]
    assert module.resource("aws_s3_bucket_logging.this[0]")["target_bucket"] == "the-logs"
    assert module.outputs["bucket"] == {"kms_key_arn": KEY, "versioned": True}
    logging = planned["logged"].resource("aws_s3_bucket_logging.this[0]")
    assert logging["target_prefix"] == "mine/"


def test_lifecycle_bucket_unversioned_says_so(planned: Mapping[str, PlannedModule]) -> None:
    """Versioning off is suspended, as S3 can only suspend it, and the output says so."""
    module = planned["unversioned"]

    (versioning,) = module.resource("aws_s3_bucket_versioning.this")["versioning_configuration"]
    assert versioning["status"] == "Suspended"
    assert module.outputs["bucket"]["versioned"] is False
    assert module.warnings == ()


def test_lifecycle_bucket_what_is_paid_for_ever_is_warned_about(
    planned: Mapping[str, PlannedModule],
) -> None:
    """Expiry without noncurrent on a versioned bucket frees nothing: the plan warns."""
    assert any("paid for ever" in warning for warning in planned["never_reclaimed"].warnings)
    assert any(
        "versioning is off" in warning for warning in planned["unversioned_noncurrent"].warnings
    )


def test_lifecycle_bucket_policy_refuses_without_tls_and_takes_more() -> None:
    """Requests without TLS are refused, in every partition; the caller's statements come beside."""
    reader = statement(
        conditions=[{"test": "StringEquals", "variable": "aws:SourceAccount", "values": [ACCOUNT]}]
    )
    everybody = statement(
        sid="RefuseOld", effect="Deny", principals={"*": ["*"]}, actions=["s3:*"], resources=["/*"]
    )

    planned = plan_variants(
        MODULE,
        {"policies": call(policy_statements=[reader, everybody])},
        region="cn-north-1",
    )

    policy = planned["policies"].resource("aws_s3_bucket_policy.this")["policy"]
    assert json.loads(policy)["Statement"] == [
        {
            "Sid": "RefuseWithoutTLS",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": ["arn:aws-cn:s3:::uploads", "arn:aws-cn:s3:::uploads/*"],
            "Condition": {"Bool": {"aws:SecureTransport": ["false"]}},
        },
        {
            "Sid": "ReadReports",
            "Effect": "Allow",
            "Principal": {"Service": ["athena.amazonaws.com"]},
            "Action": ["s3:GetObject"],
            "Resource": ["arn:aws-cn:s3:::uploads/reports/*"],
            "Condition": {"StringEquals": {"aws:SourceAccount": [ACCOUNT]}},
        },
        {
            "Sid": "RefuseOld",
            "Effect": "Deny",
            "Principal": {"AWS": ["*"]},
            "Action": ["s3:*"],
            "Resource": ["arn:aws-cn:s3:::uploads/*"],
        },
    ]
