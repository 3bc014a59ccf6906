"""What the module `job-claims` refuses at plan, and what it says then."""

from __future__ import annotations

from typing import Any

import pytest

from tests.modules.job_claims_calls import MACHINE, PLAIN, QUIET, WORK_QUEUE, with_machine
from tests.modules.messages import refusal_messages
from tests.modules.plan import Arguments, refusals

FIFO = "arn:aws:sqs:eu-west-1:111122223333:work.fifo"
ONE_PLACE = "exactly one of work_queue (one queue for all) and queues.work"
NO_ROOM = "leaves no room for ids"


def queue(**changes: str) -> Arguments:
    """Return a call whose work queue is described otherwise."""
    return {"name": "agents", "state_machine": {"work_queue": {**WORK_QUEUE, **changes}}}


def plain(**changes: Any) -> Arguments:
    """Return a call without a state machine."""
    return {**PLAIN, **changes}


def queues(**templates: str) -> Arguments:
    """Return a call whose queues are called otherwise."""
    return {**PLAIN, "queues": templates, "state_machine": {} if "work" in templates else None}


# Several mistakes in one call, where each is found by itself: a plan takes longer for each call.
REFUSED: dict[str, tuple[Arguments, tuple[str, ...]]] = {
    "too-little": (
        {
            "name": "a b",
            "clock_skew_seconds": -1,
            "fence_retention_days": 0,
            "interruption_retention_days": 0,
            "rate_limit": {"claims": -1, "window_seconds": 0},
            "attributes": {"fence": ""},
            "function": {"timeout_s": 4},
        },
        (
            "name starts with a letter or digit",
            "clock_skew_seconds is a whole number",
            "fence_retention_days is a whole number",
            "interruption_retention_days is a whole",
            "rate_limit.claims is a whole number",
            "rate_limit.window_seconds is a whole",
            "attributes are names of 1 to 255",
            "function.timeout_s is 5 to 50",
        ),
    ),
    "machine-too-little": (
        with_machine(
            timeouts={"heartbeat_s": 4, "overall_s": 3_300},
            max_claim_attempts=0,
            claim_retry_seconds=0,
            attachment_concurrency=0,
            max_attachments=0,
            interrupt_grace_seconds=-1,
            process_attachments_function_arn="attachments",
            log_level="INFO",
        ),
        (
            "heartbeat_s at least 5",
            "max_claim_attempts is a whole number",
            "claim_retry_seconds is a whole number",
            "attachment_concurrency is a whole",
            "max_attachments is a whole number",
            "interrupt_grace_seconds is a whole",
            "process_attachments_function_arn is a function's ARN",
            "state_machine.log_level is ALL",
        ),
    ),
    "too-much": (
        {
            "name": "n" * 181,
            "clock_skew_seconds": 301,
            "fence_retention_days": 366,
            "interruption_retention_days": 3_651,
            "rate_limit": {"claims": 100_001, "window_seconds": 86_401},
            "attributes": {"fence": 'a"b'},
            "function": {"timeout_s": 51},
        },
        (
            "180 characters at most",
            "clock_skew_seconds is a whole number, 0 to 300",
            "fence_retention_days is a whole number, 1 to 365",
            "interruption_retention_days is a whole number, 1 to 3650",
            "rate_limit.claims is a whole number, 0 (no limit) to 100000",
            "rate_limit.window_seconds is a whole number, 1 to 86400",
            "without quotes",
            "function.timeout_s is 5 to 50",
        ),
    ),
    "machine-too-much": (
        with_machine(
            timeouts={"heartbeat_s": 3_300, "overall_s": 3_300},
            max_claim_attempts=26,
            claim_retry_seconds=301,
            attachment_concurrency=41,
            max_attachments=501,
            interrupt_grace_seconds=901,
        ),
        (
            "and less than overall_s",
            "max_claim_attempts is a whole number, 1 to 25",
            "claim_retry_seconds is a whole number, 1 to 300",
            "attachment_concurrency is a whole number, 1 to 40",
            "max_attachments is a whole number, 1 to 500",
            "interrupt_grace_seconds is a whole number, 0 to 900",
        ),
    ),
    "parts": (
        {
            **with_machine(timeouts={"heartbeat_s": 60.5}, max_claim_attempts=1.5),
            "lease_seconds": 120.5,
            "rate_limit": {"claims": 1.5},
        },
        (
            "lease_seconds is a whole number, 120",
            "rate_limit.claims is a whole number",
        ),
    ),
    "words": (
        plain(
            attributes={"fence": "ttl", "ttl": "rate07"},
            kms_key_arn="alias/mine",
            metrics_namespace="AWS/Mine",
            function={"log_level": "WARN"},
            queues={"interrupts": "stop/{userId}", "kms_key_arn": "alias/mine"},
        ),
        (
            "may not be messages",
            "kms_key_arn is the ARN of a KMS key",
            "does not begin with AWS/",
            "function.log_level is DEBUG or INFO",
            "queues.interrupts holds letters",
            "queues.kms_key_arn is the ARN",
        ),
    ),
    "attribute-twice": (
        plain(attributes={"fence": "ttl"}, alarms={"oldest_token_seconds": -1}),
        ("eight different names", "are 0 (off) or more"),
    ),
    "lease-short": (plain(lease_seconds=119), ("lease_seconds is a whole number, 120",)),
    "lease-long": (plain(lease_seconds=604_801), ("lease_seconds is a whole number, 120",)),
    "threshold": (plain(alarms={"timeouts": -1}), ("are 0 (off) or more",)),
    "lease-skew": (
        plain(lease_seconds=120, clock_skew_seconds=60),
        ("more than twice clock_skew_seconds",),
    ),
    "interrupts-for-all": (queues(interrupts="{name}-stop"), ("at least one of",)),
    "interrupts-place": (queues(interrupts="{user}-{userId}"), ("queues.interrupts holds",)),
    "work-for-all": (queues(work="work"), ("at least one of",)),
    "work-fifo": (queues(work="work-{userId}.fifo"), ("queues.work holds letters",)),
    "no-room": (queues(interrupts="x" * 73 + "{userId}"), (NO_ROOM,)),
    "no-room-for-a-container": (queues(interrupts="x" * 40 + "{containerId}"), (NO_ROOM,)),
    "no-room-beside-the-name": (
        {"name": "n" * 60, "queues": {"interrupts": "{name}" + "x" * 33 + "{userId}"}},
        (NO_ROOM,),
    ),
    "work-nowhere": (with_machine(work_queue=None), (ONE_PLACE,)),
    "work-twice": ({**MACHINE, "queues": {"work": "work-{userId}"}}, (ONE_PLACE,)),
    "work-for-nobody": (plain(queues={"work": "work-{userId}"}), (ONE_PLACE,)),
    "fifo": (queue(arn=FIFO, name="work.fifo"), ("is a standard queue",)),
    "two-queues": (
        queue(name="other"),
        ("arn and name are the same queue's", "state_machine.work_queue.url is that queue's URL"),
    ),
    "url": (queue(url="work"), ("state_machine.work_queue.url is that queue's URL",)),
    "beyond-the-lease": (
        with_machine(timeouts={"overall_s": 3_600}),
        ("must be less than lease_seconds",),
    ),
    "short-lease": ({**MACHINE, "lease_seconds": 3_000}, ("must be less than lease_seconds",)),
    "token-too-late": (
        {**MACHINE, "alarms": {"oldest_token_seconds": 60}},
        ("must lie below state_machine.timeouts.heartbeat_s",),
    ),
    "boundary": (
        plain(permissions_boundary_arn="boundary"),
        ("permissions_boundary_arn is the ARN",),
    ),
    "artifact": (plain(artifact={}), ("exactly one of path and s3",)),
    "altered-zip": (
        plain(artifact={"path": "calls/altered-zip/artifacts/SHA256SUMS", "sha256": "0" * 64}),
        ("Run `python build.py`",),
    ),
}


@pytest.fixture(scope="module")
def refused() -> dict[str, str]:
    """Collect the reasons of every refused call, once."""
    return refusals("job-claims", {name: QUIET | call for name, (call, _) in REFUSED.items()})


@pytest.mark.parametrize(
    ("case", "remedy"), [(case, text) for case, (_, texts) in REFUSED.items() for text in texts]
)
def test_job_claims_wrong_argument_is_refused_with_a_remedy(
    case: str, remedy: str, refused: dict[str, str]
) -> None:
    """Each mistake fails the plan, and the message names what to change."""
    assert remedy in " ".join(refused[case].split())


def test_job_claims_every_refusal_is_tried(refused: dict[str, str]) -> None:
    """No validation is there that no call of this file has met."""
    met = "\n".join(refused.values())

    assert [message for message in refusal_messages("job-claims") if message not in met] == []
