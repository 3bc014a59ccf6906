"""What the module `index-cleanup` promises: it deletes what is dead, and cannot reach more."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from typing import Any

import pytest

from expiry.errors import MismatchError
from index_cleanup.report import Findings, result
from index_cleanup.request import Operation
from index_cleanup.settings import Settings
from index_cleanup.table import Table
from tests.modules.index_cleanup_calls import (
    ACCEPTED,
    BOUNDARY,
    EVERYTHING,
    KEY,
    PLAIN,
    TABLE,
    TABLE_KEY,
    with_rules,
)
from tests.modules.plan import PlannedModule, plan_variants
from tools.terraform import ROOT

SOURCE = ROOT / "lambda_src" / "index_cleanup"
DECLARED = json.loads((SOURCE / "metrics.json").read_text())
PRESET = json.loads((SOURCE / "actingweb.json").read_text())
IN_TRANSACTION = {
    "ForAnyValue:StringEquals": {"dynamodb:EnclosingOperation": ["TransactWriteItems"]}
}
Grants = dict[str, tuple[list[str], str, dict[str, Any] | None]]


def held_to(*partitions: str) -> dict[str, Any]:
    """Return the condition that holds a call to some partitions."""
    return {
        "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": list(partitions)},
        "Null": {"dynamodb:LeadingKeys": ["false"]},
    }


DESCRIBE = {
    "DescribeTable": (
        ["dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive"],
        TABLE["arn"],
        None,
    )
}


@pytest.fixture(scope="module")
def planned() -> dict[str, PlannedModule]:
    """Plan every accepted call, once."""
    return plan_variants("index-cleanup", ACCEPTED)


def function_of(module: PlannedModule) -> dict[str, Any]:
    """Return the planned function."""
    return module.resource("module.function.aws_lambda_function.this")


def variables_of(module: PlannedModule) -> dict[str, str]:
    """Return the function's environment."""
    variables: dict[str, str] = function_of(module)["environment"][0]["variables"]
    return variables


def alarms_of(module: PlannedModule) -> dict[str, dict[str, Any]]:
    """Return every planned alarm by its key."""
    return {
        re.findall(r'\["(.+)"\]$', address)[0]: alarm
        for address, alarm in module.of_type("aws_cloudwatch_metric_alarm").items()
    }


def queries_of(module: PlannedModule) -> dict[str, dict[str, Any]]:
    """Return every saved query by its key."""
    return {
        re.findall(r'\["(.+)"\]$', address)[0]: query
        for address, query in module.of_type("aws_cloudwatch_query_definition").items()
    }


def grants_of(module: PlannedModule) -> Grants:
    """Return what the handler may call, by Sid: actions, resource, condition."""
    policy = module.resource("module.function.aws_iam_role_policy.this")["policy"]
    return {
        entry["Sid"]: (entry["Action"], *entry["Resource"], entry.get("Condition"))
        for entry in json.loads(policy)["Statement"]
        if not entry["Sid"].startswith("Lambda")
    }


def test_index_cleanup_defaults_are_the_documented_ones(planned: dict[str, PlannedModule]) -> None:
    """By default: the committed zip, daily at 03:00 UTC, 300 s and 256 MB, a real run."""
    function = function_of(planned["plain"])
    schedule = planned["plain"].resource("module.schedule.aws_scheduler_schedule.this")
    variables = dict(function["environment"][0]["variables"])

    zipped = (ROOT / "artifacts" / "index_cleanup.zip").read_bytes()
    assert function["filename"].endswith("artifacts/index_cleanup.zip")
    assert hashlib.sha256(zipped).hexdigest() in (ROOT / "artifacts" / "SHA256SUMS").read_text()
    assert function["handler"] == "index_cleanup.handler.handler"
    assert (function["runtime"], function["architectures"]) == ("python3.13", ["arm64"])
    assert (function["memory_size"], function["timeout"]) == (256, 300)
    assert schedule["schedule_expression"] == "cron(0 3 * * ? *)"
    assert schedule["schedule_expression_timezone"] == "UTC"
    assert schedule["target"][0]["input"] == "{}"
    assert json.loads(variables.pop("LIFETIMES")) == PRESET["lifetimes"]
    assert variables == {
        "TABLE_NAME": "app_attributes",
        "PRESET": "actingweb",
        "TTL_ATTRIBUTE": "ttl_timestamp",
        "MAX_DELETES_PER_RUN": "10000",
        "MAX_ORPHAN_PERCENT": "100",
        "MAX_WRITE_UNITS_PER_SECOND": "200",
        "THREADS": "8",
        "DRY_RUN": "false",
        "SINGLE_WRITER_REGION": "false",
        "METRICS_NAMESPACE": "Expiry/IndexCleanup",
    }


