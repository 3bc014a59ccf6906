"""What the module `ttl-monitor` promises: it reads one table, and says when it cannot."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import pytest

from tests.modules.plan import Arguments, PlannedModule, plan_variants
from tests.modules.ttl_monitor_calls import BUCKET, PLAIN, TABLE
from tests.unit.monitor_runs import run
from tests.unit.stored_table import StoredTable
from tools.terraform import ROOT

KEY = "arn:aws:kms:eu-west-1:111122223333:key/0d0c6d2c-6ae5-4c2a-9f0e-0f6a3f6c9e11"
TABLE_KEY = "arn:aws:kms:eu-west-1:111122223333:key/5a1f4a0e-7d7e-4bb1-8a53-6d0a1d9bb0f4"
NEW_KEY = "${aws_kms_key.new.arn}"
SHARED = """
resource "aws_kms_key" "new" {}
resource "aws_dynamodb_table" "new" {
  name         = "sessions"
  hash_key     = "thread_id"
  billing_mode = "PAY_PER_REQUEST"

  attribute {
    name = "thread_id"
    type = "S"
  }
}
"""
TOPIC = "arn:aws:sns:eu-west-1:111122223333:on-call"
BOUNDARY = "arn:aws:iam::111122223333:policy/boundary"
DECLARED = json.loads((ROOT / "lambda_src" / "ttl_monitor" / "metrics.json").read_text())

ACCEPTED: dict[str, Arguments] = {
    "plain": PLAIN,
    "everything": {
        **PLAIN,
        "tags": {"Team": "data"},
        "table": {**TABLE, "kms_key_arn": TABLE_KEY},
        "key": {"item_id_attribute": "checkpoint_id", "user_separator": "|"},
        "thresholds": {"expired_count": 5, "oldest_age_hours": 24},
        "scan": {"segments": 8, "sample_percent": 1, "max_read_units_per_second": 50},
        "export": {"bucket": {**BUCKET, "kms_key_arn": KEY}, "prefix": "reports/ttl/"},
        "schedule": {"expression": "cron(0 6 * * ? *)", "interval_minutes": 1440},
        "function": {"memory_mb": 512, "architecture": "x86_64", "log_retention_days": 7},
        "alarms": {"topic_arns": [TOPIC], "silence_hours": 26},
        "metrics_namespace": "Mine/TTL",
        "kms_key_arn": KEY,
        "permissions_boundary_arn": BOUNDARY,
    },
    "long-table": {
        **PLAIN,
        "table": {**TABLE, "name": "t" * 255, "arn": TABLE["arn"].replace("sessions", "t" * 255)},
    },
    "rare": {
        **PLAIN,
        "schedule": {"expression": "rate(3 days)"},
        "alarms": {"silence_hours": 80},
    },
    "cron-unwatched": {
        **PLAIN,
        "schedule": {"expression": "cron(0 6 * * ? *)"},
        "alarms": {"enabled": False},
    },
    "new-table": {**PLAIN, "table": {**TABLE, "arn": "${aws_dynamodb_table.new.arn}"}},
    "new-key": {
        **PLAIN,
        "table": {**TABLE, "kms_key_arn": NEW_KEY},
        "export": {"bucket": {**BUCKET, "kms_key_arn": NEW_KEY}},
        "kms_key_arn": NEW_KEY,
    },
    "quarter": {**PLAIN, "schedule": {"expression": "rate(15 minutes)"}},
    "silent": {**PLAIN, "alarms": {"enabled": False}},
    "thresholds-off": {
        **PLAIN,
        "thresholds": {
            "expired_count": 0,
            "oldest_age_hours": 0,
            "error_rate_percent": 0,
            "duration_percent": 0,
        },
    },
    "paused": {**PLAIN, "schedule": {"enabled": False}},
    "own-zip": {**PLAIN, "artifact": {"s3": {"bucket": "zips", "key": "ttl_monitor.zip"}}},
    "long": {**PLAIN, "name": "n" * 100},
    "longer": {**PLAIN, "name": "n" * 101},
}


@pytest.fixture(scope="module")
def planned() -> dict[str, PlannedModule]:
    """Plan every accepted call, once."""
    return plan_variants("ttl-monitor", ACCEPTED, shared=SHARED)


def function_of(module: PlannedModule) -> dict[str, Any]:
    """Return the planned function."""
    return module.resource("module.function.aws_lambda_function.this")


def alarms_of(module: PlannedModule) -> dict[str, dict[str, Any]]:
    """Return every planned alarm by its key."""
    return {
        re.findall(r'\["(.+)"\]$', address)[0]: alarm
        for address, alarm in module.of_type("aws_cloudwatch_metric_alarm").items()
    }


def handler_grants(module: PlannedModule) -> dict[str, list[str]]:
    """Return what the handler may call, by Sid."""
    policy = module.resource("module.function.aws_iam_role_policy.this")["policy"]
    return {
        entry["Sid"]: entry["Action"]
        for entry in json.loads(policy)["Statement"]
        if not entry["Sid"].startswith("Lambda")
    }


def test_ttl_monitor_defaults_run_the_packaged_handler_hourly(
    planned: dict[str, PlannedModule],
) -> None:
    """By default: the committed zip, whole table, no export, once an hour."""
    function = function_of(planned["plain"])
    schedule = planned["plain"].resource("module.schedule.aws_scheduler_schedule.this")
    variables = function["environment"][0]["variables"]

    zipped = (ROOT / "artifacts" / "ttl_monitor.zip").read_bytes()
    assert function["filename"].endswith("artifacts/ttl_monitor.zip")
    assert hashlib.sha256(zipped).hexdigest() in (ROOT / "artifacts" / "SHA256SUMS").read_text()
    assert function["handler"] == "ttl_monitor.handler.handler"
    assert (function["runtime"], function["architectures"]) == ("python3.13", ["arm64"])
    assert (function["memory_size"], function["timeout"]) == (256, 300)
    assert schedule["schedule_expression"] == "rate(1 hour)"
    assert variables == {
        "CHECKPOINT_TABLE_NAME": "sessions",
        "ENVIRONMENT": "prod",
        "TTL_ATTRIBUTE": "expires_at",
        "ITEM_ID_ATTRIBUTE": "thread_id",
        "USER_SEPARATOR": "#",
        "SCAN_SEGMENTS": "4",
        "SAMPLE_PERCENT": "100",
        "MAX_READ_UNITS_PER_SECOND": "0",
        "METRICS_NAMESPACE": "Expiry/TTLMonitor",
    }


def test_ttl_monitor_role_reads_and_nothing_else(planned: dict[str, PlannedModule]) -> None:
    """The handler may look at its table; it may write where there is an export, and only there."""
    reads = ["dynamodb:Scan", "dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive"]

    assert handler_grants(planned["plain"]) == {"ReadTable": reads}
    assert handler_grants(planned["everything"]) == {
        "ReadTable": reads,
        "ExportReports": ["s3:PutObject"],
        "EncryptReports": ["kms:GenerateDataKey"],
        "DecryptTable": ["kms:Decrypt"],
    }


def test_ttl_monitor_everything_reaches_its_parts(planned: dict[str, PlannedModule]) -> None:
    """What the caller sets is what the function, the schedule, the logs and the roles get."""
    module = planned["everything"]
    function = function_of(module)
    variables = function["environment"][0]["variables"]

    assert (function["memory_size"], function["architectures"]) == (512, ["x86_64"])
    assert function["kms_key_arn"] == KEY
    assert variables["ITEM_ID_ATTRIBUTE"] == "checkpoint_id"
    assert variables["SAMPLE_PERCENT"] == "1"
    assert (variables["EXPORT_BUCKET"], variables["EXPORT_PREFIX"]) == ("reports", "reports/ttl/")
    assert {role["permissions_boundary"] for role in module.of_type("aws_iam_role").values()} == {
        BOUNDARY
    }
    (group,) = module.of_type("aws_cloudwatch_log_group").values()
    assert (group["retention_in_days"], group["kms_key_id"]) == (7, KEY)
    assert module.resource("module.dead_letters.aws_sqs_queue.this")["kms_master_key_id"] == KEY


def test_ttl_monitor_alarms_watch_what_is_emitted(planned: dict[str, PlannedModule]) -> None:
    """Each alarm on a metric of ours names one that a run emits, with its dimensions and unit."""
    own = {
        key: alarm
        for key, alarm in alarms_of(planned["plain"]).items()
        if alarm["namespace"] == DECLARED["namespace"]
    }

    assert own.keys() == {
        "expired-count",
        "oldest-expired-age",
        "ttl-misconfigured",
        "incomplete",
        "silence",
    }
    for alarm in own.values():
        declared = DECLARED["metrics"][alarm["metric_name"]]
        assert list(alarm["dimensions"]) == DECLARED["dimensions"]
        assert alarm["unit"] in (None, declared["unit"])


def test_ttl_monitor_thresholds_are_the_documented_ones(
    planned: dict[str, PlannedModule],
) -> None:
    """More than 100 rows, over 72 hours, over 5 percent, 80 percent of the timeout, 3 hours."""
    alarms = alarms_of(planned["plain"])

    assert (
        alarms["expired-count"]["threshold"],
        alarms["expired-count"]["comparison_operator"],
    ) == (
        100,
        "GreaterThanThreshold",
    )
    assert alarms["oldest-expired-age"]["threshold"] == 72
    assert alarms["error-rate"]["threshold"] == 5
    assert alarms["duration"]["threshold"] == 240_000
    assert alarms["silence"]["evaluation_periods"] == 3
    assert alarms["silence"]["metric_name"] == "RunsCompleted"
    assert alarms["silence"]["treat_missing_data"] == "breaching"


def test_ttl_monitor_every_alarm_has_a_line_for_the_operator(
    planned: dict[str, PlannedModule],
) -> None:
    """Whoever is woken by an alarm finds it in the example's table, with where to look first."""
    readme = (ROOT / "examples" / "ttl-monitor" / "README.md").read_text()
    table = readme.partition("## When an alarm goes off")[2].partition("\n## ")[0]

    named = set(re.findall(r"`([a-z-]+)`", table))
    assert alarms_of(planned["plain"]).keys() - named == set()


