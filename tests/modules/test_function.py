"""What the module `function` promises: exact grants, an owned log, failures kept."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.modules.function_calls import (
    ARN,
    BOUNDARY,
    CONTENT,
    FILE,
    KEY,
    PLAIN,
    QUEUE,
    QUEUE_KEY,
    S3,
    TABLE,
    VPC,
    alarmed,
    granted,
    sized,
)
from tests.modules.plan import Arguments, PlannedModule, plan_variants

EVERYTHING: Arguments = {
    **alarmed(interval_minutes=60, silence_hours=3),
    "description": "Does the jobs.",
    "tags": {"Team": "data"},
    "runtime": "python3.12",
    "environment": {"TABLE": "sessions"},
    "function": {
        "memory_mb": 512,
        "timeout_s": 60,
        "architecture": "x86_64",
        "ephemeral_storage_mb": 1024,
        "reserved_concurrency": 2,
        "tracing": True,
        "recursive_loop": "Allow",
        "vpc": VPC,
    },
    "logs": {"retention_days": 7, "level": "DEBUG", "system_level": "WARN"},
    "async": {"max_retries": 2, "max_event_age_s": 60},
    "failure_queue": {**QUEUE, "kms_key_arn": QUEUE_KEY},
    "kms_key_arn": KEY,
    "permissions_boundary_arn": BOUNDARY,
    "role_path": "/expiry/",
}
ACCEPTED: dict[str, Arguments] = {
    "plain": PLAIN,
    "everything": EVERYTHING,
    "hash": {**PLAIN, "artifact": {"path": str(FILE), "sha256": CONTENT.hexdigest().upper()}},
    "s3": {**PLAIN, "artifact": {"s3": S3}},
    "failures": {**PLAIN, "failure_queue": QUEUE},
    "replay": {**PLAIN, "dead_letter_queue": QUEUE},
    "no-loop-detection": sized(recursive_loop="Unset"),
    "new-queue": {**PLAIN, "failure_queue": "${aws_sqs_queue.new}"},
    "statements": granted(
        conditions=[
            {"test": "Null", "variable": "s3:if-match", "values": ["false"]},
            {"test": "StringLike", "variable": "s3:prefix", "values": ["a/", "b/"]},
            {"test": "StringLike", "variable": "aws:PrincipalArn", "values": ["arn:aws:iam::*"]},
        ]
    ),
    "any-resource": granted(
        actions=["cloudwatch:PutMetricData"],
        resources=["*"],
        any_resource_reason="PutMetricData names no resource.",
    ),
    "long": {**PLAIN, "name": "n" * 64},
    "longer": {**PLAIN, "name": "n" * 65},
    "longest": {**PLAIN, "name": "n" * 200},
}
SHARED = """
resource "aws_sqs_queue" "new" {}
"""


@pytest.fixture(scope="module")
def planned() -> dict[str, PlannedModule]:
    """Plan every accepted call, once."""
    return plan_variants("function", ACCEPTED, shared=SHARED)


def function_of(module: PlannedModule) -> dict[str, Any]:
    """Return the planned function."""
    return module.resource("aws_lambda_function.this")


def statements_of(module: PlannedModule, owner: str) -> dict[str, dict[str, Any]]:
    """Return by Sid what the role's policy holds for the `handler`, or for the `service` Lambda."""
    document = json.loads(module.resource("aws_iam_role_policy.this")["policy"])
    by_sid = {statement["Sid"]: statement for statement in document["Statement"]}
    assert len(by_sid) == len(document["Statement"]), "IAM refuses a policy with a Sid twice"
    if owner == "handler":
        return {sid: found for sid, found in by_sid.items() if not sid.startswith("Lambda")}
    return {
        sid.removeprefix("Lambda"): found
        for sid, found in by_sid.items()
        if sid.startswith("Lambda")
    }