def test_index_cleanup_defaults_are_the_handlers_own(planned: dict[str, PlannedModule]) -> None:
    """With nothing but the table and the preset set, the handler runs as this module sets it."""
    least = Settings.from_env({"TABLE_NAME": "app_attributes", "PRESET": "actingweb"})
    parsed = Settings.from_env(variables_of(planned["plain"]))

    assert least.default_ttl_attribute == "ttl_timestamp"
    assert parsed == replace(
        least, ttl_attribute="ttl_timestamp", metrics_namespace=DECLARED["namespace"]
    )


def test_index_cleanup_lifetimes_reach_the_handler_and_the_application(
    planned: dict[str, PlannedModule],
) -> None:
    """The defaults are those that come with the preset; what the caller changes both are told."""
    changed = {**PRESET["lifetimes"], "oauth_session_s": 300, "index_buffer_s": 60}
    module = planned["preset-lifetimes"]

    assert planned["plain"].outputs["lifetimes"] == PRESET["lifetimes"]
    assert module.outputs["lifetimes"] == changed
    assert Settings.from_env(variables_of(module)).lifetimes == changed


def test_index_cleanup_rules_reach_the_handler_as_they_were_written(
    planned: dict[str, PlannedModule],
) -> None:
    """Each rule of the caller's is what the handler parses, nothing lost on the way."""
    settings = Settings.from_env(variables_of(planned["everything"]))
    written = {"TABLE_NAME": "app_attributes", "RULES": json.dumps({"index": EVERYTHING})}

    assert settings.rules == Settings.from_env(written).rules
    assert "PRESET" not in variables_of(planned["everything"])
    assert "LIFETIMES" not in variables_of(planned["everything"])


@pytest.mark.parametrize("case", ["expired-only", "linked", "late", "early", "two", "entire"])
def test_index_cleanup_rule_is_accepted_by_the_handler(
    case: str, planned: dict[str, PlannedModule]
) -> None:
    """What Terraform accepts, and thins out for the environment, the handler understands alike."""
    settings = Settings.from_env(variables_of(planned[case]))
    written = {"TABLE_NAME": "app_attributes", "RULES": json.dumps(ACCEPTED[case]["rules"])}

    assert settings.rules == Settings.from_env(written).rules
    assert settings.rules.keys() == ACCEPTED[case]["rules"].keys()


def test_index_cleanup_everything_reaches_the_handler(planned: dict[str, PlannedModule]) -> None:
    """What the caller sets is what the handler reads."""
    settings = Settings.from_env(variables_of(planned["everything"]))

    assert (settings.max_deletes, settings.max_orphan_percent) == (500, 5.0)
    assert (settings.write_units_per_s, settings.threads) == (50.0, 4)
    assert settings.dry_run
    assert settings.single_writer_region
    assert settings.ttl_attribute == "ttl_timestamp"
    assert settings.metrics_namespace == "Mine/Cleanup"


def test_index_cleanup_everything_reaches_its_parts(planned: dict[str, PlannedModule]) -> None:
    """Size, keys, boundary and retention are those of the function, the logs and the roles."""
    module = planned["everything"]
    function = function_of(module)

    assert (function["memory_size"], function["architectures"]) == (512, ["x86_64"])
    assert function["kms_key_arn"] == KEY
    assert {role["permissions_boundary"] for role in module.of_type("aws_iam_role").values()} == {
        BOUNDARY
    }
    (group,) = module.of_type("aws_cloudwatch_log_group").values()
    assert (group["retention_in_days"], group["kms_key_id"]) == (7, KEY)
    assert module.resource("module.dead_letters.aws_sqs_queue.this")["kms_master_key_id"] == KEY


# The role


def test_index_cleanup_role_of_the_preset_holds_the_least(
    planned: dict[str, PlannedModule],
) -> None:
    """Rows are found in one partition only; a single DeleteItem is granted nowhere."""
    assert grants_of(planned["plain"]) == {
        **DESCRIBE,
        "FindRows": (["dynamodb:Query"], TABLE["arn"], held_to("_actingweb_oauth2")),
        "DeleteRows": (["dynamodb:PartiQLDelete"], TABLE["arn"], None),
        "ReadTargets": (["dynamodb:BatchGetItem"], TABLE["arn"], None),
        "DeleteTogether": (
            ["dynamodb:DeleteItem"],
            TABLE["arn"],
            IN_TRANSACTION,
        ),
    }


