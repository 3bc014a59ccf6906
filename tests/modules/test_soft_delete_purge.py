"""What the module `soft-delete-purge` promises: it removes what is due, and may do no more."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from typing import Any

import pytest

from expiry.postgres.names import Relation
from soft_delete_purge import report
from soft_delete_purge.plan import Plan
from soft_delete_purge.settings import COUNTERS, Settings, Transaction
from tests.modules.plan import PlannedModule, plan_variants
from tests.modules.postgres_expiry_calls import (
    BOUNDARY,
    BY_TOKEN,
    DECRYPTING,
    HOST,
    KEY,
    PASSWORD_ARN,
    VPC,
)
from tests.modules.soft_delete_purge_calls import ACCEPTED, BUCKET, LAYER, ODD, WITH_FILES
from tools.terraform import ROOT

DECLARED = json.loads((ROOT / "lambda_src" / "soft_delete_purge" / "metrics.json").read_text())
FUNCTIONS = {"purge": "module.function", "retry": "module.retry"}
SQS = "arn:aws:sqs:eu-west-1:111122223333"
RETRY_ARN, RESTING_ARN = f"{SQS}:purge-retry", f"{SQS}:purge-records-dead-letters"
READ_PASSWORD = (["secretsmanager:GetSecretValue"], [PASSWORD_ARN], None)
KEYS = ["arn:aws:s3:::mocs/gallery/*", "arn:aws:s3:::mocs/mocs/*"]
SEND = ["sqs:SendMessage"]
LEAST_ENVIRONMENT = {
    "PG_DB_HOST": HOST,
    "PG_DB_NAME": "app",
    "PG_DB_USER": "expiry",
    "PG_SECRET_ARN": PASSWORD_ARN,
    "RETENTION_DAYS": "30",
    "PLAN": json.dumps(
        {"root": {"table": "moc_instructions", "key": "id", "deleted_at": "deleted_at"}}
    ),
}


@pytest.fixture(scope="module")
def planned() -> dict[str, PlannedModule]:
    """Plan every accepted call, once."""
    return plan_variants("soft-delete-purge", ACCEPTED)


def function_of(module: PlannedModule, name: str = "purge") -> dict[str, Any]:
    """Return the planned function."""
    return module.resource(f"{FUNCTIONS[name]}.aws_lambda_function.this")


def variables_of(module: PlannedModule) -> dict[str, str]:
    """Return what both functions are told, as far as it is known before an apply."""
    variables: dict[str, str] = module.outputs["environment"]
    return variables


def alarms_of(module: PlannedModule, where: str = "") -> dict[str, dict[str, Any]]:
    """Return the planned alarms below the address *where*, by key."""
    return {
        re.findall(r'\["(.+)"\]$', address)[0]: alarm
        for address, alarm in module.of_type("aws_cloudwatch_metric_alarm").items()
        if address.startswith(where)
    }


def policy_of(module: PlannedModule, name: str = "purge") -> list[dict[str, Any]]:
    """Return the statements of a function's role."""
    policy = module.resource(f"{FUNCTIONS[name]}.aws_iam_role_policy.this")["policy"]
    statements: list[dict[str, Any]] = json.loads(policy)["Statement"]
    return statements


def grants_of(
    module: PlannedModule, name: str = "purge"
) -> dict[str, tuple[list[str], list[str], dict[str, Any] | None]]:
    """Return what a handler may call, by Sid: actions, resources, condition."""
    return {
        entry["Sid"]: (entry["Action"], sorted(entry["Resource"]), entry.get("Condition"))
        for entry in policy_of(module, name)
        if not entry["Sid"].startswith("Lambda")
    }


# Settings


