"""What the module `schedule` refuses, each mistake with its remedy."""

from __future__ import annotations

import json

import pytest

from tests.modules.messages import refusal_messages
from tests.modules.plan import Arguments, refusals
from tests.modules.schedule_calls import FUNCTION, MACHINE, PLAIN, QUEUE, when

REFUSED: dict[str, tuple[Arguments, str]] = {
    "name": ({**PLAIN, "name": "a b"}, "name starts with a letter or digit"),
    "no-schedule": (
        {key: value for key, value in PLAIN.items() if key != "schedule"},
        'argument "schedule" is required',
    ),
    "no-queue": (
        {key: value for key, value in PLAIN.items() if key != "dead_letter_queue"},
        'argument "dead_letter_queue" is required',
    ),
    "seconds": (when("rate(30 seconds)"), "schedule.expression is rate(1 hour)"),
    "zero": (when("rate(0 minutes)"), "schedule.expression is rate(1 hour)"),
    "cron-of-unix": (when("cron(0 3 * * *)"), "with six fields"),
    "cron-both-days": (when("cron(0 3 * * * *)"), "'?' in exactly one"),
    "cron-no-day": (when("cron(0 3 ? * ? *)"), "'?' in exactly one"),
    "at-no-date": (when("at(2030-02-31T03:00:00)"), "schedule.expression is rate(1 hour)"),
    "zone": (when("rate(1 hour)", time_zone="+01:00"), "time_zone is an IANA name"),
    "window": (when("rate(1 day)", flexible_window_minutes=1441), "from 0 (none) to 1440"),
    "start": (when("rate(1 day)", start="2030-01-01"), "are UTC times"),
    "ends-first": (
        when("rate(1 day)", start="2031-01-01T00:00:00Z", end="2030-01-01T00:00:00Z"),
        "must lie before schedule.end",
    ),
    "no-target": ({**PLAIN, "target": {}}, "exactly one of function and state_machine"),
    "misspelt-target": (
        {**PLAIN, "target": {"lambda": {"arn": FUNCTION}}},
        "exactly one of function and state_machine",
    ),
    "two-targets": (
        {**PLAIN, "target": {"function": {"arn": FUNCTION}, "state_machine": {"arn": MACHINE}}},
        "exactly one of function and state_machine",
    ),
    "machine-as-function": (
        {**PLAIN, "target": {"function": {"arn": MACHINE}}},
        "is the ARN of a Lambda function",
    ),
    "function-as-machine": (
        {**PLAIN, "target": {"state_machine": {"arn": FUNCTION}}},
        "is the ARN of a state machine",
    ),
    "any-function": (
        {**PLAIN, "target": {"function": {"arn": FUNCTION + "*"}}},
        "is the ARN of a Lambda function",
    ),
    "no-json": ({**PLAIN, "input_json": "{dryRun: true}"}, "input_json is a JSON object"),
    "big": (
        {**PLAIN, "input_json": json.dumps({"note": "x" * 262_144})},
        "at most 256 KiB",
    ),
    "json-list": ({**PLAIN, "input_json": "[1]"}, "input_json is a JSON object"),
    "attempts": ({**PLAIN, "retry": {"max_attempts": 186}}, "from 0 to 185"),
    "age": ({**PLAIN, "retry": {"max_event_age_s": 30}}, "max_event_age_s is 60 to 86400"),
    "fifo": (
        {**PLAIN, "dead_letter_queue": {"arn": QUEUE["arn"] + ".fifo"}},
        "delivers to no FIFO queue",
    ),
    "key": ({**PLAIN, "kms_key_arn": "alias/mine"}, "ARN of a KMS key"),
    "boundary": ({**PLAIN, "permissions_boundary_arn": "boundary"}, "ARN of an IAM policy"),
    "path": ({**PLAIN, "role_path": "expiry"}, "begins and ends with '/'"),
    "description": ({**PLAIN, "description": "x" * 513}, "at most 512 characters"),
}


@pytest.fixture(scope="module")
def refused() -> dict[str, str]:
    """Collect the reasons of every refused call, once."""
    return refusals("schedule", {name: arguments for name, (arguments, _) in REFUSED.items()})


@pytest.mark.parametrize("case", REFUSED)
def test_schedule_wrong_argument_is_refused_with_a_remedy(
    case: str, refused: dict[str, str]
) -> None:
    """Each mistake fails the plan, and the message names what to change."""
    assert REFUSED[case][1] in " ".join(refused[case].split())


def test_schedule_every_refusal_is_tried(refused: dict[str, str]) -> None:
    """No validation is there that no call of this file has met."""
    met = "\n".join(refused.values())

    assert [message for message in refusal_messages("schedule") if message not in met] == []
