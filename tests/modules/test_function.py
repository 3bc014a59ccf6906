"""What the module `function` promises: exact grants, an owned log, failures kept and noticed."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from tests.modules.plan import Arguments, PlannedModule, plan_variants, refusals
from tools.terraform import ROOT

ARN = "arn:aws:{}:eu-west-1:111122223333:{}"
TOPIC = ARN.format("sns", "operators")
QUEUE = {"name": "q", "arn": ARN.format("sqs", "q"), "url": "https://sqs/q"}
KEY = ARN.format("kms", "key/0d0c6d2c-6ae5-4c2a-9f0e-0f6a3f6c9e11")
QUEUE_KEY = ARN.format("kms", "key/5a1f4a0e-7d7e-4bb1-8a53-6d0a1d9bb0f4")
TABLE = ARN.format("dynamodb", "table/sessions")
BOUNDARY = "arn:aws:iam::111122223333:policy/boundary"
# Any file will do: a plan reads its bytes and no more.
FILE = ROOT / "modules" / "function" / "main.tf"
CONTENT = hashlib.sha256(FILE.read_bytes())
MISSING = str(ROOT / "artifacts" / "no-such.zip")
S3 = {"bucket": "artifacts", "key": "jobs.zip", "version": "v7", "sha256_base64": "abc="}
STATEMENT: Arguments = {"sid": "Read", "actions": ["dynamodb:Scan"], "resources": [TABLE]}
PLAIN: Arguments = {
    "name": "jobs",
    "artifact": {"path": str(FILE)},
    "handler": "jobs.handler.handler",
    "alarms": {"topic_arns": [TOPIC]},
}


def alarmed(**alarms: object) -> Arguments:
    """Return a call with these alarms."""
    return {**PLAIN, "alarms": {"topic_arns": [TOPIC], **alarms}}


def granted(**changes: object) -> Arguments:
    """Return a call with one statement that has these changes."""
    return {**PLAIN, "statements": [{**STATEMENT, **changes}]}


def sized(**function: object) -> Arguments:
    """Return a call with these settings of the function itself."""
    return {**PLAIN, "function": function}


VPC = {"subnet_ids": ["subnet-1"], "security_group_ids": ["sg-1"], "ipv6": True}
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
RUNS = {"namespace": "App", "name": "RunsCompleted", "dimensions": {"TableName": "sessions"}}
ACCEPTED: dict[str, Arguments] = {
    "plain": PLAIN,
    "everything": EVERYTHING,
    "hash": {**PLAIN, "artifact": {"path": str(FILE), "sha256": CONTENT.hexdigest().upper()}},
    "s3": {**PLAIN, "artifact": {"s3": S3}},
    "failures": {**PLAIN, "failure_queue": QUEUE},
    "replay": {**PLAIN, "dead_letter_queue": QUEUE},
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
    "unheard": {**PLAIN, "alarms": {}},
    "quiet": alarmed(enabled=False),
    "zeros": alarmed(error_count=0, error_rate_percent=0, throttle_count=0, duration_percent=0),
    "hourly": alarmed(interval_minutes=60),
    "daily": alarmed(interval_minutes=1440),
    "often": alarmed(interval_minutes=15),
    "each-minute": alarmed(interval_minutes=1),
    "silence": alarmed(interval_minutes=60, silence_hours=3, silence_metric=RUNS),
    "long": {**PLAIN, "name": "n" * 64},
    "longer": {**PLAIN, "name": "n" * 65},
    "longest": {**PLAIN, "name": "n" * 200},
}
SHARED = """
resource "aws_sqs_queue" "new" {}
"""

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
    "recursion": (sized(recursive_loop="Maybe"), "Terminate or Allow"),
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
def planned() -> dict[str, PlannedModule]:
    """Plan every accepted call, once."""
    return plan_variants("function", ACCEPTED, shared=SHARED)


@pytest.fixture(scope="module")
def refused() -> dict[str, str]:
    """Collect the reasons of every refused call, once."""
    return refusals("function", {name: arguments for name, (arguments, _) in REFUSED.items()})


def function_of(module: PlannedModule) -> dict[str, Any]:
    """Return the planned function."""
    return module.resource("aws_lambda_function.this")


def statements_of(module: PlannedModule, policy: str) -> dict[str, dict[str, Any]]:
    """Return the statements of one of the role's two policies by Sid."""
    address = {"service": "service", "handler": "handler[0]"}[policy]
    document = json.loads(module.resource(f"aws_iam_role_policy.{address}")["policy"])
    return {statement["Sid"]: statement for statement in document["Statement"]}


def alarms_of(module: PlannedModule) -> dict[str, dict[str, Any]]:
    """Return the planned alarms by the end of their names."""
    alarms = module.of_type("aws_cloudwatch_metric_alarm").values()
    return {alarm["alarm_name"].removeprefix("jobs-"): alarm for alarm in alarms}


