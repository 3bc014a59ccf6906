"""What the module `job-claims` promises: a role for each function, and no more than it uses."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from typing import Any

import pytest

from job_claims import answers, handler, request
from job_claims.endings import Claim, Claimed, Ending, Owned, Owner
from job_claims.queues import QueueTemplate
from job_claims.settings import (
    Attributes,
    ClaimSettings,
    MetricSettings,
    RateLimit,
    RecordSettings,
    TimeoutSettings,
)
from tests.modules.job_claims_calls import (
    ACCEPTED,
    ATTACHMENTS,
    ATTRIBUTES,
    BOUNDARY,
    KEY,
    MACHINE,
    QUEUES_KEY,
    WORK_KEY,
    WORK_QUEUE,
)
from tests.modules.plan import PlannedModule, plan_variants
from tools.terraform import ROOT

DAY_S = 86_400
DECLARED = json.loads((ROOT / "lambda_src" / "job_claims" / "metrics.json").read_text())
REQUESTS: dict[str, Any] = {
    "check_active_job": request.CheckRequest,
    "claim_job": request.ClaimRequest,
    "refresh_claim": request.OwnerRequest,
    "release_claim": request.OwnerRequest,
    "record_interruption": request.InterruptionRequest,
    "send_interrupt": request.InterruptRequest,
    "handle_timeout": request.TimeoutRequest,
}
ON_CLAIMS = ("check_active_job", "claim_job", "refresh_claim", "release_claim")
INVOKED = sorted(REQUESTS.keys() - {"refresh_claim"})
ARN = "arn:aws:{}:eu-west-1:111122223333:{}"
JOBS = ARN.format("dynamodb", "table/agents-active-jobs")
RECORDS = ARN.format("dynamodb", "table/agents-interruptions")
LETTERS = ARN.format("sqs", "agents-dead-letters")
Grants = dict[str, tuple[list[str], list[str]]]
LEAST: dict[str, Grants] = {
    "check_active_job": {"ReadClaims": (["dynamodb:GetItem"], [JOBS])},
    "claim_job": {"WriteClaims": (["dynamodb:UpdateItem"], [JOBS])},
    "refresh_claim": {"WriteClaims": (["dynamodb:UpdateItem"], [JOBS])},
    "release_claim": {"WriteClaims": (["dynamodb:UpdateItem"], [JOBS])},
    "record_interruption": {"Record": (["dynamodb:PutItem"], [RECORDS])},
    "send_interrupt": {
        "SendInterrupts": (
            ["sqs:GetQueueUrl", "sqs:SendMessage"],
            [ARN.format("sqs", "agents-interrupts-*-*")],
        )
    },
    "handle_timeout": {
        "ReadClaims": (["dynamodb:GetItem"], [JOBS]),
        "WriteClaims": (["dynamodb:UpdateItem"], [JOBS]),
        "Record": (["dynamodb:PutItem"], [RECORDS]),
        "TellDeadLetters": (["sqs:SendMessage"], [LETTERS]),
    },
}


@pytest.fixture(scope="module")
def planned() -> dict[str, PlannedModule]:
    """Plan every accepted call, once."""
    unused = {"largest", "no-grace", "odd-grace"}  # those of the states
    return plan_variants("job-claims", {k: v for k, v in ACCEPTED.items() if k not in unused})


def of(name: str, resource: str) -> str:
    """Return the address of a function's resource."""
    return f'module.functions["{name}"].{resource}.this'


def function_of(module: PlannedModule, name: str) -> dict[str, Any]:
    """Return a planned function."""
    return module.resource(of(name, "aws_lambda_function"))


def variables_of(module: PlannedModule, name: str) -> dict[str, str]:
    """Return a function's environment."""
    variables: dict[str, str] = function_of(module, name)["environment"][0]["variables"]
    return variables


def grants_of(module: PlannedModule, name: str) -> Grants:
    """Return what a handler may call, by Sid: actions, resources."""
    policy = json.loads(module.resource(of(name, "aws_iam_role_policy"))["policy"])
    return {
        entry["Sid"]: (entry["Action"], entry["Resource"])
        for entry in policy["Statement"]
        if not entry["Sid"].startswith("Lambda")
    }


def machine_grants(module: PlannedModule) -> dict[str, tuple[Any, Any]]:
    """Return what the state machine may call, by Sid: actions, resources."""
    policy = json.loads(module.resource("aws_iam_role_policy.machine[0]")["policy"])
    return {entry["Sid"]: (entry["Action"], entry["Resource"]) for entry in policy["Statement"]}