def test_soft_delete_purge_defaults_are_the_documented_ones(
    planned: dict[str, PlannedModule],
) -> None:
    """By default: the committed zip, daily at three UTC, 300 s and 256 MB, a real run."""
    function = function_of(planned["plain"])
    schedule = planned["plain"].resource("module.schedule.aws_scheduler_schedule.this")

    zipped = (ROOT / "artifacts" / "soft_delete_purge.zip").read_bytes()
    assert function["filename"].endswith("artifacts/soft_delete_purge.zip")
    assert hashlib.sha256(zipped).hexdigest() in (ROOT / "artifacts" / "SHA256SUMS").read_text()
    assert function["handler"] == "soft_delete_purge.handler.handler"
    assert (function["runtime"], function["architectures"]) == ("python3.13", ["arm64"])
    assert (function["memory_size"], function["timeout"]) == (256, 300)
    assert schedule["schedule_expression"] == "cron(0 3 * * ? *)"
    assert schedule["schedule_expression_timezone"] == "UTC"
    assert schedule["target"][0]["input"] == "{}"
    variables = dict(variables_of(planned["plain"]))
    assert json.loads(variables.pop("PLAN")) == {
        "root": {
            "schema": "public",
            "table": "moc_instructions",
            "key": "id",
            "deleted_at": "deleted_at",
        }
    }
    assert variables == {
        **{name: text for name, text in LEAST_ENVIRONMENT.items() if name != "PLAN"},
        "PG_DB_PORT": "5432",
        "PG_TLS": "verify-full",
        "MINIMUM_RETENTION_DAYS": "1",
        "BATCH_SIZE": "100",
        "MAX_PURGE_PERCENT": "20",
        "MAX_RECORDS_PER_SECOND": "0",
        "CLOCK_SKEW_S": "60",
        "TRANSACTION": "record",
        "MAX_ATTEMPTS": "3",
        "DRY_RUN": "false",
        "EVENT_NAME": "moc.cleanup",
        "CORRELATION_KEY": "correlationId",
        "METRICS_NAMESPACE": "Expiry/Purge",
    }


def test_soft_delete_purge_defaults_are_the_handlers_own(
    planned: dict[str, PlannedModule],
) -> None:
    """With nothing but the database and the records set, the handler runs as this module sets."""
    parsed = Settings.from_env(variables_of(planned["plain"]))
    least = Settings.from_env(LEAST_ENVIRONMENT)

    assert parsed == replace(least, metrics_namespace=DECLARED["namespace"])


def test_soft_delete_purge_everything_reaches_the_handler(
    planned: dict[str, PlannedModule],
) -> None:
    """What the caller sets is what the handler reads."""
    settings = Settings.from_env(variables_of(planned["everything"]))

    assert (settings.server.port, settings.server.ca_file) == (6432, "/etc/ssl/own/ca.pem")
    assert (settings.retention_days, settings.max_attempts) == (90, 5)
    assert (settings.max_records, settings.max_purge_percent) == (5_000, 5.5)
    assert (settings.max_records_per_s, settings.clock_skew_s) == (50, 5)
    assert (settings.transaction, settings.dry_run) == (Transaction.BATCH, True)
    assert (settings.bucket, settings.bucket_owner_account_id) == ("mocs", "444455556666")
    assert (settings.event_name, settings.correlation_key) == ("record.purged", "trace_id")
    assert settings.metric_names == {
        "ItemsProcessed": "MocsProcessed",
        "ItemsFailed": "MocsFailed",
    }
    assert settings.metrics_namespace == "Mine/Purge"


