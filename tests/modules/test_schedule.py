"""What the module `schedule` promises: one target, its own role, bounded retries, exact input."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.modules.plan import Arguments, PlannedModule, plan_variants
from tests.modules.schedule_calls import FUNCTION, MACHINE, PLAIN, QUEUE, when

KEY = "arn:aws:kms:eu-west-1:111122223333:key/0d0c6d2c-6ae5-4c2a-9f0e-0f6a3f6c9e11"
QUEUE_KEY = "arn:aws:kms:eu-west-1:111122223333:key/5a1f4a0e-7d7e-4bb1-8a53-6d0a1d9bb0f4"
BOUNDARY = "arn:aws:iam::111122223333:policy/boundary"

ACCEPTED: dict[str, Arguments] = {
    "plain": PLAIN,
    "machine": {**PLAIN, "target": {"state_machine": {"arn": MACHINE}}},
    "new-function": {**PLAIN, "target": {"function": "${aws_lambda_function.new}"}},
    "minutes": when("rate(15 minutes)"),
    "days": when("rate(2 days)"),
    "cron": when("cron(0 3 ? * MON-FRI *)", time_zone="Europe/Berlin"),
    "at": when("at(2030-01-31T03:00:00)"),
    "everything": {
        **when(
            "rate(1 hour)",
            flexible_window_minutes=15,
            start="2030-01-01T00:00:00Z",
            end="2031-01-01T00:00:00Z",
            enabled=False,
        ),
        "description": "Runs the jobs.",
        "tags": {"Team": "data"},
        "retry": {"max_attempts": 5, "max_event_age_s": 3600},
        "dead_letter_queue": {**QUEUE, "kms_key_arn": QUEUE_KEY},
        "kms_key_arn": KEY,
        "permissions_boundary_arn": BOUNDARY,
        "role_path": "/expiry/",
    },
    "input": {**PLAIN, "input_json": '${jsonencode({ dryRun = true, cursor = "a<b" })}'},
    "context": {
        **PLAIN,
        "input_json": '${jsonencode({ time = "<aws.scheduler.scheduled-time>" })}',
    },
    "long": {**PLAIN, "name": "n" * 100},
    "longer": {**PLAIN, "name": "n" * 101},
}
SHARED = """
resource "aws_lambda_function" "new" {
  function_name = "new"
  role          = "arn:aws:iam::111122223333:role/new"
  s3_bucket     = "artifacts"
  s3_key        = "new.zip"
  runtime       = "python3.13"
  handler       = "new.handler"
}
"""


@pytest.fixture(scope="module")
def planned() -> dict[str, PlannedModule]:
    """Plan every accepted call, once."""
    return plan_variants("schedule", ACCEPTED, shared=SHARED)


def schedule_of(module: PlannedModule) -> dict[str, Any]:
    """Return the planned schedule."""
    return module.resource("aws_scheduler_schedule.this")


def grants_of(module: PlannedModule) -> dict[str, tuple[list[str], list[str]]]:
    """Return the role's actions and resources by Sid."""
    policy = json.loads(module.resource("aws_iam_role_policy.this")["policy"])
    assert {statement["Effect"] for statement in policy["Statement"]} == {"Allow"}
    return {
        statement["Sid"]: (statement["Action"], statement["Resource"])
        for statement in policy["Statement"]
    }


def test_schedule_defaults_are_exact_and_bounded(planned: dict[str, PlannedModule]) -> None:
    """By default: in its own group, on time, in UTC, two retries in a quarter of an hour."""
    schedule = schedule_of(planned["plain"])

    expected = {
        "name": "jobs",
        "group_name": "jobs",
        "state": "ENABLED",
        "schedule_expression": "rate(1 hour)",
        "schedule_expression_timezone": "UTC",
        "flexible_time_window": [{"maximum_window_in_minutes": None, "mode": "OFF"}],
        "start_date": None,
        "end_date": None,
        "kms_key_arn": None,
    }
    assert expected == {key: schedule[key] for key in expected}
    [target] = schedule["target"]
    assert target["arn"] == FUNCTION
    assert target["retry_policy"] == [
        {"maximum_event_age_in_seconds": 900, "maximum_retry_attempts": 2}
    ]
    assert target["dead_letter_config"] == [QUEUE]
    assert target["input"] == "{}"


def test_schedule_role_is_trusted_for_its_own_group_only(
    planned: dict[str, PlannedModule],
) -> None:
    """Scheduler may take the role for this group in this account; Scheduler refuses other ARNs."""
    role = planned["plain"].resource("aws_iam_role.this")
    [statement] = json.loads(role["assume_role_policy"])["Statement"]

    assert role["name"] == "jobs-schedule-eu-west-1"
    assert statement["Principal"] == {"Service": "scheduler.amazonaws.com"}
    assert statement["Condition"] == {
        "StringEquals": {
            "aws:SourceArn": "arn:aws:scheduler:eu-west-1:111122223333:schedule-group/jobs",
            "aws:SourceAccount": "111122223333",
        }
    }