def functions(*names: str) -> list[str]:
    """Return the ARNs of functions."""
    return [ARN.format("lambda", f"function:agents-{name.replace('_', '-')}") for name in names]


@pytest.mark.parametrize("name", REQUESTS)
def test_job_claims_functions_are_the_handlers(
    name: str, planned: dict[str, PlannedModule]
) -> None:
    """Each handler has a function of its own: the committed zip, 15 s and 128 MB."""
    function = function_of(planned["plain"], name)

    zipped = (ROOT / "artifacts" / "job_claims.zip").read_bytes()
    assert function["filename"].endswith("artifacts/job_claims.zip")
    assert hashlib.sha256(zipped).hexdigest() in (ROOT / "artifacts" / "SHA256SUMS").read_text()
    assert function["handler"] == f"job_claims.handler.{name}"
    assert callable(getattr(handler, name))
    assert function["function_name"] == f"agents-{name.replace('_', '-')}"
    assert (function["memory_size"], function["timeout"]) == (128, 15)
    assert (function["runtime"], function["architectures"]) == ("python3.13", ["arm64"])


@pytest.mark.parametrize("name", ON_CLAIMS)
def test_job_claims_defaults_are_the_handlers_own(
    name: str, planned: dict[str, PlannedModule]
) -> None:
    """With nothing but the table set, a handler works as this module sets it: one hour's lease."""
    parsed = ClaimSettings.from_env(variables_of(planned["plain"], name))

    assert parsed == ClaimSettings.from_env({"ACTIVE_JOBS_TABLE": "agents-active-jobs"})
    assert (parsed.lease_s, parsed.clock_skew_s, parsed.fence_retention_s) == (3_600, 30, 7 * DAY_S)
    assert (parsed.rate, parsed.attributes) == (RateLimit(0, 60), Attributes())


def test_job_claims_defaults_of_the_rest_are_the_handlers_own(
    planned: dict[str, PlannedModule],
) -> None:
    """Records stay 30 days; interrupts go to a queue for each project and user."""
    module = planned["plain"]
    recording = variables_of(module, "record_interruption")

    assert RecordSettings.from_env(recording) == RecordSettings.from_env(
        {"INTERRUPTIONS_TABLE": "agents-interruptions"}
    )
    assert variables_of(module, "send_interrupt")["QUEUE_TEMPLATE"] == (
        "agents-interrupts-{projectId}-{userId}"
    )
    assert module.outputs["interrupt_queue_template"] == "agents-interrupts-{projectId}-{userId}"
    assert TimeoutSettings.from_env(variables_of(module, "handle_timeout")).claims == (
        ClaimSettings.from_env(variables_of(module, "claim_job"))
    )


@pytest.mark.parametrize("name", REQUESTS)
def test_job_claims_function_is_told_only_what_it_reads(
    name: str, planned: dict[str, PlannedModule]
) -> None:
    """A function that sends interrupts knows no table; all share one dimension of the metrics."""
    variables = variables_of(planned["plain"], name)
    common = {"DEPLOYMENT", "METRICS_NAMESPACE"}
    claims = {
        "ACTIVE_JOBS_TABLE",
        "ATTRIBUTES",
        "CLOCK_SKEW_SECONDS",
        "FENCE_RETENTION_DAYS",
        "LEASE_SECONDS",
        "RATE_LIMIT_CLAIMS",
        "RATE_LIMIT_WINDOW_SECONDS",
    }
    records = {"INTERRUPTIONS_TABLE", "INTERRUPTION_RETENTION_DAYS"}
    told = {
        **dict.fromkeys(ON_CLAIMS, claims),
        "record_interruption": records,
        "send_interrupt": {"QUEUE_TEMPLATE"},
        "handle_timeout": claims | records | {"DEAD_LETTER_QUEUE_URL"},
    }

    assert variables.keys() == common | told[name]
    assert MetricSettings.from_env(variables, "f") == MetricSettings("agents", "Expiry/JobClaims")