def test_function_defaults_are_modest(planned: dict[str, PlannedModule]) -> None:
    """By default: arm64, no reserved concurrency, no version published, JSON logs, no tracing."""
    function = function_of(planned["plain"])

    expected = {
        "function_name": "jobs",
        "runtime": "python3.13",
        "architectures": ["arm64"],
        "memory_size": 256,
        "timeout": 300,
        "ephemeral_storage": [{"size": 512}],
        "reserved_concurrent_executions": -1,
        "publish": False,
        "tracing_config": [{"mode": "PassThrough"}],
        "environment": [],
        "vpc_config": [],
        "dead_letter_config": [],
        "logging_config": [
            {
                "application_log_level": "INFO",
                "log_format": "JSON",
                "log_group": "/aws/lambda/jobs",
                "system_log_level": "INFO",
            }
        ],
    }
    assert expected == {key: function[key] for key in expected}


def test_function_error_is_not_retried_and_recursion_ends(
    planned: dict[str, PlannedModule],
) -> None:
    """The next schedule is the retry: none by default; a loop through itself is cut off."""
    invoke = planned["plain"].resource("aws_lambda_function_event_invoke_config.this")
    recursion = planned["plain"].resource("aws_lambda_function_recursion_config.this[0]")

    assert (invoke["maximum_retry_attempts"], invoke["maximum_event_age_in_seconds"]) == (0, 3600)
    assert invoke["destination_config"] == []
    assert recursion["recursive_loop"] == "Terminate"
    unset = planned["no-loop-detection"]
    assert unset.of_type("aws_lambda_function_recursion_config") == {}


def test_function_log_group_is_owned_and_ends(planned: dict[str, PlannedModule]) -> None:
    """The log group is made here, keeps for 30 days, and is in the plan by its name."""
    group = planned["plain"].resource("aws_cloudwatch_log_group.this")

    assert (group["name"], group["retention_in_days"]) == ("/aws/lambda/jobs", 30)
    assert group["kms_key_id"] is None


def test_function_role_without_statements_only_writes_its_log(
    planned: dict[str, PlannedModule],
) -> None:
    """Nothing is granted that was not asked for, and the function may not make a log group."""
    assert statements_of(planned["plain"], "handler") == {}
    assert statements_of(planned["plain"], "service") == {
        "Logs": {
            "Sid": "LambdaLogs",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": [ARN.format("logs", "log-group:/aws/lambda/jobs:*")],
        }
    }


def test_function_role_is_trusted_for_lambda_of_this_account(
    planned: dict[str, PlannedModule],
) -> None:
    """Lambda alone takes the role; the account holds wherever Lambda names it."""
    role = planned["plain"].resource("aws_iam_role.this")
    [statement] = json.loads(role["assume_role_policy"])["Statement"]

    assert role["name"] == "jobs-eu-west-1"
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}
    assert statement["Condition"] == {"StringEqualsIfExists": {"aws:SourceAccount": "111122223333"}}


def test_function_statements_arrive_exactly(planned: dict[str, PlannedModule]) -> None:
    """The handler's policy holds the caller's statements, every condition included."""
    assert statements_of(planned["statements"], "handler") == {
        "Read": {
            "Sid": "Read",
            "Effect": "Allow",
            "Action": ["dynamodb:Scan"],
            "Resource": [TABLE],
            "Condition": {
                "Null": {"s3:if-match": ["false"]},
                "StringLike": {
                    "s3:prefix": ["a/", "b/"],
                    "aws:PrincipalArn": ["arn:aws:iam::*"],
                },
            },
        }
    }
    assert statements_of(planned["any-resource"], "handler")["Read"]["Resource"] == ["*"]


def test_function_service_grants_follow_what_is_switched_on(
    planned: dict[str, PlannedModule],
) -> None:
    """Queue, keys, traces and interfaces are granted where used, each on its own resource."""
    statements = statements_of(planned["everything"], "service")

    resources = {
        sid: statement["Resource"]
        for sid, statement in statements.items()
        if statement["Effect"] == "Allow"
    }
    assert resources == {
        "Logs": [ARN.format("logs", "log-group:/aws/lambda/jobs:*")],
        "FailureQueue": [QUEUE["arn"]],
        "FailureQueueKey": [QUEUE_KEY],
        "EnvironmentKey": [KEY],
        "Tracing": ["*"],
        "NetworkInterfaces": ["*"],
    }
    assert statements["EnvironmentKey"]["Condition"] == {
        "StringEquals": {
            "kms:EncryptionContext:aws:lambda:FunctionArn": [ARN.format("lambda", "function:jobs")]
        }
    }


