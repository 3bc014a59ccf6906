"""What `lifecycle-bucket` makes by default, what it makes when asked, and what it refuses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.modules.answers import ACCOUNT
from tests.modules.messages import refusal_messages
from tests.modules.plan import Arguments, PlannedModule, plan_variants, refusals

if TYPE_CHECKING:
    from collections.abc import Mapping

MODULE = "lifecycle-bucket"
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1234"
ENTIRE = {"entire_bucket": True}
TMP = {"prefix": "tmp/"}


def rule(scope: dict[str, Any] | None = None, **arguments: Any) -> dict[str, Any]:
    """Return a rule that is accepted, with *arguments* put in."""
    return {"scope": scope or TMP, "expire_after_days": 30, **arguments}


def moved(*stages: tuple[int, str]) -> dict[str, Any]:
    """Return a rule that moves objects: days and storage class of each transition."""
    transitions = [{"days": days, "storage_class": name} for days, name in stages]
    return {"scope": TMP, "transitions": transitions}


def call(*rules: dict[str, Any], **arguments: Any) -> Arguments:
    """Return a call with *rules* (or one that is accepted), named r0, r1 and so on."""
    return {
        "name": "uploads",
        "minimum_retention_days": 7,
        "rules": {f"r{number}": each for number, each in enumerate(rules or [rule()])},
        **arguments,
    }


def statement(**arguments: Any) -> dict[str, Any]:
    """Return a policy statement that is accepted, with *arguments* put in."""
    return {
        "sid": "ReadReports",
        "principals": {"Service": ["athena.amazonaws.com"]},
        "actions": ["s3:GetObject"],
        "resources": ["/reports/*"],
        **arguments,
    }


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

REFUSED: dict[str, tuple[Arguments, str]] = {
    "scope_missing": (call({"expire_after_days": 30}), 'attribute "scope" is required'),
    "scope_misspelt": (
        call({"expire_after_days": 30, "scoop": TMP}),
        'attribute "scope" is required',
    ),
    "scope_empty": (call(rule({"prefix": ""})), "or else scope.entire_bucket = true"),
    "scope_null": (
        call({"scope": None, "expire_after_days": 30}),
        "A rule's scope may not be null",
    ),
    "scope_prefix_misspelt": (call(rule({"prefx": "tmp/"})), "See to the spelling"),
    "scope_tags_misspelt": (call(rule({"tag": {"a": "b"}})), "See to the spelling"),
    "scope_entire_misspelt": (call(rule({"entire": True})), "See to the spelling"),
    "scope_entire_false": (
        call(rule({"entire_bucket": False})),
        "or else scope.entire_bucket = true",
    ),
    "scope_entire_and_prefix": (call(rule({**ENTIRE, **TMP})), "never both"),
    "scope_sizes_crossed": (
        call(rule({"larger_than_bytes": 10, "smaller_than_bytes": 10})),
        "the first below the second",
    ),
    "scope_size_negative": (
        call(rule({"larger_than_bytes": -1})),
        "must be whole numbers",
    ),
    "floor_missing": (
        {"name": "uploads", "rules": {"r0": rule()}},
        '"minimum_retention_days" is required',
    ),
    "floor_zero": (call(minimum_retention_days=0), "minimum_retention_days must be a whole"),
    "floor_expire": (
        call(rule(expire_after_days=6)),
        "expire_after_days must be a whole number, not below minimum_retention_days (7)",
    ),
    "floor_noncurrent": (
        call(rule(noncurrent={"expire_after_days": 6})),
        "noncurrent.expire_after_days must be a whole number, not below",
    ),
    "noncurrent_without_days": (
        call(rule(noncurrent={"keep_newest": 3})),
        '"expire_after_days" is required',
    ),
    "keep_newest": (
        call(rule(noncurrent={"expire_after_days": 7, "keep_newest": 101})),
        "keep_newest must be a whole number from 1 to 100",
    ),
    "rules_missing": (
        {"name": "uploads", "minimum_retention_days": 7},
        '"rules" is required',
    ),
    "rules_empty": (
        {"name": "uploads", "minimum_retention_days": 7, "rules": {}},
        "rules must hold 1 to 1000",
    ),
    "rule_name_long": (
        {**call(), "rules": {"r" * 256: rule()}},
        "A rule's name must hold 1 to 255",
    ),
    "rule_does_nothing": (call({"scope": TMP}), "A rule does nothing"),
    "rule_action_misspelt": (
        call({"scope": TMP, "expires_after_days": 30}),
        "A rule does nothing",
    ),
    "abort_with_tags": (
        call({"scope": {**TMP, "tags": {"a": "b"}}, "abort_multipart_after_days": 2}),
        "put them in a rule of their own",
    ),
    "abort_with_size": (
        call({"scope": {"larger_than_bytes": 5}, "abort_multipart_after_days": 2}),
        "put them in a rule of their own",
    ),
    "abort_zero": (
        call({"scope": TMP, "abort_multipart_after_days": 0}),
        "abort_multipart_after_days must be a whole number",
    ),
    "markers_with_tags": (
        call({"scope": {"tags": {"a": "b"}}, "expired_delete_markers": True}),
        "put them in a rule of their own",
    ),
    "markers_with_days": (
        call(rule(expired_delete_markers=True)),
        "expired_delete_markers and expire_after_days only in two rules",
    ),
    "transition_class": (
        call(rule(transitions=[{"days": 30, "storage_class": "GLACIAL"}])),
        "storage_class must be",
    ),
    "transition_early": (
        call(rule(transitions=[{"days": 29, "storage_class": "STANDARD_IA"}])),
        "30 or more to STANDARD_IA",
    ),
    "transition_after_expiry": (
        call(rule(transitions=[{"days": 30, "storage_class": "GLACIER"}])),
        "below the days after which the same rule deletes",
    ),
    "noncurrent_transition_after_expiry": (
        call(
            rule(
                noncurrent={"expire_after_days": 30},
                noncurrent_transitions=[{"days": 31, "storage_class": "GLACIER"}],
            )
        ),
        "below the days after which the same rule deletes",
    ),
    "transitions_same_day": (
        call(
            {
                "scope": TMP,
                "transitions": [
                    {"days": 40, "storage_class": "GLACIER"},
                    {"days": 40, "storage_class": "STANDARD_IA"},
                ],
            }
        ),
        "on the same day",
    ),
    "transition_upwards": (call(moved((30, "GLACIER"), (60, "STANDARD_IA"))), "moves objects down"),
    "transition_twice": (call(moved((30, "GLACIER"), (60, "GLACIER"))), "each class once"),
    "transition_aside": (call(moved((30, "ONEZONE_IA"), (90, "GLACIER_IR"))), "moves objects down"),
    "transition_hasty": (
        call(moved((30, "STANDARD_IA"), (59, "GLACIER"))),
        "let the next transition of the rule come 30 days later",
    ),
    "name_capital": (call(name="Uploads"), "name must hold 3 to 63"),
    "name_dots": (call(name="up..loads"), "name must hold 3 to 63"),
    "name_end": (call(name="uploads-"), "name must end with a letter or digit"),
    "prefix_long": (call(name="u" * 38, name_is_prefix=True), "37 characters at most"),
    "kms_alias": (
        call(kms_key_arn=f"arn:aws:kms:eu-west-1:{ACCOUNT}:alias/mine"),
        "kms_key_arn must be the ARN of a key",
    ),
    "log_into_itself": (
        call(access_log={"bucket_name": "uploads"}),
        "must be another bucket",
    ),
    "policy_everybody": (
        call(policy_statements=[statement(principals={"AWS": ["*"]})]),
        "may not allow everybody",
    ),
    "policy_everything": (
        call(policy_statements=[statement(actions=["s3:*"])]),
        "may not allow everybody",
    ),
    "policy_effect": (call(policy_statements=[statement(effect="allow")]), "Allow or Deny"),
    "policy_other_bucket": (
        call(policy_statements=[statement(resources=["arn:aws:s3:::other/*"])]),
        "resources are paths in the bucket",
    ),
    "policy_sid_twice": (
        call(policy_statements=[statement(), statement()]),
        "a sid of its own",
    ),
    "policy_sid_taken": (
        call(policy_statements=[statement(sid="RefuseWithoutTLS")]),
        "a sid of its own",
    ),
    "policy_nobody": (
        call(policy_statements=[statement(principals={})]),
        "at least one principal",
    ),
}


@pytest.fixture(scope="module")
def planned() -> Mapping[str, PlannedModule]:
    """Every accepted call, from one plan."""
    return plan_variants(MODULE, ACCEPTED)


@pytest.fixture(scope="module")
def refused() -> Mapping[str, str]:
    """Why each refused call is refused."""
    return refusals(MODULE, {name: arguments for name, (arguments, _) in REFUSED.items()})


def rules(module: PlannedModule) -> dict[str, dict[str, Any]]:
    """Return the planned lifecycle rules by name."""
    planned_rules = module.resource("aws_s3_bucket_lifecycle_configuration.this")["rule"]
    return {each["id"]: each for each in planned_rules}


@pytest.mark.parametrize("name", REFUSED)
def test_lifecycle_bucket_bad_argument_is_refused(name: str, refused: Mapping[str, str]) -> None:
    """A bad argument fails the plan, with a message that says what to do."""
    assert REFUSED[name][1] in refused[name]


def test_lifecycle_bucket_every_refusal_is_tried(refused: Mapping[str, str]) -> None:
    """No validation is there that no call of this file has met."""
    met = "\n".join(refused.values())

    assert [message for message in refusal_messages(MODULE) if message not in met] == []


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