def test_schedule_role_starts_its_target_and_keeps_its_dead_letters(
    planned: dict[str, PlannedModule],
) -> None:
    """The role grants the target and the queue, each exactly; keys only where there are any."""
    dead_letters = (["sqs:SendMessage"], [QUEUE["arn"]])

    assert grants_of(planned["plain"]) == {
        "RunTarget": (["lambda:InvokeFunction"], [FUNCTION]),
        "DeadLetters": dead_letters,
    }
    assert grants_of(planned["machine"]) == {
        "RunTarget": (["states:StartExecution"], [MACHINE]),
        "DeadLetters": dead_letters,
    }
    assert grants_of(planned["everything"]) == {
        "RunTarget": (["lambda:InvokeFunction"], [FUNCTION]),
        "DeadLetters": dead_letters,
        "DeadLettersKey": (["kms:Decrypt", "kms:GenerateDataKey"], [QUEUE_KEY]),
        "InputKey": (["kms:Decrypt"], [KEY]),
    }


def test_schedule_grants_output_is_what_the_role_grants(planned: dict[str, PlannedModule]) -> None:
    """The list for tests and the policy are one list, and each entry has its reason."""
    grants = planned["everything"].outputs["service_grants"]

    assert grants_of(planned["everything"]) == {
        grant["sid"]: (grant["actions"], grant["resources"]) for grant in grants
    }
    assert all(grant["reason"] for grant in grants)


def test_schedule_every_field_reaches_scheduler(planned: dict[str, PlannedModule]) -> None:
    """What the caller sets is what Scheduler and IAM get."""
    schedule = schedule_of(planned["everything"])
    role = planned["everything"].resource("aws_iam_role.this")

    expected = {
        "state": "DISABLED",
        "description": "Runs the jobs.",
        "flexible_time_window": [{"maximum_window_in_minutes": 15, "mode": "FLEXIBLE"}],
        "start_date": "2030-01-01T00:00:00Z",
        "end_date": "2031-01-01T00:00:00Z",
        "kms_key_arn": KEY,
    }
    assert expected == {key: schedule[key] for key in expected}
    assert schedule["target"][0]["retry_policy"] == [
        {"maximum_event_age_in_seconds": 3600, "maximum_retry_attempts": 5}
    ]
    assert (role["permissions_boundary"], role["path"]) == (BOUNDARY, "/expiry/")
    group = planned["everything"].resource("aws_scheduler_schedule_group.this")
    assert role["tags"] == group["tags"] == {"Team": "data"}


def test_schedule_cron_keeps_its_time_zone(planned: dict[str, PlannedModule]) -> None:
    """A cron expression is passed on with the zone in which it is meant."""
    schedule = schedule_of(planned["cron"])

    assert schedule["schedule_expression"] == "cron(0 3 ? * MON-FRI *)"
    assert schedule["schedule_expression_timezone"] == "Europe/Berlin"


@pytest.mark.parametrize(
    ("case", "minutes"),
    [("plain", 60), ("minutes", 15), ("days", 2880), ("cron", None), ("at", None)],
)
def test_schedule_interval_is_known_for_rates_only(
    case: str, minutes: int | None, planned: dict[str, PlannedModule]
) -> None:
    """A rate says how far two runs are apart; nothing is guessed of the other expressions."""
    assert planned[case].outputs.get("interval_minutes") == minutes


def test_schedule_input_arrives_as_written(planned: dict[str, PlannedModule]) -> None:
    """The target gets the caller's JSON, and Scheduler its attributes with their brackets."""
    [target] = schedule_of(planned["input"])["target"]
    [context] = schedule_of(planned["context"])["target"]

    assert json.loads(target["input"]) == {"cursor": "a<b", "dryRun": True}
    assert context["input"] == '{"time":"<aws.scheduler.scheduled-time>"}'


def test_schedule_function_made_in_the_same_plan_is_accepted(
    planned: dict[str, PlannedModule],
) -> None:
    """A function that does not exist yet is no obstacle."""
    assert schedule_of(planned["new-function"])["name"] == "jobs"


def test_schedule_long_names_are_shortened_and_stay_apart(
    planned: dict[str, PlannedModule],
) -> None:
    """Names over 64 characters are cut, and two that begin alike do not meet."""
    names = [
        [
            schedule_of(planned[case])["name"],
            schedule_of(planned[case])["group_name"],
            planned[case].resource("aws_iam_role.this")["name"],
        ]
        for case in ("long", "longer")
    ]

    assert {len(name) for both in names for name in both} == {64}
    assert not set(names[0]) & set(names[1])


def test_schedule_in_another_partition_names_it() -> None:
    """Nothing says `aws` where the region is the US government's."""
    machine = MACHINE.replace("arn:aws:", "arn:aws-us-gov:")
    call = {**PLAIN, "target": {"state_machine": {"arn": machine}}}

    planned = plan_variants("schedule", {"gov": call}, region="us-gov-west-1")

    role = planned["gov"].resource("aws_iam_role.this")
    assert "arn:aws-us-gov:scheduler:us-gov-west-1:" in role["assume_role_policy"]
    assert "arn:aws:" not in role["assume_role_policy"]