def test_job_claims_everything_reaches_the_handlers(planned: dict[str, PlannedModule]) -> None:
    """What the caller sets is what the handlers read."""
    module = planned["everything"]
    settings = TimeoutSettings.from_env(variables_of(module, "handle_timeout"))

    assert settings.claims == ClaimSettings(
        table="agents-active-jobs",
        attributes=Attributes(*ATTRIBUTES.values()),
        lease_s=7_200,
        clock_skew_s=10,
        fence_retention_s=14 * DAY_S,
        rate=RateLimit(5, 30),
    )
    assert settings.records == RecordSettings("agents-interruptions", 90 * DAY_S)
    assert QueueTemplate.from_env(variables_of(module, "send_interrupt")).text == "stop-{userId}"
    for name in REQUESTS:
        told = MetricSettings.from_env(variables_of(module, name), "f")
        assert told == MetricSettings("agents", "Mine/Claims")


def test_job_claims_everything_reaches_its_parts(planned: dict[str, PlannedModule]) -> None:
    """Size, key, boundary, path and retention are those of every function, group and role."""
    module = planned["everything"]
    made = [function_of(module, name) for name in REQUESTS]
    groups = module.of_type("aws_cloudwatch_log_group").values()
    roles = module.of_type("aws_iam_role").values()
    tables = module.of_type("aws_dynamodb_table").values()

    assert {(each["memory_size"], each["timeout"], *each["architectures"]) for each in made} == {
        (256, 20, "x86_64")
    }
    assert {each["kms_key_arn"] for each in made} == {KEY}
    assert {(group["retention_in_days"], group["kms_key_id"]) for group in groups} == {(7, KEY)}
    assert {(role["permissions_boundary"], role["path"]) for role in roles} == {
        (BOUNDARY, "/agents/")
    }
    assert {table["server_side_encryption"][0]["kms_key_arn"] for table in tables} == {KEY}
    assert (len(groups), len(roles), len(tables)) == (8, 8, 2)
    assert module.resource("module.dead_letters.aws_sqs_queue.this")["kms_master_key_id"] == KEY
    machine = module.resource("aws_sfn_state_machine.this[0]")
    assert machine["encryption_configuration"][0]["kms_key_id"] == KEY
    assert machine["tracing_configuration"] == [{"enabled": True}]
    (logging,) = machine["logging_configuration"]
    assert (logging["level"], logging["include_execution_data"]) == ("ALL", True)


def test_job_claims_tables_keep_what_they_must(planned: dict[str, PlannedModule]) -> None:
    """A claim's row is kept by `ttl`, not by the end of its lease; both tables are protected."""
    jobs = planned["plain"].resource("module.active_jobs.aws_dynamodb_table.this")
    records = planned["plain"].resource("module.interruptions.aws_dynamodb_table.this")
    renamed = planned["everything"].resource("module.active_jobs.aws_dynamodb_table.this")

    assert (jobs["hash_key"], jobs["ttl"][0]["attribute_name"]) == ("projectUserId", "ttl")
    assert (records["hash_key"], records["ttl"][0]["attribute_name"]) == ("messageId", "ttl")
    assert (renamed["hash_key"], renamed["ttl"][0]["attribute_name"]) == ("pk", "purge_at")
    for table in (jobs, records):
        assert table["deletion_protection_enabled"]
        assert table["point_in_time_recovery"][0]["enabled"]
        assert table["ttl"][0]["enabled"]
        assert not table["replica"]
    assert not renamed["deletion_protection_enabled"]


@pytest.mark.parametrize("name", REQUESTS)
def test_job_claims_role_holds_its_own_calls_only(
    name: str, planned: dict[str, PlannedModule]
) -> None:
    """Each function has a role of its own, with exactly what its handler calls."""
    module = planned["plain"]

    assert grants_of(module, name) == LEAST[name]
    assert module.resource(of(name, "aws_iam_role"))["name"] == (
        f"agents-{name.replace('_', '-')}-eu-west-1"
    )


def test_job_claims_keys_are_granted_where_they_are_used(
    planned: dict[str, PlannedModule],
) -> None:
    """Tables are decrypted, queues encrypted: each with its own key, and by no other function."""
    module = planned["everything"]
    added = {name: grants_of(module, name) for name in REQUESTS}
    read, write = ["kms:Decrypt"], ["kms:Decrypt", "kms:GenerateDataKey"]

    for name in (*ON_CLAIMS, "record_interruption"):
        assert added[name]["UseKey"] == (read, [KEY])
    assert added["handle_timeout"]["UseKey"] == (write, [KEY])
    assert added["send_interrupt"] == {
        "SendInterrupts": (
            ["sqs:GetQueueUrl", "sqs:SendMessage"],
            [ARN.format("sqs", "stop-*")],
        ),
        "EncryptInterrupts": (write, [QUEUES_KEY]),
    }


