"""What the module `function` refuses, each mistake with its remedy."""

from __future__ import annotations

import pytest

from tests.modules.function_calls import (
    CONTENT,
    FILE,
    PLAIN,
    QUEUE,
    S3,
    STATEMENT,
    TABLE,
    VPC,
    alarmed,
    granted,
    sized,
)
from tests.modules.messages import refusal_messages
from tests.modules.plan import Arguments, refusals
from tools.terraform import ROOT

MISSING = str(ROOT / "artifacts" / "no-such.zip")
REFUSED: dict[str, tuple[Arguments, str]] = {
    "name": ({**PLAIN, "name": "a b"}, "name starts with a letter or digit"),
    "description": ({**PLAIN, "description": "x" * 257}, "at most 256 characters"),
    "no-artifact": ({**PLAIN, "artifact": {}}, "exactly one of path and s3"),
    "two-artifacts": ({**PLAIN, "artifact": {"path": str(FILE), "s3": S3}}, "one of path and s3"),
    "no-file": ({**PLAIN, "artifact": {"path": MISSING}}, "run `python build.py`"),
    "no-file-with-hash": (
        {**PLAIN, "artifact": {"path": MISSING, "sha256": CONTENT.hexdigest()}},
        "There is no file",
    ),
    "other-file": (
        {**PLAIN, "artifact": {"path": str(FILE), "sha256": "0" * 64}},
        "is not the file whose sha256 is 0000",
    ),
    "short-hash": (
        {**PLAIN, "artifact": {"path": str(FILE), "sha256": "0"}},
        "sha256 has 64 hex digits",
    ),
    "hash-of-s3": (
        {**PLAIN, "artifact": {"s3": S3, "sha256": "0" * 64}},
        "for an S3 object use s3.sha256_base64",
    ),
    "handler": ({**PLAIN, "handler": "handler"}, "handler is module.function"),
    "runtime": ({**PLAIN, "runtime": "nodejs22.x"}, "runtime is python3.11 or a later one"),
    "reserved-name": ({**PLAIN, "environment": {"AWS_REGION": "x"}}, "are Lambda's own"),
    "environment": ({**PLAIN, "environment": {"BIG": "x" * 4096}}, "at most 4 KiB"),
    "any-action": (granted(actions=["dynamodb:*"]), "no wildcard"),
    "part-action": (granted(actions=["dynamodb:Batch*"]), "no wildcard"),
    "question-mark": (granted(actions=["dynamodb:Sca?"]), "no wildcard"),
    "all-actions": (granted(actions=["*"]), "no wildcard"),
    "no-actions": (granted(actions=[]), "no empty list"),
    "any-resource": (granted(resources=["*"]), "with any_resource_reason"),
    "hidden-any": (
        granted(resources=[TABLE, "*"], any_resource_reason=" "),
        "with any_resource_reason",
    ),
    "no-resources": (granted(resources=[]), "Resources are ARNs"),
    "bare-resource": (granted(resources=["sessions"]), "Resources are ARNs"),
    "sid": (granted(sid="read-it"), "letters and digits only"),
    "sid-of-ours": (granted(sid="LambdaLogs"), "does not begin with Lambda"),
    "same-sid": ({**PLAIN, "statements": [STATEMENT, STATEMENT]}, "a sid of its own"),
    "empty-condition": (
        granted(conditions=[{"test": "Null", "variable": "s3:if-match", "values": []}]),
        "at least one value",
    ),
    "same-condition": (
        granted(
            conditions=[
                {"test": "StringLike", "variable": "s3:prefix", "values": ["a/"]},
                {"test": "StringLike", "variable": "s3:Prefix", "values": ["b/"]},
            ]
        ),
        "names a test and a variable once",
    ),
    "memory": (sized(memory_mb=64), "memory_mb is a whole number"),
    "timeout": (sized(timeout_s=901), "timeout_s is a whole number from 1 to 900"),
    "architecture": (sized(architecture="arm"), "arm64 or x86_64"),
    "storage": (sized(ephemeral_storage_mb=256), "512 to 10240"),
    "stopped": (sized(reserved_concurrency=0), "0 would stop the function"),
    "recursion": (sized(recursive_loop="Maybe"), "is Terminate, Allow, or Unset"),
    "layers": (sized(layers=["arn"] * 6), "at most five"),
    "no-subnet": (sized(vpc={**VPC, "subnet_ids": []}), "at least one of subnet_ids"),
    "retention": ({**PLAIN, "logs": {"retention_days": 0}}, "one of CloudWatch's"),
    "level": ({**PLAIN, "logs": {"level": "info"}}, "logs.level is TRACE"),
    "system-level": ({**PLAIN, "logs": {"system_level": "ERROR"}}, "DEBUG, INFO or WARN"),
    "retries": ({**PLAIN, "async": {"max_retries": 3}}, "is 0, 1 or 2"),
    "event-age": ({**PLAIN, "async": {"max_event_age_s": 30}}, "60 to 21600"),
    "fifo": (
        {**PLAIN, "failure_queue": {"arn": QUEUE["arn"] + ".fifo"}},
        "delivers to no FIFO queue",
    ),
    "fifo-replay": (
        {**PLAIN, "dead_letter_queue": {"arn": QUEUE["arn"] + ".fifo"}},
        "delivers to no FIFO queue",
    ),
    "both-queues": (
        {**PLAIN, "failure_queue": QUEUE, "dead_letter_queue": QUEUE},
        "would be delivered twice",
    ),
    "key": ({**PLAIN, "kms_key_arn": "alias/mine"}, "ARN of a KMS key"),
    "boundary": ({**PLAIN, "permissions_boundary_arn": "boundary"}, "ARN of an IAM policy"),
    "path": ({**PLAIN, "role_path": "expiry"}, "begins and ends with '/'"),
    "negative": (alarmed(error_count=-1), "are 0 (off) or more"),
    "rate": (alarmed(error_rate_percent=100), "to below 100"),
    "duration": (alarmed(duration_percent=101), "in percent of function.timeout_s"),
    "silence": (alarmed(silence_hours=169), "looks back seven days"),
    "silence-too-short": (alarmed(interval_minutes=1440, silence_hours=24), "two good runs"),
    "interval": (alarmed(interval_minutes=0), "interval_minutes is above 0"),
    "rate-never": (
        alarmed(interval_minutes=60, error_rate_minimum_count=10, error_rate_period_s=3600),
        "The error rate could never alarm",
    ),
    "rate-count": (alarmed(error_rate_minimum_count=0), "1 or more, or left out"),
}


@pytest.fixture(scope="module")
def refused() -> dict[str, str]:
    """Collect the reasons of every refused call, once."""
    return refusals("function", {name: arguments for name, (arguments, _) in REFUSED.items()})


@pytest.mark.parametrize("case", REFUSED)
def test_function_wrong_argument_is_refused_with_a_remedy(
    case: str, refused: dict[str, str]
) -> None:
    """Each mistake fails the plan, and the message names what to change."""
    assert REFUSED[case][1] in " ".join(refused[case].split())


def test_function_every_refusal_is_tried(refused: dict[str, str]) -> None:
    """No validation is there that no call of this file has met."""
    met = "\n".join(refused.values())

    assert [message for message in refusal_messages("function") if message not in met] == []