def test_index_cleanup_expired_rows_alone_need_no_other_partition(
    planned: dict[str, PlannedModule],
) -> None:
    """Without targets and linked rows nothing is read by key, and both calls stay in place."""
    assert grants_of(planned["expired-only"]) == {
        **DESCRIBE,
        "FindRows": (["dynamodb:Query"], TABLE["arn"], held_to("sessions")),
        "DeleteRows": (["dynamodb:PartiQLDelete"], TABLE["arn"], held_to("sessions")),
    }


def test_index_cleanup_partitions_that_are_written_out_hold_every_call(
    planned: dict[str, PlannedModule],
) -> None:
    """Where target and linked rows lie in named partitions, no call reaches another."""
    late, linked, two = (grants_of(planned[case]) for case in ("late", "linked", "two"))
    together = ["dynamodb:ConditionCheckItem", "dynamodb:DeleteItem"]

    assert late == {
        **DESCRIBE,
        "FindRows": (["dynamodb:Query"], TABLE["arn"], held_to("by-mail")),
        "ReadTargets": (["dynamodb:BatchGetItem"], TABLE["arn"], held_to("users")),
        "DeleteTogether": (
            together,
            TABLE["arn"],
            {**held_to("by-mail", "users"), **IN_TRANSACTION},
        ),
    }
    assert linked["DeleteTogether"] == (
        ["dynamodb:DeleteItem"],
        TABLE["arn"],
        {**held_to("sessions"), **IN_TRANSACTION},
    )
    assert linked["ReadTargets"][2] == linked["DeleteRows"][2] == held_to("sessions")
    assert two["FindRows"][2] == held_to("by-mail", "sessions")
    assert two["DeleteRows"][2] == held_to("sessions")


def test_index_cleanup_transactions_only_where_a_rule_needs_them(
    planned: dict[str, PlannedModule],
) -> None:
    """A target that is written first, without linked rows, goes by conditional batches alone."""
    early = grants_of(planned["early"])

    assert "DeleteTogether" not in early
    assert "DeleteTogether" not in grants_of(planned["expired-only"])
    assert early["DeleteRows"] == (["dynamodb:PartiQLDelete"], TABLE["arn"], None)
    assert early["FindRows"][2] == held_to("by-mail")


def test_index_cleanup_only_a_backfill_may_write(planned: dict[str, PlannedModule]) -> None:
    """The role can change a row only while `backfill` is on; the command for it exists then."""
    plain, backfill = grants_of(planned["plain"]), grants_of(planned["preset-backfill"])

    assert "Backfill" not in plain
    assert backfill == {
        **plain,
        "Backfill": (["dynamodb:PartiQLUpdate"], TABLE["arn"], None),
    }
    assert planned["plain"].outputs["backfill_command"] is None
    assert (
        '{"operation": "backfill", "dryRun": true}'
        in (planned["preset-backfill"].outputs["backfill_command"])
    )


def test_index_cleanup_table_key_is_granted_where_there_is_one(
    planned: dict[str, PlannedModule],
) -> None:
    """A table with a customer's key can be read; without one no key is reachable."""
    assert grants_of(planned["everything"])["DecryptTable"] == (["kms:Decrypt"], TABLE_KEY, None)
    assert "DecryptTable" not in grants_of(planned["plain"])


# The alarms


def test_index_cleanup_alarms_watch_what_is_emitted(planned: dict[str, PlannedModule]) -> None:
    """Each alarm on a metric of ours names one that a run emits, with its dimensions and unit."""
    own = {
        key: alarm
        for key, alarm in alarms_of(planned["plain"]).items()
        if alarm["namespace"] == DECLARED["namespace"]
    }

    assert {key: alarm["metric_name"] for key, alarm in own.items()} == {
        "item-count": "ItemCount",
        "cleanup-errors": "CleanupErrors",
        "gate-refused": "GateRefused",
        "incomplete": "RunIncomplete",
        "silence": "RunsCompleted",
    }
    for alarm in own.values():
        declared = DECLARED["metrics"][alarm["metric_name"]]
        assert alarm["dimensions"] == {"FunctionName": "cleanup"}
        assert list(alarm["dimensions"]) == DECLARED["dimensions"]
        assert alarm["unit"] in (None, declared["unit"])