# The state machine


def test_job_claims_functions_stand_alone(planned: dict[str, PlannedModule]) -> None:
    """Without a state machine none of it is made, and nothing of it is asked for."""
    plain, machine = planned["plain"], planned["machine"]

    more = machine.resources.keys() - plain.resources.keys()
    assert {address for address in more if "alarms" not in address} == {
        "aws_cloudwatch_log_group.machine[0]",
        "aws_iam_role.machine[0]",
        "aws_iam_role_policy.machine[0]",
        "aws_sfn_state_machine.this[0]",
    }
    assert plain.outputs["state_machine"] is None
    assert plain.outputs["state_machine_statements"] == []


def test_job_claims_machine_is_standard_and_logs_no_data(
    planned: dict[str, PlannedModule],
) -> None:
    """A job may take an hour: no express workflow. Errors are logged, without data."""
    machine = planned["machine"].resource("aws_sfn_state_machine.this[0]")

    assert (machine["name"], machine["type"]) == ("agents", "STANDARD")
    (logging,) = machine["logging_configuration"]
    assert (logging["level"], logging["include_execution_data"]) == ("ERROR", False)
    group = planned["machine"].resource("aws_cloudwatch_log_group.machine[0]")
    assert (group["name"], group["retention_in_days"]) == ("/aws/vendedlogs/states/agents", 30)


def test_job_claims_machine_role_holds_what_its_states_call(
    planned: dict[str, PlannedModule],
) -> None:
    """It may invoke what the definition names and send to its two queues; only logs know no ARN."""
    grants = machine_grants(planned["machine"])

    assert grants["InvokeFunctions"] == ("lambda:InvokeFunction", functions(*INVOKED))
    assert grants["SendWorkAndDeadLetters"] == ("sqs:SendMessage", [LETTERS, WORK_QUEUE["arn"]])
    assert {sid for sid, (_, resource) in grants.items() if resource == "*"} == {"DeliverLogs"}
    assert grants.keys() == {"InvokeFunctions", "SendWorkAndDeadLetters", "DeliverLogs"}


@pytest.mark.parametrize("case", ["machine", "attachments", "everything"])
def test_job_claims_machine_invokes_what_it_may(
    case: str, planned: dict[str, PlannedModule]
) -> None:
    """The functions that the states name are those that the role grants, no more and no less."""
    written = planned[case].resource("aws_sfn_state_machine.this[0]")["definition"]
    named = re.findall(r'"FunctionName":"([^"]+)"', written)

    assert machine_grants(planned[case])["InvokeFunctions"][1] == sorted(set(named))
    assert (ATTACHMENTS in "".join(named)) == (case != "machine")
    assert (functions("refresh_claim")[0] in named) == (case != "machine")


def test_job_claims_machine_uses_keys_and_traces_where_asked(
    planned: dict[str, PlannedModule],
) -> None:
    """Keys of the work queue and of the rest are granted, and traces, only where there are any."""
    grants = machine_grants(planned["everything"])

    assert grants["EncryptMessages"] == (
        ["kms:Decrypt", "kms:GenerateDataKey"],
        sorted([KEY, WORK_KEY]),
    )
    assert grants["Trace"][1] == "*"
    assert machine_grants(planned["queue-of-a-key"])["EncryptMessages"][1] == [QUEUES_KEY]


def test_job_claims_machine_role_is_assumed_by_this_machine_only(
    planned: dict[str, PlannedModule],
) -> None:
    """Step Functions may assume it for this state machine of this account, and for no other."""
    trust = json.loads(planned["machine"].resource("aws_iam_role.machine[0]")["assume_role_policy"])
    (statement,) = trust["Statement"]

    assert statement["Principal"] == {"Service": "states.amazonaws.com"}
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "111122223333"},
        "ArnEquals": {"aws:SourceArn": ARN.format("states", "stateMachine:agents")},
    }


