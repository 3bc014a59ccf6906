"""The calls of the module `job-claims` that its tests are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.modules.plan import Arguments

WORK_QUEUE = {
    "name": "work",
    "arn": "arn:aws:sqs:eu-west-1:111122223333:work",
    "url": "https://sqs.eu-west-1.amazonaws.com/111122223333/work",
}
ATTACHMENTS = "arn:aws:lambda:eu-west-1:111122223333:function:attachments"
KEY = "arn:aws:kms:eu-west-1:111122223333:key/0d0c6d2c-6ae5-4c2a-9f0e-0f6a3f6c9e11"
WORK_KEY = "arn:aws:kms:eu-west-1:111122223333:key/5a1f4a0e-7d7e-4bb1-8a53-6d0a1d9bb0f4"
QUEUES_KEY = "arn:aws:kms:eu-west-1:111122223333:key/77c2b1a4-92ab-4b0c-a40e-51c3c9d5d0a2"
TOPIC = "arn:aws:sns:eu-west-1:111122223333:on-call"
BOUNDARY = "arn:aws:iam::111122223333:policy/boundary"
ATTRIBUTES = {
    "projectUserId": "pk",
    "containerId": "container",
    "threadId": "thread",
    "messageId": "message",
    "claimedAt": "claimed",
    "expiresAt": "lease_end",
    "ttl": "purge_at",
    "fence": "token",
}
# The largest that may be asked for: what still fits into one execution.
LARGEST: dict[str, Any] = {
    "work_queue": WORK_QUEUE,
    "process_attachments_function_arn": ATTACHMENTS,
    "max_attachments": 500,
    "attachment_concurrency": 1,
    "interrupt_grace_seconds": 900,
    "max_claim_attempts": 25,
    "claim_retry_seconds": 300,
    "timeouts": {"heartbeat_s": 600, "overall_s": 604_799},
}


def with_machine(**changes: Any) -> Arguments:
    """Return a call with a state machine, changed."""
    return {"name": "agents", "state_machine": {"work_queue": WORK_QUEUE, **changes}}


# Forty alarms less to plan, where they are not what is looked at.
QUIET: dict[str, Any] = {"alarms": {"enabled": False}}
PLAIN: Arguments = {"name": "agents"}
MACHINE: Arguments = with_machine()

ACCEPTED: dict[str, Arguments] = {
    "plain": {**PLAIN, **QUIET},
    "machine": MACHINE,
    "attachments": with_machine(process_attachments_function_arn=ATTACHMENTS) | QUIET,
    "largest": {
        **QUIET,
        "name": "agents",
        "lease_seconds": 604_800,
        "rate_limit": {"claims": 1, "window_seconds": 86_400},
        "state_machine": LARGEST,
    },
    "no-grace": with_machine(interrupt_grace_seconds=0) | QUIET,
    "odd-grace": with_machine(interrupt_grace_seconds=31) | QUIET,
    "queue-of-a-key": {
        **QUIET,
        "name": "agents",
        "queues": {"work": "{name}-work-{projectId}-{userId}", "kms_key_arn": QUEUES_KEY},
        "state_machine": {},
    },
    "queue-of-a-container": {
        **QUIET,
        "name": "agents",
        "queues": {"interrupts": "stop-{containerId}.fifo", "work": "work-{containerId}"},
        "state_machine": {},
    },
    "everything": {
        "name": "agents",
        "tags": {"Team": "agents"},
        "lease_seconds": 7200,
        "clock_skew_seconds": 10,
        "fence_retention_days": 14,
        "interruption_retention_days": 90,
        "rate_limit": {"claims": 5, "window_seconds": 30},
        "attributes": ATTRIBUTES,
        "queues": {"interrupts": "stop-{userId}", "kms_key_arn": QUEUES_KEY},
        "state_machine": {
            "work_queue": {**WORK_QUEUE, "kms_key_arn": WORK_KEY},
            "process_attachments_function_arn": f"{ATTACHMENTS}:live",
            "attachment_concurrency": 3,
            "max_attachments": 20,
            "interrupt_grace_seconds": 45,
            "max_claim_attempts": 7,
            "claim_retry_seconds": 9,
            "timeouts": {"heartbeat_s": 120, "overall_s": 7000},
            "log_level": "ALL",
            "log_execution_data": True,
            "tracing": True,
        },
        "tables": {"deletion_protection": False},
        "function": {
            "memory_mb": 256,
            "timeout_s": 20,
            "architecture": "x86_64",
            "log_retention_days": 7,
            "log_level": "DEBUG",
            "tracing": True,
            "role_path": "/agents/",
        },
        "alarms": {
            "topic_arns": [TOPIC],
            "timeouts": 2,
            "rate_limited": 3,
            "executions_failed": 4,
            "executions_timed_out": 5,
            "oldest_token_seconds": 100,
            "error_rate_percent": 20,
            "duration_percent": 50,
        },
        "metrics_namespace": "Mine/Claims",
        "kms_key_arn": KEY,
        "permissions_boundary_arn": BOUNDARY,
    },
    "second": {**MACHINE, "name": "agents-2"},
    "silent": {**MACHINE, **QUIET},
    "thresholds-off": {
        **MACHINE,
        "rate_limit": {"claims": 5},
        "alarms": {
            "timeouts": 0,
            "rate_limited": 0,
            "executions_failed": 0,
            "executions_timed_out": 0,
            "oldest_token_seconds": 0,
            "error_rate_percent": 0,
            "duration_percent": 0,
        },
    },
    "long": {**MACHINE, "name": "n" * 179},
    "longer": {**MACHINE, **QUIET, "name": "n" * 180},
}