@pytest.mark.parametrize("case", REFUSED)
def test_function_wrong_argument_is_refused_with_a_remedy(
    case: str, refused: dict[str, str]
) -> None:
    """Each mistake fails the plan, and the message names what to change."""
    assert REFUSED[case][1] in " ".join(refused[case].split())


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
    recursion = planned["plain"].resource("aws_lambda_function_recursion_config.this")

    assert (invoke["maximum_retry_attempts"], invoke["maximum_event_age_in_seconds"]) == (0, 3600)
    assert invoke["destination_config"] == []
    assert recursion["recursive_loop"] == "Terminate"


def test_function_log_group_is_owned_and_ends(planned: dict[str, PlannedModule]) -> None:
    """The log group is made here, keeps for 30 days, and is in the plan by its name."""
    group = planned["plain"].resource("aws_cloudwatch_log_group.this")

    assert (group["name"], group["retention_in_days"]) == ("/aws/lambda/jobs", 30)
    assert group["kms_key_id"] is None


def test_function_role_without_statements_only_writes_its_log(
    planned: dict[str, PlannedModule],
) -> None:
    """Nothing is granted that was not asked for, and the function may not make a log group."""
    assert "aws_iam_role_policy.handler[0]" not in planned["plain"].resources
    assert statements_of(planned["plain"], "service") == {
        "Logs": {
            "Sid": "Logs",
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
    recursion = module.resource("aws_lambda_function_recursion_config.this")
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


def test_function_alarms_by_default_on_what_fails(planned: dict[str, PlannedModule]) -> None:
    """Errors, their rate, throttles and duration alarm by default; silence needs its hours."""
    alarms = alarms_of(planned["plain"])

    facts = {
        key: (alarm["metric_name"], alarm["statistic"], alarm["threshold"], alarm["period"])
        for key, alarm in alarms.items()
    }
    assert facts == {
        "errors": ("Errors", "Sum", 1, 300),
        "error-rate": (None, None, 5, None),
        "throttles": ("Throttles", "Sum", 1, 300),
        "duration": ("Duration", "Maximum", 240_000, 300),
    }
    for alarm in alarms.values():
        assert alarm["alarm_actions"] == [TOPIC]
        assert alarm["treat_missing_data"] == "notBreaching"
    for key in ("errors", "throttles", "duration"):
        assert alarms[key]["dimensions"] == {"FunctionName": "jobs"}


@pytest.mark.parametrize(
    ("case", "period", "minimum"),
    [
        ("plain", 300, 10),
        ("each-minute", 3600, 10),
        ("often", 3600, 4),
        ("hourly", 86400, 1),
        ("daily", 86400, 1),
    ],
)
def test_function_error_rate_follows_the_interval(
    case: str, period: int, minimum: int, planned: dict[str, PlannedModule]
) -> None:
    """The rate is judged over a period that holds the runs it asks for."""
    alarm = alarms_of(planned[case])["error-rate"]
    queries = {query["id"]: query for query in alarm["metric_query"]}

    assert f">= {minimum}," in queries["percent"]["expression"]
    assert queries["numerator"]["metric"][0]["metric_name"] == "Errors"
    [runs] = queries["denominator"]["metric"]
    assert (runs["metric_name"], runs["period"]) == ("Invocations", period)
    assert alarm["comparison_operator"] == "GreaterThanThreshold"


@pytest.mark.parametrize(
    ("case", "metric", "dimensions"),
    [
        ("everything", "Invocations", {"FunctionName": "jobs"}),
        ("silence", "RunsCompleted", {"TableName": "sessions"}),
    ],
)
def test_function_silence_alarms_when_no_data_comes(
    case: str, metric: str, dimensions: dict[str, str], planned: dict[str, PlannedModule]
) -> None:
    """No run in three hours alarms, because missing data is what silence looks like."""
    alarm = alarms_of(planned[case])["silence"]

    expected = {
        "metric_name": metric,
        "dimensions": dimensions,
        "statistic": "Sum",
        "comparison_operator": "LessThanThreshold",
        "threshold": 1,
        "period": 3600,
        "evaluation_periods": 3,
        "treat_missing_data": "breaching",
    }
    assert expected == {key: alarm[key] for key in expected}


def test_function_zero_threshold_switches_its_alarm_off(planned: dict[str, PlannedModule]) -> None:
    """Thresholds of 0 leave no alarm; `enabled = false` neither, and both warn of nothing."""
    for case in ("zeros", "quiet"):
        assert alarms_of(planned[case]) == {}
        assert planned[case].warnings == ()


def test_function_alarms_with_nobody_to_tell_warn(planned: dict[str, PlannedModule]) -> None:
    """The plan warns once where alarms are on and no topic is given."""
    assert len(planned["unheard"].warnings) == 1
    assert "Nobody is told when the alarms of jobs" in planned["unheard"].warnings[0]
    assert planned["plain"].warnings == ()


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


def test_function_in_another_partition_names_it() -> None:
    """Nothing says `aws` where the region is China's."""
    call = {**PLAIN, "function": {"vpc": VPC}, "alarms": {"enabled": False}}

    planned = plan_variants("function", {"china": call}, region="cn-north-1")

    policy = planned["china"].resource("aws_iam_role_policy.service")["policy"]
    assert "arn:aws-cn:logs:cn-north-1:" in policy
    assert "arn:aws:" not in policy
