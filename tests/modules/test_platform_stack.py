"""
What `examples/platform-stack` promises: all six systems, and a first apply that deletes nothing.

One plan of it, twice: with AWS's own keys, and with a key of the customer's.
"""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from typing import Any

import pytest

from tests.modules.answers import ACCOUNT
from tests.modules.plan import (
    NO_TABLES,
    REGION,
    Diagnostic,
    PlannedModule,
    errors,
    in_order,
    planned_module,
    refuse,
    root_of,
)
from tests.modules.platform_stack_calls import CALLS, CREDENTIALS, PROBE

SYSTEMS = {
    "ttl-sessions", "ttl-upload-sessions", "ttl-attributes", "ttl-active-jobs",
    "uploads", "index", "rows", "projects", "agents",
}  # fmt: skip
DELETING = {
    "studio-dev-uploads",
    "studio-dev-index",
    "studio-dev-rows",
    "studio-dev-projects",
    "studio-dev-projects-retry",
}
# A role that may do one of these may delete: S3, DynamoDB, or a database whose password it reads.
DELETES = re.compile(
    r"dynamodb:(DeleteItem|PartiQLDelete|BatchWriteItem)|s3:(Delete|Abort)[A-Za-z]*"
    r"|secretsmanager:GetSecretValue|rds-db:connect"
)
# By which attribute AWS tells two of a type apart, where it is not `name`.
NAMED_BY = {
    "aws_lambda_function": "function_name",
    "aws_cloudwatch_metric_alarm": "alarm_name",
    "aws_cloudwatch_dashboard": "dashboard_name",
    "aws_s3_bucket": "bucket",
}
Resources = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def plan() -> tuple[Any, list[Diagnostic]]:
    """Plan the stack with AWS's keys and with a customer's, once."""
    with root_of("examples/platform-stack", CALLS, REGION, "", NO_TABLES) as root:
        root.terraform.env = root.terraform.env | CREDENTIALS
        for call in CALLS:
            (root.folder / "calls" / call / root.path / "probe.tf").write_text(PROBE)
        said = root.plan()
        refuse(errors(said))
        return root.planned(), said


@pytest.fixture(scope="module")
def planned(plan: tuple[Any, list[Diagnostic]]) -> dict[str, PlannedModule]:
    """Return the stack with AWS's keys, and with a customer's."""
    made, said = plan
    return {call: planned_module(made, call, in_order(said, call)) for call in CALLS}


@pytest.fixture(scope="module")
def stack(planned: dict[str, PlannedModule]) -> PlannedModule:
    """Return the stack as its defaults make it."""
    return planned["stack"]


def functions_of(stack: PlannedModule) -> Resources:
    """Return every function by its name."""
    found = stack.of_type("aws_lambda_function").values()
    return {function["function_name"]: function for function in found}


def variables_of(stack: PlannedModule, name: str) -> dict[str, str]:
    """Return a function's environment, as far as it is known."""
    if name.startswith("studio-dev-projects"):
        told: dict[str, str] = stack.outputs["probe"]["purge_environment"]
        return told
    variables: dict[str, str] = functions_of(stack)[name]["environment"][0]["variables"]
    return variables


def policies_of(stack: PlannedModule) -> dict[str, list[dict[str, Any]]]:
    """Return the statements of each role's policy that is known before the apply, by address."""
    return {
        address: json.loads(values["policy"])["Statement"]
        for address, values in stack.of_type("aws_iam_role_policy").items()
        if "policy" in values
    }


def statements_in(told: Any) -> list[dict[str, Any]]:
    """Find all statements in what modules tell of their grants, however deep they lie."""
    if isinstance(told, dict) and "actions" in told:
        return [told]
    inner = told.values() if isinstance(told, dict) else told or []
    return [statement for entry in inner for statement in statements_in(entry)]


def grants_of(stack: PlannedModule) -> dict[str, list[dict[str, Any]]]:
    """Return what the roles of each system's functions may do, the handlers' calls and Lambda's."""
    grants = stack.outputs["probe"]["grants"]
    return {system: statements_in(told) for system, told in grants.items()}


def listed(value: str | list[str]) -> list[str]:
    """Return a policy's string, or list of them, as a list."""
    return [value] if isinstance(value, str) else value


