"""What the module `job-claims` refuses at plan, and what it says then."""

from __future__ import annotations

from typing import Any

import pytest

from tests.modules.job_claims_calls import MACHINE, PLAIN, QUIET, WORK_QUEUE, with_machine
from tests.modules.messages import refusal_messages
from tests.modules.plan import Arguments, refusals


def queue(**changes: str) -> Arguments:
    """Return a call whose work queue is described otherwise."""
    return {"name": "agents", "state_machine": {"work_queue": {**WORK_QUEUE, **changes}}}


def timeouts(**changes: float) -> Arguments:
    """Return a call with these limits of the work."""
    return with_machine(timeouts=changes)


def plain(**changes: Any) -> Arguments:
    """Return a call without a state machine."""
    return {**PLAIN, **changes}


FIFO = "arn:aws:sqs:eu-west-1:111122223333:work.fifo"
ONE_PLACE = "exactly one of work_queue (one queue for all) and queues.work"

REFUSED: dict[str, tuple[Arguments, str]] = {
    "name": (plain(name="a b"), "name starts with a letter or digit"),
    "name-too-long": (plain(name="n" * 181), "180 characters at most"),
    "lease-short": (plain(lease_seconds=119), "lease_seconds is a whole number, 120"),
    "lease-part": (plain(lease_seconds=120.5), "lease_seconds is a whole number, 120"),
    "lease-long": (plain(lease_seconds=604_801), "120 to 604800"),
    "lease-skew": (
        plain(lease_seconds=120, clock_skew_seconds=60),
        "more than twice clock_skew_seconds",
    ),
    "skew": (plain(clock_skew_seconds=301), "clock_skew_seconds is a whole number, 0 to 300"),
    "skew-below": (plain(clock_skew_seconds=-1), "clock_skew_seconds is a whole number"),
    "fence-days": (plain(fence_retention_days=0), "fence_retention_days is a whole number"),
    "record-days": (plain(interruption_retention_days=0), "interruption_retention_days is a whole"),
    "rate": (plain(rate_limit={"claims": -1}), "rate_limit.claims is a whole number"),
    "rate-part": (plain(rate_limit={"claims": 1.5}), "rate_limit.claims is a whole number"),
    "window": (plain(rate_limit={"window_seconds": 0}), "rate_limit.window_seconds is a whole"),
    "attribute-empty": (plain(attributes={"fence": ""}), "attributes are names of 1 to 255"),
    "attribute-quote": (plain(attributes={"fence": 'a"b'}), "without quotes"),
    "attribute-twice": (plain(attributes={"fence": "ttl"}), "eight different names"),
    "attribute-ours": (plain(attributes={"fence": "rate07"}), "may not be messages, rateWindow"),
    "interrupts-for-all": (plain(queues={"interrupts": "{name}-stop"}), "at least one of"),
    "interrupts-place": (
        plain(queues={"interrupts": "stop-{user}-{userId}"}),
        "queues.interrupts holds letters",
    ),
    "interrupts-sign": (plain(queues={"interrupts": "stop/{userId}"}), "queues.interrupts holds"),
    "work-for-all": ({**PLAIN, "queues": {"work": "work"}, "state_machine": {}}, "at least one of"),
    "work-fifo": (
        {**PLAIN, "queues": {"work": "work-{userId}.fifo"}, "state_machine": {}},
        "queues.work holds letters",
    ),
    "no-room": (plain(queues={"interrupts": "x" * 73 + "{userId}"}), "leaves no room for ids"),
    "no-room-for-a-container": (
        plain(queues={"interrupts": "x" * 40 + "{containerId}"}),
        "leaves no room for ids",
    ),
    "no-room-beside-the-name": (
        {
            "name": "n" * 60,
            "queues": {"interrupts": "{name}-containers-that-are-to-be-stopped-{userId}"},
        },
        "leaves no room for ids",
    ),
    "queues-key": (plain(queues={"kms_key_arn": "alias/mine"}), "queues.kms_key_arn is the ARN"),
    "work-nowhere": (with_machine(work_queue=None), ONE_PLACE),
    "work-twice": ({**MACHINE, "queues": {"work": "work-{userId}"}}, ONE_PLACE),
    "work-for-nobody": (plain(queues={"work": "work-{userId}"}), ONE_PLACE),
    "fifo": (queue(arn=FIFO, name="work.fifo"), "is a standard queue"),
    "two-queues": (queue(name="other"), "arn and name are the same queue's"),
    "url": (queue(url="work"), "state_machine.work_queue.url is that queue's URL"),
    "other-url": (
        queue(url="https://sqs.eu-west-1.amazonaws.com/111122223333/other"),
        "state_machine.work_queue.url is that queue's URL",
    ),
    "beyond-the-lease": (timeouts(overall_s=3600), "must be less than lease_seconds"),
    "short-lease": ({**MACHINE, "lease_seconds": 3000}, "must be less than lease_seconds"),
    "heartbeat": (timeouts(heartbeat_s=4), "heartbeat_s at least 5"),
    "heartbeat-overall": (timeouts(heartbeat_s=60, overall_s=60), "less than overall_s"),
    "heartbeat-part": (timeouts(heartbeat_s=60.5), "are whole seconds"),
    "grace": (with_machine(interrupt_grace_seconds=901), "interrupt_grace_seconds is a whole"),
    "attempts": (with_machine(max_claim_attempts=26), "max_claim_attempts is a whole number"),
    "no-attempt": (with_machine(max_claim_attempts=0), "max_claim_attempts is a whole number"),
    "retry": (with_machine(claim_retry_seconds=0), "claim_retry_seconds is a whole number"),
    "at-once": (with_machine(attachment_concurrency=41), "attachment_concurrency is a whole"),
    "attachments": (with_machine(max_attachments=501), "max_attachments is a whole number"),
    "function": (
        with_machine(process_attachments_function_arn="attachments"),
        "process_attachments_function_arn is a function's ARN",
    ),
    "machine-log": (with_machine(log_level="INFO"), "state_machine.log_level is ALL"),
    "timeout": (plain(function={"timeout_s": 51}), "function.timeout_s is 5 to 50"),
    "log-level": (plain(function={"log_level": "WARN"}), "function.log_level is DEBUG or INFO"),
    "threshold": (plain(alarms={"timeouts": -1}), "executions_timed_out and oldest_token_seconds"),
    "token-threshold": (plain(alarms={"oldest_token_seconds": -1}), "are 0 (off) or more"),
    "token-too-late": (
        {**MACHINE, "alarms": {"oldest_token_seconds": 60}},
        "must lie below state_machine.timeouts.heartbeat_s",
    ),
    "namespace": (plain(metrics_namespace="AWS/Mine"), "does not begin with AWS/"),
    "key": (plain(kms_key_arn="alias/mine"), "kms_key_arn is the ARN of a KMS key"),
    "boundary": (plain(permissions_boundary_arn="boundary"), "permissions_boundary_arn is the ARN"),
    "artifact": (plain(artifact={}), "exactly one of path and s3"),
    "altered-zip": (
        plain(artifact={"path": "calls/altered-zip/artifacts/SHA256SUMS", "sha256": "0" * 64}),
        "Run `python build.py`",
    ),
}


@pytest.fixture(scope="module")
def refused() -> dict[str, str]:
    """Collect the reasons of every refused call, once."""
    return refusals("job-claims", {name: QUIET | call for name, (call, _) in REFUSED.items()})


@pytest.mark.parametrize("case", REFUSED)
def test_job_claims_wrong_argument_is_refused_with_a_remedy(
    case: str, refused: dict[str, str]
) -> None:
    """Each mistake fails the plan, and the message names what to change."""
    assert REFUSED[case][1] in " ".join(refused[case].split())


def test_job_claims_every_refusal_is_tried(refused: dict[str, str]) -> None:
    """No validation is there that no call of this file has met."""
    met = "\n".join(refused.values())

    assert [message for message in refusal_messages("job-claims") if message not in met] == []