def test_ttl_monitor_alarm_window_fits_the_schedule(planned: dict[str, PlannedModule]) -> None:
    """A daily run's metric is looked for over a day, or its alarm would recover an hour later."""
    hourly, daily = alarms_of(planned["plain"]), alarms_of(planned["everything"])

    assert hourly["expired-count"]["period"] == 3_600
    assert daily["expired-count"]["period"] == 86_400
    assert daily["silence"]["evaluation_periods"] == 26


def test_ttl_monitor_rare_runs_still_alarm(planned: dict[str, PlannedModule]) -> None:
    """Days without a run do not keep incomplete runs from raising their alarm."""
    alarms = alarms_of(planned["rare"])
    incomplete = alarms["incomplete"]

    assert (incomplete["evaluation_periods"], incomplete["datapoints_to_alarm"]) == (7, 2)
    assert incomplete["treat_missing_data"] == "notBreaching"
    assert incomplete["alarm_description"].startswith("2 runs in a row")


def test_ttl_monitor_finding_stands_until_the_next_run(planned: dict[str, PlannedModule]) -> None:
    """A run that comes a minute late does not end an alarm, to raise it again."""
    alarms = alarms_of(planned["plain"])

    for key in ("expired-count", "oldest-expired-age", "ttl-misconfigured"):
        assert alarms[key]["treat_missing_data"] == "ignore"