def test_stack_plans_without_a_warning(planned: dict[str, PlannedModule]) -> None:
    """Alarms have somebody to tell, databases a way to them: no module has anything to say."""
    assert {call: module.warnings for call, module in planned.items()} == {"stack": (), "keyed": ()}


def test_stack_names_nothing_twice(stack: PlannedModule) -> None:
    """Of no type are there two with one name: all six live in one account and region."""
    names = Counter[tuple[str, str]]()
    for address, values in stack.resources.items():
        kind = re.split(r"[.\[]", address.rpartition("aws_")[2])[0]
        name = values.get(NAMED_BY.get(f"aws_{kind}", "name"))
        # A role's policies are told apart within the role.
        if name and kind != "iam_role_policy" and ".data." not in f".{address}":
            names[kind, name] += 1

    assert [name for name, count in names.items() if count > 1] == []
    assert {kind for kind, _ in names} >= {
        "cloudwatch_dashboard", "cloudwatch_log_group", "cloudwatch_metric_alarm",
        "cloudwatch_query_definition", "dynamodb_table", "iam_role", "lambda_function", "s3_bucket",
        "scheduler_schedule", "scheduler_schedule_group", "sfn_state_machine", "sqs_queue",
    }  # fmt: skip
    assert all("studio-dev" in name for _, name in names)


def test_stack_every_alarm_tells_the_one_topic(stack: PlannedModule) -> None:
    """There is one topic, and every alarm goes to it, and to nothing else."""
    alarms = stack.of_type("aws_cloudwatch_metric_alarm")
    topics = stack.of_type("aws_sns_topic")

    assert [topic["name"] for topic in topics.values()] == ["studio-dev-alarms"]
    assert len(alarms) > 100
    for address, alarm in alarms.items():
        assert alarm["actions_enabled"], address
        # Its ARN is not known before it is made; a literal one would be.
        assert "alarm_actions" not in alarm or alarm["alarm_actions"] == [None], address
        assert stack.unknown[address]["alarm_actions"], address


def test_stack_outputs_every_alarm(
    stack: PlannedModule, plan: tuple[Any, list[Diagnostic]]
) -> None:
    """The outputs list each alarm once, under its system or its table."""
    # An ARN is known after the apply only; its key is there.
    told = plan[0]["output_changes"]["stack"]["after_unknown"]["alarm_arns"]
    made = stack.of_type("aws_cloudwatch_metric_alarm")

    assert told.keys() == SYSTEMS | {"tables"}
    assert sum(len(arns) for arns in told.values()) == len(made)


def test_stack_first_apply_deletes_nothing(stack: PlannedModule) -> None:
    """Each function that could delete runs dry; what waits in the retry queue waits on."""
    variables = {name: variables_of(stack, name) for name in functions_of(stack)}
    retry = stack.resource("module.soft_delete_purge.aws_lambda_event_source_mapping.retry")

    dry = {name: told["DRY_RUN"] for name, told in variables.items() if "DRY_RUN" in told}
    assert dry == dict.fromkeys(DELETING, "true")
    assert retry["enabled"] is False


def test_stack_only_what_runs_dry_may_delete(stack: PlannedModule) -> None:
    """The roles of all others hold no action that deletes an object or row, or opens a database."""
    may_delete = {
        system
        for system, statements in grants_of(stack).items()
        for statement in statements
        if any(DELETES.fullmatch(action) for action in statement["actions"])
    }

    assert may_delete == {"uploads", "index", "rows", "projects"}


def test_stack_caps_are_small(stack: PlannedModule) -> None:
    """Once a system is no longer dry, its first real run is a small one."""
    caps = {
        "studio-dev-uploads": ("MAX_DELETES_PER_RUN", 100),
        "studio-dev-index": ("MAX_DELETES_PER_RUN", 100),
        "studio-dev-rows": ("MAX_DELETES_PER_RUN", 1000),
        "studio-dev-projects": ("BATCH_SIZE", 5),
    }
    for name, (variable, cap) in caps.items():
        assert int(variables_of(stack, name)[variable]) == cap, name