def test_job_claims_work_may_go_to_a_queue_of_each_key(planned: dict[str, PlannedModule]) -> None:
    """The queue's URL is put together from the job; the role reaches queues of that form only."""
    module = planned["queue-of-a-key"]
    definition = json.loads(module.resource("aws_sfn_state_machine.this[0]")["definition"])

    assert definition["States"]["SendToContainer"]["Arguments"]["QueueUrl"] == (
        "{% 'https://sqs.eu-west-1.amazonaws.com/111122223333/agents-work-'"
        " & $substringBefore($projectUserId, '#') & '-' & $substringAfter($projectUserId, '#')"
        " & '' %}"
    )
    assert machine_grants(module)["SendWorkAndDeadLetters"][1] == [
        LETTERS,
        ARN.format("sqs", "agents-work-*-*"),
    ]
    assert module.outputs["work_queue_template"] == "agents-work-{projectId}-{userId}"
    of_a_container = planned["queue-of-a-container"]
    assert "/work-' & $claim.containerId & ''" in str(
        of_a_container.resource("aws_sfn_state_machine.this[0]")["definition"]
    ).replace("\\u0026", "&")
    assert of_a_container.outputs["interrupt_queue_template"] == "stop-{containerId}.fifo"


# What it tells


def alarms_of(module: PlannedModule) -> dict[str, dict[str, Any]]:
    """Return every planned alarm by its name, without the instance's."""
    return {
        alarm["alarm_name"].replace("agents-", "", 1): alarm
        for alarm in module.of_type("aws_cloudwatch_metric_alarm").values()
    }


def test_job_claims_alarms_watch_what_is_emitted(planned: dict[str, PlannedModule]) -> None:
    """Each alarm on a metric of ours names one that is emitted, with its dimension and unit."""
    alarms = alarms_of(planned["everything"])
    own = {key: alarm for key, alarm in alarms.items() if alarm["namespace"] == "Mine/Claims"}

    assert {key: alarm["metric_name"] for key, alarm in own.items()} == {
        "timeouts": "Timeouts",
        "rate-limited": "ClaimsRateLimited",
    }
    for alarm in own.values():
        assert list(alarm["dimensions"]) == DECLARED["dimensions"]
        assert alarm["dimensions"] == {"JobClaims": "agents"}
        assert alarm["unit"] == DECLARED["metrics"][alarm["metric_name"]]["unit"]


def test_job_claims_alarms_are_all_there(planned: dict[str, PlannedModule]) -> None:
    """Jobs, executions, waiting work, dead letters, both tables, and each function's health."""
    machine, plain = alarms_of(planned["machine"]), alarms_of(planned["everything"])
    health = {
        f"{name.replace('_', '-')}-{key}"
        for name in REQUESTS
        for key in ("errors", "error-rate", "throttles", "duration")
    }
    tables = {
        f"table-{table}-{key}"
        for table in ("active-jobs", "interruptions")
        for key in ("read-throttles", "write-throttles", "system-errors")
    }
    own = {"timeouts", "executions-failed", "executions-timed-out", "oldest-waiting-token"}

    assert machine.keys() == (
        own | health | tables | {"dead-letters-messages", "dead-letters-oldest-message"}
    )
    assert plain.keys() == machine.keys() | {"rate-limited"}


def test_job_claims_thresholds_are_the_documented_ones(planned: dict[str, PlannedModule]) -> None:
    """One timeout, one failure in an hour; work that waits three quarters of its heartbeat."""
    alarms, changed = alarms_of(planned["machine"]), alarms_of(planned["everything"])
    told = {
        key: (alarm["metric_name"], alarm["statistic"], alarm["period"], alarm["threshold"])
        for key, alarm in alarms.items()
        if key in {"timeouts", "executions-failed", "executions-timed-out", "oldest-waiting-token"}
    }

    assert told == {
        "timeouts": ("Timeouts", "Sum", 3_600, 1),
        "executions-failed": ("ExecutionsFailed", "Sum", 3_600, 1),
        "executions-timed-out": ("ExecutionsTimedOut", "Sum", 3_600, 1),
        "oldest-waiting-token": ("ApproximateAgeOfOldestMessage", "Maximum", 60, 45),
    }
    assert alarms["executions-failed"]["dimensions"] == {
        "StateMachineArn": ARN.format("states", "stateMachine:agents")
    }
    assert alarms["oldest-waiting-token"]["dimensions"] == {"QueueName": "work"}
    assert [
        changed[key]["threshold"]
        for key in ("timeouts", "rate-limited", "executions-failed", "executions-timed-out")
    ] == [2, 3, 4, 5]
    assert changed["oldest-waiting-token"]["threshold"] == 100
    assert changed["claim-job-error-rate"]["threshold"] == 20
    assert changed["claim-job-duration"]["threshold"] == 10_000