def test_function_in_a_vpc_may_not_touch_interfaces_itself(
    planned: dict[str, PlannedModule],
) -> None:
    """What Lambda needs on every interface is denied to the handler's own calls."""
    statements = statements_of(planned["everything"], "service")
    denied = statements["NetworkInterfacesNotForTheHandler"]

    assert denied["Effect"] == "Deny"
    assert denied["Action"] == statements["NetworkInterfaces"]["Action"]
    assert denied["Condition"] == {
        "ArnEquals": {"lambda:SourceFunctionArn": [ARN.format("lambda", "function:jobs")]}
    }


def test_function_grants_output_is_what_the_role_grants(planned: dict[str, PlannedModule]) -> None:
    """The list for tests and the policy are one list, and each entry has its reason."""
    grants = planned["everything"].outputs["service_grants"]
    statements = statements_of(planned["everything"], "service")

    assert {grant["sid"]: (grant["actions"], grant["resources"]) for grant in grants} == {
        sid: (statement["Action"], statement["Resource"])
        for sid, statement in statements.items()
        if statement["Effect"] == "Allow"
    }
    assert all(grant["reason"] for grant in grants)


def test_function_every_field_reaches_lambda(planned: dict[str, PlannedModule]) -> None:
    """What the caller sets is what Lambda, Logs and IAM get."""
    module = planned["everything"]
    function = function_of(module)
    invoke = module.resource("aws_lambda_function_event_invoke_config.this")
    role = module.resource("aws_iam_role.this")
    group = module.resource("aws_cloudwatch_log_group.this")

    expected = {
        "description": "Does the jobs.",
        "runtime": "python3.12",
        "architectures": ["x86_64"],
        "memory_size": 512,
        "timeout": 60,
        "ephemeral_storage": [{"size": 1024}],
        "reserved_concurrent_executions": 2,
        "tracing_config": [{"mode": "Active"}],
        "environment": [{"variables": {"TABLE": "sessions"}}],
        "kms_key_arn": KEY,
        "tags": {"Team": "data"},
    }
    assert expected == {key: function[key] for key in expected}
    assert function["vpc_config"][0]["subnet_ids"] == ["subnet-1"]
    assert function["vpc_config"][0]["ipv6_allowed_for_dual_stack"] is True
    logging = function["logging_config"][0]
    assert (logging["application_log_level"], logging["system_log_level"]) == ("DEBUG", "WARN")
    assert (invoke["maximum_retry_attempts"], invoke["maximum_event_age_in_seconds"]) == (2, 60)
    assert (role["permissions_boundary"], role["path"]) == (BOUNDARY, "/expiry/")
    assert (group["retention_in_days"], group["kms_key_id"]) == (7, KEY)
    recursion = module.resource("aws_lambda_function_recursion_config.this[0]")
    assert recursion["recursive_loop"] == "Allow"


def test_function_artifact_of_a_path_is_known_by_its_content(
    planned: dict[str, PlannedModule],
) -> None:
    """A path's bytes decide whether Lambda gets new code; a fitting hash, in any case, passes."""
    content = base64.b64encode(CONTENT.digest()).decode()

    for case in ("plain", "hash"):
        function = function_of(planned[case])
        assert (function["filename"], function["source_code_hash"]) == (str(FILE), content)
        assert function["s3_bucket"] is None


def test_function_artifact_of_s3_is_passed_on(planned: dict[str, PlannedModule]) -> None:
    """An object is named by bucket, key and version, and by the caller's hash."""
    function = function_of(planned["s3"])

    expected = {
        "filename": None,
        "s3_bucket": "artifacts",
        "s3_key": "jobs.zip",
        "s3_object_version": "v7",
        "source_code_hash": "abc=",
    }
    assert expected == {key: function[key] for key in expected}