def test_stack_every_role_is_scoped(stack: PlannedModule) -> None:
    """No role may do an action with a wildcard, and each trusts one service, in this account."""
    told = grants_of(stack)
    actions = {system: [a for s in found for a in s["actions"]] for system, found in told.items()}
    for address, statements in policies_of(stack).items():
        assert not any({"NotAction", "NotResource"} & entry.keys() for entry in statements), address
        actions[address] = [a for entry in statements for a in listed(entry["Action"])]

    assert told.keys() == SYSTEMS
    for where, found in actions.items():
        assert found, where
        wide = [action for action in found if not re.fullmatch(r"[a-z0-9-]+:[A-Za-z]+", action)]
        assert wide == [], where
    for address, role in stack.of_type("aws_iam_role").items():
        [trust] = json.loads(role["assume_role_policy"])["Statement"]
        assert trust["Principal"].keys() == {"Service"}, address
        assert isinstance(trust["Principal"]["Service"], str), address
        assert ACCOUNT in json.dumps(trust["Condition"]), address


def test_stack_commands_name_functions_that_are_planned(stack: PlannedModule) -> None:
    """Each command invokes a function that is there, and each that a person invokes has one."""
    commands = stack.outputs["invoke_commands"]
    functions = functions_of(stack)

    named = {}
    for key, command in commands.items():
        words = shlex.split(command)
        assert words[:3] == ["aws", "lambda", "invoke"], key
        named[key] = words[words.index("--function-name") + 1]
    assert set(named.values()) == functions.keys() - {"studio-dev-projects-retry"}
    assert len(set(named.values())) == len(named)
    assert {key for key in named if not key.startswith("agents-")} == SYSTEMS - {"agents"}


def test_stack_commands_never_delete(stack: PlannedModule) -> None:
    """What is typed to try a system that deletes asks for a dry run, whatever its settings."""
    for key in ("uploads", "index", "rows", "projects"):
        words = shlex.split(stack.outputs["invoke_commands"][key])
        assert json.loads(words[words.index("--payload") + 1]) == {"dryRun": True}, key


def test_stack_systems_share_the_bucket_under_prefixes_of_their_own(stack: PlannedModule) -> None:
    """Uploads and projects lie in one bucket, and neither system's role reaches the other's."""
    reached = {
        (system, resource)
        for system, statements in grants_of(stack).items()
        for statement in statements
        if "s3:DeleteObject" in statement["actions"]
        for resource in statement["resources"]
    }

    media = f"arn:aws:s3:::studio-dev-media-{ACCOUNT}"
    assert reached == {("uploads", f"{media}/uploads/*"), ("projects", f"{media}/projects/*")}


def test_stack_with_a_key_encrypts_all_that_takes_one(planned: dict[str, PlannedModule]) -> None:
    """With `customer_key` no table, bucket, queue, log group, function or machine is left out."""
    keyed = planned["keyed"]
    by = {
        "aws_cloudwatch_log_group": "kms_key_id",
        "aws_lambda_function": "kms_key_arn",
        "aws_scheduler_schedule": "kms_key_arn",
        "aws_sfn_state_machine": "encryption_configuration",
        "aws_sqs_queue": "kms_master_key_id",
    }

    assert list(keyed.of_type("aws_kms_key")) == ["aws_kms_key.this[0]"]
    for kind, attribute in by.items():
        found = keyed.of_type(kind)
        assert found, kind
        for address in found:
            assert keyed.unknown[address].get(attribute), address
    for address in keyed.of_type("aws_dynamodb_table"):
        [encryption] = keyed.unknown[address]["server_side_encryption"]
        assert encryption.get("kms_key_arn"), address
    assert not planned["stack"].of_type("aws_kms_key")


def test_stack_key_lets_the_logs_of_every_group_in(planned: dict[str, PlannedModule]) -> None:
    """The key's policy covers each log group; one that it missed would fail the apply."""
    keyed = planned["keyed"]
    policy = json.loads(keyed.resource("aws_kms_key.this[0]")["policy"])
    [logs] = [entry for entry in policy["Statement"] if entry["Sid"] == "LogGroups"]
    patterns = logs["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]
    allowed = [re.compile(re.escape(pattern).replace(r"\*", ".*")) for pattern in patterns]

    groups = keyed.of_type("aws_cloudwatch_log_group")
    assert len(groups) > 10
    for group in groups.values():
        arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group['name']}"
        assert any(pattern.fullmatch(arn) for pattern in allowed), arn