def test_job_claims_alarms_can_be_switched_off(planned: dict[str, PlannedModule]) -> None:
    """A threshold of 0 removes its alarm and no other."""
    left = alarms_of(planned["thresholds-off"]).keys()
    every = alarms_of(planned["machine"]).keys()

    own = {"timeouts", "executions-failed", "executions-timed-out", "oldest-waiting-token"}
    assert left == {key for key in every - own if not key.endswith(("-error-rate", "-duration"))}
    assert alarms_of(planned["silent"]) == {}


def test_job_claims_nobody_to_tell_is_warned_of(planned: dict[str, PlannedModule]) -> None:
    """Alarms without a topic are allowed, and said aloud."""
    assert any("Nobody is told" in warning for warning in planned["machine"].warnings)
    assert not any("Nobody is told" in warning for warning in planned["everything"].warnings)


def test_job_claims_dashboard_draws_what_is_emitted(planned: dict[str, PlannedModule]) -> None:
    """Every metric of ours is drawn; what belongs to a state machine only where there is one."""

    def drawn(case: str) -> set[tuple[str, str]]:
        board = planned[case].resource("aws_cloudwatch_dashboard.this")["dashboard_body"]
        return {
            (metric[0], metric[1])
            for widget in json.loads(board)["widgets"]
            for metric in widget["properties"].get("metrics", [])
        }

    own = {("Expiry/JobClaims", metric) for metric in DECLARED["metrics"]}
    assert own | {("AWS/Lambda", "Errors"), ("AWS/Lambda", "Duration")} == drawn("plain")
    assert {namespace for namespace, _ in drawn("silent") - drawn("plain")} == {
        "AWS/SQS",
        "AWS/States",
    }


def test_job_claims_queries_ask_for_what_is_logged(planned: dict[str, PlannedModule]) -> None:
    """Each field of the saved queries is one of the lines that they filter for."""
    queries = {
        query["name"].removeprefix("agents/"): query
        for query in planned["plain"].of_type("aws_cloudwatch_query_definition").values()
    }
    asked = {
        key: set(re.findall(r"(?:answer|record)[.][\w.]+|\bkey\b", query["query_string"]))
        for key, query in queries.items()
    }

    assert queries.keys() == {"claims", "refusals", "interrupts", "timeouts", "errors"}
    logged = lines()
    for key in ("claims", "refusals", "interrupts", "timeouts"):
        messages = set(re.findall(r'"(\w+)"', queries[key]["query_string"]))
        fields = set().union(*(logged[message] for message in messages))
        assert asked[key] <= fields, key
        assert len(asked[key]) >= 4
    assert len(queries["errors"]["log_group_names"]) == len(REQUESTS)
    assert queries["timeouts"]["log_group_names"] == ["/aws/lambda/agents-handle-timeout"]


def lines() -> dict[str, set[str]]:
    """Return the fields of each line that the functions log, by its message, for every ending."""
    claim = Claim("c", "t", "m", 1, 2, 3)
    claims = [answers.claimed(Claimed(ending, claim, retry_after_s=1)) for ending in Ending]
    owned = {
        word: [answers.owned(word, Owned(owner, claim)) for owner in Owner]
        for word in ("refreshed", "released")
    }
    record = {"messageId": "m", "interruptedContainer": "c", "newThreadId": "t", "reason": "r"}
    timeout = {"interruptedContainer": "c", "fence": 1, "reason": "r", "cause": "c"}
    sent = [{"sent": True, "queue": "q"}, {"sent": False, "reason": "no_queue"}]
    told: dict[str, list[dict[str, Any]]] = {
        "claim": [{"key": "k", "answer": answer} for answer in claims],
        "refresh": [{"key": "k", "answer": answer} for answer in owned["refreshed"]],
        "release": [{"key": "k", "answer": answer} for answer in owned["released"]],
        "interrupt": [{"key": "k", "answer": answer} for answer in sent],
        "interruption": [{"record": record, "made": True}],
        "timeout": [
            {"key": "k", "answer": {"record": timeout | {"executionId": "e"}, **answer}}
            for answer in owned["released"]
        ],
    }
    return {message: set().union(*(paths(line) for line in each)) for message, each in told.items()}


def paths(value: Any, before: str = "") -> set[str]:
    """Return the paths of a JSON value as Logs Insights names them."""
    if not isinstance(value, dict):
        return {before}
    return {
        path for key, each in value.items() for path in paths(each, f"{before}.{key}".strip("."))
    }