def test_ttl_monitor_table_with_a_long_name_fits_every_text(
    planned: dict[str, PlannedModule],
) -> None:
    """DynamoDB's longest name leaves no text too long for what it stands in."""
    module = planned["long-table"]

    assert len(function_of(module)["description"]) == 256


def test_ttl_monitor_key_made_in_the_same_apply_can_be_planned(
    planned: dict[str, PlannedModule],
) -> None:
    """Whether there is a key is known only after the apply: nothing may count on it."""
    policy = planned["new-key"].unknown["module.function.aws_iam_role_policy.this"]

    assert policy["policy"] is True


def test_ttl_monitor_table_made_in_the_same_apply_can_be_planned(
    planned: dict[str, PlannedModule],
) -> None:
    """A table that has no ARN yet is no reason to refuse; its alarms are all in the plan."""
    new = alarms_of(planned["new-table"])

    assert new.keys() == alarms_of(planned["plain"]).keys()


def test_ttl_monitor_alarms_can_be_switched_off_one_by_one(
    planned: dict[str, PlannedModule],
) -> None:
    """A threshold of 0 removes its alarm and no other; disabled alarms are none at all."""
    off = {"expired-count", "oldest-expired-age", "error-rate", "duration"}

    assert alarms_of(planned["thresholds-off"]).keys() == (alarms_of(planned["plain"]).keys() - off)
    assert alarms_of(planned["silent"]) == {}