def test_index_cleanup_thresholds_are_the_documented_ones(
    planned: dict[str, PlannedModule],
) -> None:
    """Over 100,000 rows; an error in an hour; a refused gate; 3 incomplete runs; 26 hours."""
    alarms = alarms_of(planned["plain"])

    items = alarms["item-count"]
    assert (items["threshold"], items["comparison_operator"]) == (100_000, "GreaterThanThreshold")
    assert (items["period"], items["evaluation_periods"]) == (86_400, 1)
    errors = alarms["cleanup-errors"]
    assert (errors["threshold"], errors["statistic"], errors["period"]) == (1, "Sum", 3_600)
    assert errors["comparison_operator"] == "GreaterThanOrEqualToThreshold"
    assert alarms["errors"]["threshold"] == 1
    assert alarms["errors"]["metric_name"] == "Errors"
    assert alarms["gate-refused"]["threshold"] == 1
    assert (alarms["incomplete"]["evaluation_periods"], alarms["incomplete"]["statistic"]) == (
        3,
        "Minimum",
    )
    assert alarms["duration"]["threshold"] == 240_000
    assert alarms["silence"]["evaluation_periods"] == 26
    assert alarms["silence"]["treat_missing_data"] == "breaching"
    assert alarms["error-rate"]["threshold"] == 5


def test_index_cleanup_stopped_ttl_is_told_by_removals_and_backlog(
    planned: dict[str, PlannedModule],
) -> None:
    """Days without a removal count only while the backlog grows, each on its own dimensions."""
    alarm = alarms_of(planned["plain"])["ttl-stopped"]
    queries = {query["id"]: query for query in alarm["metric_query"]}
    metrics = {key: query["metric"][0] for key, query in queries.items() if query["metric"]}

    assert {key: (m["metric_name"], m["dimensions"], m["stat"]) for key, m in metrics.items()} == {
        "removed": ("TimeToLiveDeletedItemCount", {"TableName": "app_attributes"}, "Sum"),
        "backlog": ("ExpiredBacklog", {"FunctionName": "cleanup"}, "Maximum"),
    }
    assert {metric["period"] for metric in metrics.values()} == {86_400}
    assert queries["stopped"]["return_data"]
    assert (alarm["datapoints_to_alarm"], alarm["evaluation_periods"]) == (3, 4)
    assert alarms_of(planned["everything"])["ttl-stopped"]["datapoints_to_alarm"] == 2


def test_index_cleanup_alarm_window_fits_the_schedule(planned: dict[str, PlannedModule]) -> None:
    """Hourly runs are judged by the hour; a run each three days is looked for over seven."""
    hourly, rare = alarms_of(planned["hourly"]), alarms_of(planned["weekly"])

    assert hourly["gate-refused"]["period"] == 3_600
    assert alarms_of(planned["plain"])["gate-refused"]["period"] == 86_400
    assert rare["gate-refused"]["treat_missing_data"] == "ignore"
    assert (
        rare["incomplete"]["datapoints_to_alarm"],
        rare["incomplete"]["evaluation_periods"],
    ) == (2, 7)


def test_index_cleanup_alarms_can_be_switched_off(planned: dict[str, PlannedModule]) -> None:
    """A threshold of 0 removes its alarm and no other; a paused schedule may be silent."""
    every = alarms_of(planned["plain"]).keys()

    assert alarms_of(planned["thresholds-off"]).keys() == every - {
        "item-count",
        "ttl-stopped",
        "cleanup-errors",
        "error-rate",
        "duration",
    }
    assert alarms_of(planned["paused"]).keys() == every - {"silence"}
    assert alarms_of(planned["silent"]) == {}


def test_index_cleanup_own_namespace_moves_metrics_and_alarms(
    planned: dict[str, PlannedModule],
) -> None:
    """Handler and alarms are told the same namespace."""
    module = planned["everything"]
    stopped = alarms_of(module)["ttl-stopped"]["metric_query"]
    namespaces = {query["metric"][0]["namespace"] for query in stopped if query["metric"]}

    assert variables_of(module)["METRICS_NAMESPACE"] == "Mine/Cleanup"
    assert alarms_of(module)["gate-refused"]["namespace"] == "Mine/Cleanup"
    assert alarms_of(module)["silence"]["namespace"] == "Mine/Cleanup"
    assert namespaces == {"Mine/Cleanup", "AWS/DynamoDB"}


def test_index_cleanup_nobody_to_tell_is_warned_of(planned: dict[str, PlannedModule]) -> None:
    """Alarms without a topic are allowed, and said aloud."""
    assert any("Nobody is told" in warning for warning in planned["plain"].warnings)
    assert not any("Nobody is told" in warning for warning in planned["everything"].warnings)