# Names, commands, other places


def test_job_claims_two_of_them_never_clash(planned: dict[str, PlannedModule]) -> None:
    """Everything is named after the instance: of two in one account nothing has one name."""
    names = {
        case: {
            (kind, value)
            for kind, attribute in NAMED
            for value in (r[attribute] for r in planned[case].of_type(kind).values())
        }
        for case in ("machine", "second")
    }

    assert len(names["machine"]) == len(names["second"]) > 60
    assert not names["machine"] & names["second"]


NAMED = (
    ("aws_cloudwatch_dashboard", "dashboard_name"),
    ("aws_cloudwatch_log_group", "name"),
    ("aws_cloudwatch_metric_alarm", "alarm_name"),
    ("aws_cloudwatch_query_definition", "name"),
    ("aws_dynamodb_table", "name"),
    ("aws_iam_role", "name"),
    ("aws_lambda_function", "function_name"),
    ("aws_sfn_state_machine", "name"),
    ("aws_sqs_queue", "name"),
)


def test_job_claims_long_names_stay_apart(planned: dict[str, PlannedModule]) -> None:
    """Names are shortened where AWS takes no more, and the two stay two."""
    cases = (planned["long"], planned["longer"])
    limits = {"aws_iam_role": 64, "aws_lambda_function": 64, "aws_sfn_state_machine": 80}

    for kind, attribute in NAMED:
        ours, theirs = ({r[attribute] for r in case.of_type(kind).values()} for case in cases)
        assert not ours & theirs
        assert max(map(len, ours | theirs)) <= limits.get(kind, 255)
    templates = [case.outputs["interrupt_queue_template"] for case in cases]
    assert len(set(templates)) == 2
    assert {len(text) for text in templates} == {40 + len("-interrupts-{projectId}-{userId}")}


@pytest.mark.parametrize("name", REQUESTS)
def test_job_claims_command_is_one_that_the_function_takes(
    name: str, planned: dict[str, PlannedModule]
) -> None:
    """The command that an operator copies at night holds a request in the function's own words."""
    words = shlex.split(planned["plain"].outputs["functions"][name]["invoke_command"])
    payload = json.loads(words[words.index("--payload") + 1])

    assert REQUESTS[name].parse(payload)
    assert words[words.index("--function-name") + 1] == f"agents-{name.replace('_', '-')}"


def test_job_claims_start_command_starts_once_a_message(planned: dict[str, PlannedModule]) -> None:
    """An execution is named after its message: started twice it runs once."""
    words = shlex.split(planned["machine"].outputs["state_machine"]["start_command"])
    started = json.loads(words[words.index("--input") + 1])

    assert words[words.index("--name") + 1] == started["messageId"]
    assert request.ClaimRequest.parse(started).message_id == started["messageId"]


def test_job_claims_outputs_are_the_common_ones() -> None:
    """Every composition gives the same outputs, so that stacks read alike."""
    declared = re.findall(
        r'^output "(\w+)"', (ROOT / "modules/job-claims/outputs.tf").read_text(), re.MULTILINE
    )

    assert set(declared) >= {
        "functions",
        "tables",
        "state_machine",
        "dead_letter_queue_url",
        "dead_letter_queue_arn",
        "schedule_name",
        "alarm_arns",
        "dashboard_name",
        "invoke_command",
    }


def test_job_claims_in_another_partition_names_it() -> None:
    """Nothing says `aws` where the region is China's, nor another domain than China's."""
    arn = WORK_QUEUE["arn"].replace("arn:aws:", "arn:aws-cn:").replace("eu-west-1", "cn-north-1")
    url = "https://sqs.cn-north-1.amazonaws.com.cn/111122223333/work"
    calls = {
        "cn": {**MACHINE, "state_machine": {"work_queue": {**WORK_QUEUE, "arn": arn, "url": url}}},
        "keys": ACCEPTED["queue-of-a-container"]
        | {"queues": {"work": ACCEPTED["queue-of-a-container"]["queues"]["work"]}},
    }
    planned = plan_variants("job-claims", calls, region="cn-north-1")

    for module in planned.values():
        written = json.dumps([module.resources, module.outputs])
        assert "arn:aws-cn:states:::sqs:sendMessage" in written
        assert "arn:aws:" not in written
        assert "amazonaws.com/" not in written