def test_soft_delete_purge_plan_reaches_the_handler_whole(
    planned: dict[str, PlannedModule],
) -> None:
    """Names with quotes, dots and capitals, paths, links and prefixes arrive as they were given."""
    plan = Plan.parse(variables_of(planned["everything"])["PLAN"])
    release = {each.name: each for each in plan.release}
    files = {each.name: each for each in plan.files}
    (images,) = plan.shared

    assert plan.root.relation == Relation(ODD, "It's")
    assert (plan.root.key, plan.root.deleted_at, plan.root.hold) == ("Key", "Gone At", "held")
    assert [(w.column, w.operator, w.value) for w in plan.root.where] == [
        ("kind", "=", "it's done"),
        ("kept", "is null", None),
    ]
    assert release["bricks"].values == {"parts_list_id": None, "status": "available"}
    assert [hop.to for hop in release["odd"].branch.hops] == [
        Relation(ODD, "c.d"),
        Relation("other", "lists"),
        plan.root.relation,
    ]
    assert (release["odd"].allow_unlocked, release["bricks"].allow_unlocked) == (True, False)
    assert (images.relation, images.key) == (Relation(ODD, "gallery_images"), "Key")
    assert images.link.relation == Relation(ODD, "moc_gallery_images")
    assert [reference.relation for reference in images.references] == [Relation(ODD, "flags")]
    assert images.own_columns == ("album_id",)
    assert (files["files"].relation, files["files"].key_prefix) == (
        Relation(ODD, "moc_files"),
        "mocs/",
    )
    assert (files["thumbnails"].relation, files["thumbnails"].shared) == (plan.root.relation, None)
    assert (files["images"].shared, files["images"].url_prefix) == (
        "images",
        "https://cdn.example.com/",
    )


def test_soft_delete_purge_functions_differ_by_their_handler_only(
    planned: dict[str, PlannedModule],
) -> None:
    """Both have one size and one network: what is tried again is tried in the same way."""
    module = planned["everything"]

    assert function_of(module, "retry")["handler"] == "soft_delete_purge.handler.retry"
    for name in FUNCTIONS:
        function = function_of(module, name)
        assert (function["memory_size"], function["timeout"]) == (512, 600)
        assert (function["architectures"], function["layers"]) == (["x86_64"], [LAYER])
        assert function["kms_key_arn"] == KEY
        assert sorted(function["vpc_config"][0]["subnet_ids"]) == VPC["subnet_ids"]
    roles = module.of_type("aws_iam_role").values()
    assert {role["permissions_boundary"] for role in roles} == {BOUNDARY}
    for group in module.of_type("aws_cloudwatch_log_group").values():
        assert (group["retention_in_days"], group["kms_key_id"]) == (7, KEY)


def test_soft_delete_purge_environment_holds_no_password(planned: dict[str, PlannedModule]) -> None:
    """Where the password comes from is said; itself it is nowhere."""
    for case in ("plain", "by-token", "everything"):
        names = {name for name in variables_of(planned[case]) if name.startswith("PG_")}
        assert len(names & {"PG_SECRET_ARN", "PG_IAM_AUTH"}) == 1
        assert not {name for name in names if "PASSWORD" in name}


# Queues


def test_soft_delete_purge_retry_queue_is_read_message_by_message(
    planned: dict[str, PlannedModule],
) -> None:
    """Partial answers; invisible for six timeouts; the tenth receive is the last."""
    module = planned["with-files"]
    queue = module.resource("aws_sqs_queue.retry")
    mapping = module.resource("aws_lambda_event_source_mapping.retry")
    redrive = json.loads(module.resource("aws_sqs_queue_redrive_policy.retry")["redrive_policy"])

    assert queue["visibility_timeout_seconds"] == 6 * 300
    assert queue["message_retention_seconds"] == 14 * 86_400
    assert queue["sqs_managed_sse_enabled"] is True
    assert redrive == {"deadLetterTargetArn": RESTING_ARN, "maxReceiveCount": 10}
    assert mapping["function_response_types"] == ["ReportBatchItemFailures"]
    assert (mapping["batch_size"], mapping["enabled"]) == (10, True)
    assert mapping["scaling_config"][0]["maximum_concurrency"] == 2


def test_soft_delete_purge_retry_follows_the_functions_timeout_and_dry_run(
    planned: dict[str, PlannedModule],
) -> None:
    """A longer function keeps its messages longer; a dry run takes none up."""
    module = planned["everything"]
    queue = module.resource("aws_sqs_queue.retry")

    assert queue["visibility_timeout_seconds"] == 6 * 600
    assert (queue["kms_master_key_id"], queue.get("sqs_managed_sse_enabled")) == (KEY, None)
    assert module.resource("aws_lambda_event_source_mapping.retry")["enabled"] is False