def test_index_cleanup_dashboard_draws_what_is_emitted(planned: dict[str, PlannedModule]) -> None:
    """Each graph's metric of ours is one of the table of metrics."""
    body = json.loads(planned["path"].resource("aws_cloudwatch_dashboard.this")["dashboard_body"])
    drawn = {
        metric[1]
        for widget in body["widgets"]
        for metric in widget["properties"].get("metrics", [])
        if metric[0] == DECLARED["namespace"]
    }

    assert len(drawn) > 10
    assert drawn <= DECLARED["metrics"].keys()


# The queries


def test_index_cleanup_queries_ask_for_what_is_logged(planned: dict[str, PlannedModule]) -> None:
    """Each field of the saved queries is a key of the report, which they filter for."""
    queries = queries_of(planned["plain"])
    asked = set(
        re.findall(r"report[.]([\w.]+)", "".join(q["query_string"] for q in queries.values()))
    )
    settings = Settings.from_env({"TABLE_NAME": "app_attributes", "PRESET": "actingweb"})
    keys, counts = ("id", "bucket_name"), {"item_count": 1, "size_bytes": 1}
    table = Table("app_attributes", keys, "ttl_timestamp", ttl_enabled=True, **counts)
    error = ("mcp_auth_codes", MismatchError("wrong"))
    findings = Findings(
        "run", settings, Operation.CLEAN, dry_run=False, table=table, failures=[error]
    )

    assert asked == {field for field in paths(result(findings)) if field in asked}
    assert 'filter message = "report"' in queries["results"]["query_string"]
    assert "errors.0.error" in asked


def paths(value: Any, before: str = "") -> set[str]:
    """Return the paths of a JSON value as Logs Insights names them."""
    inner = dict(enumerate(value)) if isinstance(value, list) else value
    if not isinstance(inner, dict):
        return {before}
    return {
        path for key, each in inner.items() for path in paths(each, f"{before}.{key}".strip("."))
    }


def test_index_cleanup_token_query_reads_the_applications_own_log(
    planned: dict[str, PlannedModule],
) -> None:
    """Only where a log group is named; by its own lines where the caller names them."""
    logged, own = queries_of(planned["logged"]), queries_of(planned["everything"])

    assert queries_of(planned["plain"]).keys() == {"results", "errors"}
    assert logged.keys() == {"results", "errors", "token-creation"}
    assert logged["token-creation"]["log_group_names"] == ["/aws/lambda/app"]
    assert "@message like /Stored access token/ or " in logged["token-creation"]["query_string"]
    assert "stats count() as token_count by bin(1h)" in logged["token-creation"]["query_string"]
    assert "| filter @message like /Made a token/\n" in own["token-creation"]["query_string"]


def test_index_cleanup_long_names_stay_apart(planned: dict[str, PlannedModule]) -> None:
    """Names are shortened where AWS takes no more; the alarms follow the function's."""
    functions = [function_of(planned[case])["function_name"] for case in ("long", "longer")]
    dimensions = [
        alarms_of(planned[case])["gate-refused"]["dimensions"] for case in ("long", "longer")
    ]

    assert {len(name) for name in functions} == {64}
    assert len(set(functions)) == 2
    assert [{"FunctionName": name} for name in functions] == dimensions


def test_index_cleanup_invoke_command_is_dry(planned: dict[str, PlannedModule]) -> None:
    """The command that an operator copies at night deletes nothing."""
    assert """--payload '{"dryRun": true}'""" in planned["plain"].outputs["invoke_command"]


def test_index_cleanup_outputs_are_the_common_ones() -> None:
    """Every composition gives the same outputs, so that stacks read alike."""
    declared = re.findall(
        r'^output "(\w+)"', (ROOT / "modules/index-cleanup/outputs.tf").read_text(), re.MULTILINE
    )

    assert set(declared) >= {
        "function_name",
        "function_arn",
        "role_name",
        "role_arn",
        "log_group_name",
        "dead_letter_queue_url",
        "dead_letter_queue_arn",
        "schedule_name",
        "alarm_arns",
        "dashboard_name",
        "invoke_command",
        "lifetimes",
    }


def test_index_cleanup_in_another_partition_names_it() -> None:
    """Nothing says `aws` where the region is China's."""
    arn = TABLE["arn"].replace("arn:aws:", "arn:aws-cn:").replace("eu-west-1", "cn-north-1")
    calls = {
        "cn": {**PLAIN, "table": {**TABLE, "arn": arn}, "backfill": True},
        "rules": {**with_rules(index=EVERYTHING), "table": {**TABLE, "arn": arn}},
    }
    planned = plan_variants("index-cleanup", calls, region="cn-north-1")

    for module in planned.values():
        written = json.dumps([module.resources, module.outputs])
        assert "arn:aws-cn:" in written
        assert "arn:aws:" not in written