def test_ttl_monitor_query_asks_for_what_a_report_holds(planned: dict[str, PlannedModule]) -> None:
    """Each field of the saved query, and of the dashboard's table, is a key of the report line."""
    query = planned["plain"].resource("aws_cloudwatch_query_definition.reports")["query_string"]
    fields = re.findall(r"fields (.+)", query)[0].split(", ")
    (report,) = [line for line in run(StoredTable([])).lines if line.get("message") == "report"]

    # Powertools leaves null out of a log line, and an empty table has no oldest row.
    assert set(fields) <= report.keys() | {"@timestamp", "oldest_expired_ago_hours"}
    assert 'message = "report"' in query


def test_ttl_monitor_paused_does_not_alarm_on_silence(planned: dict[str, PlannedModule]) -> None:
    """A schedule that is switched off on purpose is silent by intent."""
    assert "silence" not in alarms_of(planned["paused"])


def test_ttl_monitor_own_namespace_moves_metrics_and_alarms(
    planned: dict[str, PlannedModule],
) -> None:
    """Handler and alarms are told the same namespace."""
    module = planned["everything"]
    variables = function_of(module)["environment"][0]["variables"]

    assert variables["METRICS_NAMESPACE"] == "Mine/TTL"
    assert alarms_of(module)["expired-count"]["namespace"] == "Mine/TTL"


def test_ttl_monitor_nobody_to_tell_is_warned_of(planned: dict[str, PlannedModule]) -> None:
    """Alarms without a topic are allowed, and said aloud."""
    assert any("Nobody is told" in warning for warning in planned["plain"].warnings)
    assert not any("Nobody is told" in warning for warning in planned["everything"].warnings)


def test_ttl_monitor_long_names_stay_apart(planned: dict[str, PlannedModule]) -> None:
    """Names are shortened where AWS takes no more, and two that begin alike do not meet."""
    names = [function_of(planned[case])["function_name"] for case in ("long", "longer")]

    assert {len(name) for name in names} == {64}
    assert len(set(names)) == 2


def test_ttl_monitor_outputs_are_the_common_ones() -> None:
    """Every composition gives the same outputs, so that stacks read alike."""
    declared = re.findall(
        r'^output "(\w+)"', (ROOT / "modules/ttl-monitor/outputs.tf").read_text(), re.MULTILINE
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
    }


def test_ttl_monitor_in_another_partition_names_it() -> None:
    """Nothing says `aws` where the region is China's."""
    table = {**TABLE, "arn": "arn:aws-cn:dynamodb:cn-north-1:111122223333:table/sessions"}
    module = plan_variants("ttl-monitor", {"cn": {**PLAIN, "table": table}}, region="cn-north-1")[
        "cn"
    ]

    written = json.dumps([module.resources, module.outputs])
    assert "arn:aws-cn:" in written
    assert "arn:aws:" not in written