def test_soft_delete_purge_only_the_retry_queue_may_fail_into_rest(
    planned: dict[str, PlannedModule],
) -> None:
    """What is redriven from there is always a record; failed runs wait elsewhere."""
    module = planned["plain"]
    address = "aws_sqs_queue_redrive_allow_policy.this"
    resting = json.loads(module.resource(f"module.resting.{address}")["redrive_allow_policy"])
    runs = json.loads(module.resource(f"module.dead_letters.{address}")["redrive_allow_policy"])

    assert resting == {"redrivePermission": "byQueue", "sourceQueueArns": [RETRY_ARN]}
    assert runs == {"redrivePermission": "denyAll"}


def test_soft_delete_purge_queues_take_no_plain_text(planned: dict[str, PlannedModule]) -> None:
    """Each queue denies whatever comes without TLS."""
    queues = planned["plain"].of_type("aws_sqs_queue")

    assert len(queues) == 3
    for queue in queues.values():
        (statement, *_) = json.loads(queue["policy"])["Statement"]
        assert statement["Effect"] == "Deny"
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert statement["Resource"].endswith(f":{queue['name']}")


# The roles

FILES = {
    "ListFiles": (
        ["s3:ListBucket"],
        ["arn:aws:s3:::mocs"],
        {"StringLike": {"s3:prefix": ["mocs/*", "gallery/*"]}},
    ),
    "CompareFiles": (["s3:GetObject"], KEYS, None),
    "DeleteWhatWasSeen": (["s3:DeleteObject"], KEYS, {"Null": {"s3:if-match": ["false"]}}),
}
QUEUES = {
    "purge": {"SendToQueues": (SEND, [RESTING_ARN, RETRY_ARN], None)},
    "retry": {
        "DelayRetry": (["sqs:ChangeMessageVisibility"], [RETRY_ARN], None),
        "SendToRest": (SEND, [RESTING_ARN], None),
    },
}