def test_function_failure_goes_to_one_queue_only(planned: dict[str, PlannedModule]) -> None:
    """The failure destination or the dead-letter queue is set, never both, and may be sent to."""
    failures, replay = planned["failures"], planned["replay"]
    address = "aws_lambda_function_event_invoke_config.this"

    [destination] = failures.resource(address)["destination_config"]
    assert destination["on_failure"] == [{"destination": QUEUE["arn"]}]
    assert function_of(failures)["dead_letter_config"] == []
    assert replay.resource(address)["destination_config"] == []
    assert function_of(replay)["dead_letter_config"] == [{"target_arn": QUEUE["arn"]}]
    for module in (failures, replay):
        grant = statements_of(module, "service")["FailureQueue"]
        assert (grant["Action"], grant["Resource"]) == (["sqs:SendMessage"], [QUEUE["arn"]])


def test_function_queue_made_in_the_same_plan_is_accepted(
    planned: dict[str, PlannedModule],
) -> None:
    """A queue that does not exist yet is no obstacle."""
    invoke = planned["new-queue"].resource("aws_lambda_function_event_invoke_config.this")

    assert len(invoke["destination_config"]) == 1


def test_function_names_over_64_characters_are_shortened(
    planned: dict[str, PlannedModule],
) -> None:
    """Function and role fit AWS's 64 characters, and stay apart where they began alike."""
    names = {case: function_of(planned[case])["function_name"] for case in ("longer", "longest")}
    roles = {
        planned[case].resource("aws_iam_role.this")["name"]
        for case in ("long", "longer", "longest")
    }

    assert function_of(planned["long"])["function_name"] == "n" * 64
    assert {len(name) for name in names.values()} == {64}
    assert len(set(names.values())) == 2
    assert {len(role) for role in roles} == {64}
    assert len(roles) == 3


def test_function_invoke_command_waits_and_starts_one_run(
    planned: dict[str, PlannedModule],
) -> None:
    """The command waits longer than the function may take: the CLI would invoke it again."""
    assert planned["everything"].outputs["invoke_command"] == (
        "aws lambda invoke --function-name jobs --region eu-west-1 --cli-read-timeout 70 "
        "--cli-binary-format raw-in-base64-out --payload '{}' response.json"
    )


def test_function_output_names_what_is_known_at_plan(planned: dict[str, PlannedModule]) -> None:
    """The function is given as one object, and the failure queue as it came in."""
    outputs = planned["failures"].outputs

    assert outputs["function"] == {
        "name": "jobs",
        "role_name": "jobs-eu-west-1",
        "log_group_name": "/aws/lambda/jobs",
        "timeout_s": 300,
    }
    assert outputs["failure_queue"] == {**QUEUE, "kms_key_arn": None}


def test_function_identity_is_what_will_be_made(planned: dict[str, PlannedModule]) -> None:
    """Alarms and policies that must not wait for the function name it as it will be called."""
    for case in ("everything", "longest"):
        module = planned[case]
        role = module.resource("aws_iam_role.this")
        identity = module.outputs["identity"]

        name = function_of(module)["function_name"]
        assert identity["function_name"] == name
        assert identity["function_arn"].endswith(f":function:{name}")
        assert identity["role_arn"].endswith(f":role{role['path']}{role['name']}")


def test_function_with_statements_known_only_after_apply_can_be_planned() -> None:
    """A caller whose grants depend on a key of the same apply can plan: nothing counts them."""
    grant = '[{sid = "Read", actions = ["kms:Decrypt"], resources = [aws_kms_key.new.arn]}]'
    call = {**PLAIN, "statements": f"${{aws_kms_key.new.arn == null ? [] : {grant}}}"}

    planned = plan_variants("function", {"new-key": call}, shared='resource "aws_kms_key" "new" {}')

    assert planned["new-key"].unknown["aws_iam_role_policy.this"]["policy"] is True


def test_function_in_another_partition_names_it() -> None:
    """Nothing says `aws` where the region is China's."""
    call = {**PLAIN, "function": {"vpc": VPC}, "alarms": {"enabled": False}}

    planned = plan_variants("function", {"china": call}, region="cn-north-1")

    policy = planned["china"].resource("aws_iam_role_policy.this")["policy"]
    assert "arn:aws-cn:logs:cn-north-1:" in policy
    assert "arn:aws:" not in policy
