"""What the module `lifecycle-bucket` refuses, each mistake with its remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.modules.answers import ACCOUNT
from tests.modules.lifecycle_bucket_calls import ENTIRE, MODULE, TMP, call, moved, rule, statement
from tests.modules.messages import refusal_messages
from tests.modules.plan import Arguments, refusals

if TYPE_CHECKING:
    from collections.abc import Mapping

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
def refused() -> Mapping[str, str]:
    """Why each refused call is refused."""
    return refusals(MODULE, {name: arguments for name, (arguments, _) in REFUSED.items()})


@pytest.mark.parametrize("name", REFUSED)
def test_lifecycle_bucket_bad_argument_is_refused(name: str, refused: Mapping[str, str]) -> None:
    """A bad argument fails the plan, with a message that says what to do."""
    assert REFUSED[name][1] in refused[name]


def test_lifecycle_bucket_every_refusal_is_tried(refused: Mapping[str, str]) -> None:
    """No validation is there that no call of this file has met."""
    met = "\n".join(refused.values())

    assert [message for message in refusal_messages(MODULE) if message not in met] == []