def unordered(grants: dict[str, Any]) -> str:
    """Write grants without the order of their values."""
    return json.dumps(grants, sort_keys=True).replace(
        '["gallery/*", "mocs/*"]', '["mocs/*", "gallery/*"]'
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_soft_delete_purge_role_holds_the_calls_and_nothing_else(
    name: str, planned: dict[str, PlannedModule]
) -> None:
    """One secret, the plan's prefixes, two queues; deletes with an ETag only."""
    assert grants_of(planned["plain"], name) == {"ReadPassword": READ_PASSWORD, **QUEUES[name]}
    assert unordered(grants_of(planned["with-files"], name)) == unordered(
        {"ReadPassword": READ_PASSWORD, **FILES, **QUEUES[name]}
    )


def test_soft_delete_purge_role_decrypts_that_secret_only(
    planned: dict[str, PlannedModule],
) -> None:
    """With customer's keys it decrypts that secret, and uses the queues' key for SQS alone."""
    grants = grants_of(planned["everything"])

    assert grants["DecryptPassword"] == (
        ["kms:Decrypt"],
        [DECRYPTING],
        {"StringEquals": {"kms:EncryptionContext:SecretARN": [PASSWORD_ARN]}},
    )
    assert grants["EncryptMessages"] == (
        ["kms:Decrypt", "kms:GenerateDataKey"],
        [KEY],
        {"StringLike": {"kms:ViaService": ["sqs.*"]}},
    )


def test_soft_delete_purge_role_by_token_connects_as_one_user(
    planned: dict[str, PlannedModule],
) -> None:
    """IAM authentication: one user of one database cluster, and no secret."""
    module = planned["by-token"]

    for name in FUNCTIONS:
        grants = grants_of(module, name)
        assert grants["ConnectAsOneUser"] == (
            ["rds-db:connect"],
            [f"arn:aws:rds-db:eu-west-1:111122223333:dbuser:{BY_TOKEN['db_resource_id']}/expiry"],
            None,
        )
        assert "ReadPassword" not in grants
    assert variables_of(module)["PG_IAM_AUTH"] == "true"
    assert "PG_SECRET_ARN" not in variables_of(module)


def test_soft_delete_purge_reading_the_queue_is_lambdas(planned: dict[str, PlannedModule]) -> None:
    """What the event source mapping does with the role is a list of its own, with its reasons."""
    module = planned["plain"]
    policy = json.loads(module.resource("aws_iam_role_policy.retry_queue")["policy"])
    listed = {grant["sid"]: grant for grant in module.outputs["service_grants"]["retry"]}

    (statement,) = policy["Statement"]
    assert statement["Resource"] == [RETRY_ARN]
    assert statement["Action"] == listed["ReadRetryQueue"]["actions"]
    assert all(grant["reason"] for grant in listed.values())
    assert "ReadRetryQueue" not in {
        grant["sid"] for grant in module.outputs["service_grants"]["purge"]
    }


# Warnings


def test_soft_delete_purge_in_a_vpc_without_a_way_to_aws_is_warned_of(
    planned: dict[str, PlannedModule],
) -> None:
    """Said in time, and which services: else each run would hang until its timeout."""

    def warnings(case: str) -> list[str]:
        return [text for text in planned[case].warnings if "hangs until its timeout" in text]

    assert any("call SQS, S3 and Secrets Manager:" in text for text in warnings("in-vpc"))
    assert any("call SQS, S3:" in text for text in warnings("by-token"))
    assert not warnings("everything")  # says that there are endpoints
    assert not warnings("plain")


def test_soft_delete_purge_outside_of_a_vpc_is_warned_of(planned: dict[str, PlannedModule]) -> None:
    """A database that only the internet's side could reach is said aloud."""

    def warned(case: str) -> bool:
        return any("are in no VPC" in warning for warning in planned[case].warnings)

    assert [case for case in ("plain", "in-vpc", "paused") if warned(case)] == ["plain"]


def test_soft_delete_purge_nobody_to_tell_is_warned_of(planned: dict[str, PlannedModule]) -> None:
    """Alarms without a topic are allowed, and said aloud."""
    assert any("Nobody is told" in warning for warning in planned["plain"].warnings)
    assert not any("Nobody is told" in warning for warning in planned["everything"].warnings)


# Alarms, dashboard, queries


def test_soft_delete_purge_alarms_watch_what_is_emitted(planned: dict[str, PlannedModule]) -> None:
    """Each alarm on a metric of ours names one that a run emits, with its dimensions and unit."""
    alarms = alarms_of(planned["everything"])
    own = {key: alarm for key, alarm in alarms.items() if alarm["namespace"] == "Mine/Purge"}

    assert {key: alarm["metric_name"] for key, alarm in own.items()} == {
        "gate-refused": "GateRefused",
        "outbox-age": "OutboxOldestAgeHours",
        "incomplete": "RunIncomplete",
        "silence": "RunsCompleted",
    }
    for alarm in own.values():
        assert alarm["dimensions"] == {"FunctionName": "purge"}
        assert list(alarm["dimensions"]) == DECLARED["dimensions"]
        assert alarm["unit"] in (None, DECLARED["metrics"][alarm["metric_name"]]["unit"])


RATES = {
    "with-files": (10, 10, ("ItemsFailed", "ItemsProcessed"), 86_400),
    "everything": (25, 40, ("MocsFailed", "MocsProcessed"), 3_600),
    "two-days": (10, 3, ("ItemsFailed", "ItemsProcessed"), 86_400),
}


@pytest.mark.parametrize("case", RATES)
def test_soft_delete_purge_failure_rate_is_judged_on_enough_records(
    case: str, planned: dict[str, PlannedModule]
) -> None:
    """Failed per hundred processed; quiet on tiny counts, but never on all that a run may take."""
    threshold, least, names, window_s = RATES[case]
    alarm = alarms_of(planned[case], "module.alarms")["failure-rate"]
    queries = {query["id"]: query for query in alarm["metric_query"]}
    numerator, denominator = (queries[id_]["metric"][0] for id_ in ("numerator", "denominator"))

    assert (alarm["threshold"], alarm["comparison_operator"]) == (threshold, "GreaterThanThreshold")
    assert f"FILL(denominator, 0) >= {least}" in queries["percent"]["expression"]
    assert (numerator["metric_name"], denominator["metric_name"]) == names
    for metric in (numerator, denominator):
        assert metric["dimensions"] == {"FunctionName": "purge"}
        assert (metric["stat"], metric["period"]) == ("Sum", window_s)


def test_soft_delete_purge_thresholds_are_the_documented_ones(
    planned: dict[str, PlannedModule],
) -> None:
    """More than 50 rest; a file waits 12 hours; 26 silent hours; four fifths of the timeout."""
    module = planned["with-files"]
    own, runs = alarms_of(module, "module.alarms"), alarms_of(module, "module.function")
    resting = alarms_of(module, "module.resting")

    depth = resting["messages"]
    assert (depth["threshold"], depth["comparison_operator"]) == (
        51,
        "GreaterThanOrEqualToThreshold",
    )
    assert depth["dimensions"] == {"QueueName": "purge-records-dead-letters"}
    assert resting["oldest-message"]["threshold"] == 240 * 3_600
    assert (own["outbox-age"]["threshold"], own["outbox-age"]["statistic"]) == (12, "Maximum")
    assert (own["gate-refused"]["threshold"], own["gate-refused"]["treat_missing_data"]) == (
        1,
        "ignore",
    )
    assert (own["incomplete"]["period"], own["incomplete"]["evaluation_periods"]) == (86_400, 3)
    assert runs["duration"]["threshold"] == 240_000
    assert runs["silence"]["period"] * runs["silence"]["evaluation_periods"] == 26 * 3_600
    assert runs["silence"]["treat_missing_data"] == "breaching"
    assert "silence" not in alarms_of(module, "module.retry")  # it runs when something failed
    changed = planned["everything"]
    assert alarms_of(changed, "module.resting")["messages"]["threshold"] == 6
    assert alarms_of(changed, "module.resting")["oldest-message"]["threshold"] == 48 * 3_600
    assert alarms_of(changed, "module.alarms")["outbox-age"]["threshold"] == 3


def test_soft_delete_purge_alarms_can_be_switched_off(planned: dict[str, PlannedModule]) -> None:
    """A threshold of 0 removes its alarm and no other; a paused schedule may be silent."""

    def keys(case: str) -> set[str]:
        return set(planned[case].of_type("aws_cloudwatch_metric_alarm"))

    def gone(case: str, of: str) -> set[str]:
        return {re.sub(r"^module\.|\W+$", "", address) for address in keys(of) - keys(case)}

    assert {
        re.sub(r"\..*\[\"", " ", address) for address in gone("thresholds-off", "with-files")
    } == {
        "alarms failure-rate",
        "alarms outbox-age",
        "resting messages",
        "resting oldest-message",
        "function error-rate",
        "function duration",
        "retry error-rate",
        "retry duration",
    }
    assert {address.split('"')[1] for address in keys("plain") - keys("paused")} == {"silence"}
    assert {address.split('"')[1] for address in keys("with-files") - keys("plain")} == {
        "outbox-age"
    }
    assert keys("silent") == set()
    rare = alarms_of(planned["two-days"], "module.alarms")["incomplete"]
    assert (rare["datapoints_to_alarm"], rare["evaluation_periods"]) == (3, 7)


def test_soft_delete_purge_other_metric_names_are_those_of_all_that_looks(
    planned: dict[str, PlannedModule],
) -> None:
    """What the caller calls otherwise, the dashboard calls so too."""
    body = planned["everything"].resource("aws_cloudwatch_dashboard.this")["dashboard_body"]
    shown = {
        metric[1]
        for widget in json.loads(body)["widgets"]
        for metric in widget["properties"].get("metrics", [])
        if metric[0] == "Mine/Purge"
    }

    assert {"MocsProcessed", "MocsFailed", "BricksReturned"} <= shown
    assert shown - {"MocsProcessed", "MocsFailed"} <= DECLARED["metrics"].keys()
    assert not shown & {"ItemsProcessed", "ItemsFailed"}
    assert set(COUNTERS) <= DECLARED["metrics"].keys()


def test_soft_delete_purge_no_counter_may_take_another_metrics_name() -> None:
    """The names that `metric_names` may not be are all the others of the table."""
    source = (ROOT / "modules/soft-delete-purge/variables.tf").read_text()
    listed = re.findall(
        r"setintersection\(values\(var\.metric_names\), \[(.+?)\]", source, re.DOTALL
    )

    assert set(re.findall(r'"(\w+)"', listed[0])) == DECLARED["metrics"].keys() - set(COUNTERS)


def test_soft_delete_purge_queries_ask_for_what_is_logged(
    planned: dict[str, PlannedModule],
) -> None:
    """Each field of the saved query of reports is a key of the report."""
    query = planned["plain"].resource('aws_cloudwatch_query_definition.this["reports"]')
    asked = re.findall(r"fields @timestamp, (.+)", query["query_string"])[0].split(", ")
    plan = Plan.parse(LEAST_ENVIRONMENT["PLAN"])
    answer = report.result(report.Findings("run", plan, dry_run=False))

    for field in asked:
        value: Any = {"report": answer}
        for part in field.split("."):
            assert part in value, field
            value = value[part]
    records = planned["everything"].resource('aws_cloudwatch_query_definition.this["records"]')
    assert 'filter message = "record.purged"' in records["query_string"]


# Names, outputs


def test_soft_delete_purge_long_names_stay_apart(planned: dict[str, PlannedModule]) -> None:
    """Names are shortened where AWS takes no more, functions and queues alike."""
    functions = [
        function_of(planned[case], name)["function_name"]
        for case in ("long", "longer")
        for name in FUNCTIONS
    ]
    queues = [
        queue["name"]
        for case in ("long", "longer")
        for queue in planned[case].of_type("aws_sqs_queue").values()
    ]

    assert (len(set(functions)), {len(name) for name in functions}) == (4, {64})
    assert (len(set(queues)), {len(name) for name in queues}) == (6, {80})


def test_soft_delete_purge_commands_are_safe_to_copy(planned: dict[str, PlannedModule]) -> None:
    """That of the night is dry, that of setup deletes nothing, that of redrive names two queues."""
    outputs = planned["plain"].outputs

    assert """--payload '{"dryRun": true}'""" in outputs["invoke_command"]
    assert """--payload '{"operation": "setup"}'""" in outputs["setup_command"]
    assert f"--source-arn {RESTING_ARN} --destination-arn {RETRY_ARN}" in outputs["redrive_command"]


def test_soft_delete_purge_outputs_are_the_common_ones() -> None:
    """Every composition gives the same outputs, so that stacks read alike."""
    source = (ROOT / "modules/soft-delete-purge/outputs.tf").read_text()

    assert set(re.findall(r'^output "(\w+)"', source, re.MULTILINE)) >= {
        "function_name",
        "function_arn",
        "role_name",
        "role_arn",
        "log_group_name",
        "functions",
        "dead_letter_queue_url",
        "dead_letter_queue_arn",
        "schedule_name",
        "alarm_arns",
        "dashboard_name",
        "invoke_command",
    }


def test_soft_delete_purge_in_another_partition_names_it() -> None:
    """Nothing says `aws` where the region is China's."""

    def chinese(arn: str) -> str:
        return arn.replace("arn:aws:", "arn:aws-cn:").replace("eu-west-1", "cn-north-1")

    token = {
        **WITH_FILES,
        "database": BY_TOKEN,
        "bucket": {"name": "mocs", "arn": chinese(BUCKET["arn"])},
    }
    module = plan_variants("soft-delete-purge", {"token": token}, region="cn-north-1")["token"]

    written = json.dumps([module.resources, module.outputs])
    assert "arn:aws-cn:" in written
    assert "arn:aws:" not in written
    assert grants_of(module)["ConnectAsOneUser"][1][0].startswith("arn:aws-cn:rds-db:cn-")
