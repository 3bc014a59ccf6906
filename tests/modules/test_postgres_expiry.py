"""What the module `postgres-expiry` promises: it deletes what has expired, and may do no more."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from typing import Any

import pytest

from postgres_expiry import tables
from postgres_expiry.lifetimes import Lifetimes
from postgres_expiry.report import Findings, result
from postgres_expiry.request import Operation
from postgres_expiry.settings import Settings
from tests.modules.plan import PlannedModule, plan_variants
from tests.modules.postgres_expiry_calls import (
    ACCEPTED,
    BOUNDARY,
    BY_TOKEN,
    DATABASE,
    DECRYPTING,
    EVERY_KIND,
    HOST,
    KEY,
    PASSWORD_ARN,
    PLAIN,
    TABLES,
    VPC,
)
from tools.terraform import ROOT

DECLARED = json.loads((ROOT / "lambda_src" / "postgres_expiry" / "metrics.json").read_text())
READ_PASSWORD = (["secretsmanager:GetSecretValue"], PASSWORD_ARN, None)
LEAST_ENVIRONMENT = {
    "PG_DB_HOST": HOST,
    "PG_DB_NAME": "app",
    "PG_DB_USER": "expiry",
    "PG_SECRET_ARN": PASSWORD_ARN,
}


@pytest.fixture(scope="module")
def planned() -> dict[str, PlannedModule]:
    """Plan every accepted call, once."""
    return plan_variants("postgres-expiry", ACCEPTED)


def function_of(module: PlannedModule) -> dict[str, Any]:
    """Return the planned function."""
    return module.resource("module.function[0].aws_lambda_function.this")


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


def policy_of(module: PlannedModule) -> list[dict[str, Any]]:
    """Return the statements of the function's role."""
    policy = module.resource("module.function[0].aws_iam_role_policy.this")["policy"]
    statements: list[dict[str, Any]] = json.loads(policy)["Statement"]
    return statements


def grants_of(
    module: PlannedModule,
) -> dict[str, tuple[list[str], str, dict[str, Any] | None]]:
    """Return what the handler may call, by Sid: actions, resource, condition."""
    return {
        entry["Sid"]: (entry["Action"], *entry["Resource"], entry.get("Condition"))
        for entry in policy_of(module)
        if not entry["Sid"].startswith("Lambda")
    }


# Settings


def test_postgres_expiry_defaults_are_the_documented_ones(
    planned: dict[str, PlannedModule],
) -> None:
    """By default: the committed zip, daily at three UTC, 300 s and 256 MB, a real run."""
    function = function_of(planned["plain"])
    schedule = planned["plain"].resource("module.schedule[0].aws_scheduler_schedule.this")
    variables = dict(variables_of(planned["plain"]))

    zipped = (ROOT / "artifacts" / "postgres_expiry.zip").read_bytes()
    assert function["filename"].endswith("artifacts/postgres_expiry.zip")
    assert hashlib.sha256(zipped).hexdigest() in (ROOT / "artifacts" / "SHA256SUMS").read_text()
    assert function["handler"] == "postgres_expiry.handler.handler"
    assert (function["runtime"], function["architectures"]) == ("python3.13", ["arm64"])
    assert (function["memory_size"], function["timeout"]) == (256, 300)
    assert schedule["schedule_expression"] == "cron(0 3 * * ? *)"
    assert schedule["schedule_expression_timezone"] == "UTC"
    assert schedule["target"][0]["input"] == "{}"
    assert json.loads(variables.pop("TABLES")) == {
        "sessions": {
            "schema": "public",
            "table": "sessions",
            "expiry": {"column": "expires_at", "kind": "timestamptz"},
            "grace_s": 0,
            "batch_size": 500,
            "allow_sequential_scan": False,
        }
    }
    assert variables == {
        **LEAST_ENVIRONMENT,
        "PG_DB_PORT": "5432",
        "PG_TLS": "verify-full",
        "DRY_RUN": "false",
        "MAX_DELETES_PER_RUN": "1000000",
        "MAX_ROWS_PER_SECOND": "0",
        "LATENCY_TARGET_MS": "200",
        "MAX_REPLICA_LAG_S": "0",
        "CLOCK_SKEW_S": "60",
        "METRICS_NAMESPACE": "Expiry/Postgres",
    }


@pytest.mark.parametrize(
    ("case", "what"),
    [("plain", {"TABLES": json.dumps(TABLES)}), ("actingweb", {"PRESET": "actingweb"})],
)
def test_postgres_expiry_defaults_are_the_handlers_own(
    case: str, what: dict[str, str], planned: dict[str, PlannedModule]
) -> None:
    """With nothing but the database and what expires set, the handler runs as this module sets."""
    parsed = Settings.from_env(variables_of(planned[case]))
    least = Settings.from_env(LEAST_ENVIRONMENT | what)

    assert parsed == replace(least, metrics_namespace=DECLARED["namespace"])


def test_postgres_expiry_everything_reaches_the_handler(
    planned: dict[str, PlannedModule],
) -> None:
    """What the caller sets is what the handler reads."""
    settings = Settings.from_env(variables_of(planned["everything"]))
    refused: list[str] = []

    assert settings.tables == tables.parse(json.dumps(EVERY_KIND), refused.append)
    assert refused == []
    assert settings.tables["millis"].where[0].value == "it's done"
    assert (settings.server.port, settings.server.ca_file) == (6432, "/etc/ssl/own/ca.pem")
    assert (settings.max_deletes, settings.max_rows_per_s) == (5_000_000, 1_000)
    assert (settings.latency_target_ms, settings.max_replica_lag_s) == (50, 30)
    assert (settings.clock_skew_s, settings.dry_run) == (5, True)
    assert settings.metrics_namespace == "Mine/Expiry"


def test_postgres_expiry_preset_takes_its_schema_and_lifetimes(
    planned: dict[str, PlannedModule],
) -> None:
    """What the caller says of ActingWeb reaches the handler, and the application by an output."""
    module = planned["schema-and-lifetimes"]
    preset = Settings.from_env(variables_of(module)).preset

    assert preset is not None
    assert (preset.schema, preset.lifetimes) == ("acting", Lifetimes(oauth_session_s=60))
    assert Lifetimes(**module.outputs["lifetimes"]) == preset.lifetimes
    assert (
        json.loads(module.outputs["systemd"]["files"]["config.json"])["LIFETIMES"]
        == (module.outputs["lifetimes"])
    )


def test_postgres_expiry_everything_reaches_its_parts(planned: dict[str, PlannedModule]) -> None:
    """Size, keys, boundary, layers and network reach the function, the logs and the roles."""
    module = planned["everything"]
    function = function_of(module)

    assert (function["memory_size"], function["architectures"]) == (512, ["x86_64"])
    assert function["kms_key_arn"] == KEY
    assert function["layers"] == ["arn:aws:lambda:eu-west-1:111122223333:layer:ca:1"]
    assert sorted(function["vpc_config"][0]["subnet_ids"]) == VPC["subnet_ids"]
    assert {role["permissions_boundary"] for role in module.of_type("aws_iam_role").values()} == {
        BOUNDARY
    }
    (group,) = module.of_type("aws_cloudwatch_log_group").values()
    assert (group["retention_in_days"], group["kms_key_id"]) == (7, KEY)
    assert module.resource("module.dead_letters[0].aws_sqs_queue.this")["kms_master_key_id"] == KEY


def test_postgres_expiry_environment_holds_no_password(planned: dict[str, PlannedModule]) -> None:
    """Where the password comes from is said; itself it is nowhere."""
    for case in ("plain", "by-token", "everything"):
        names = {name for name in variables_of(planned[case]) if name.startswith("PG_")}
        assert len(names & {"PG_SECRET_ARN", "PG_IAM_AUTH"}) == 1
        assert not {name for name in names if "PASSWORD" in name}


# The role


def test_postgres_expiry_role_reads_one_secret_and_nothing_else(
    planned: dict[str, PlannedModule],
) -> None:
    """One action on one secret."""
    assert grants_of(planned["plain"]) == {"ReadPassword": READ_PASSWORD}


def test_postgres_expiry_role_decrypts_that_secret_only(
    planned: dict[str, PlannedModule],
) -> None:
    """With a customer's key it decrypts, and only what is that secret."""
    assert grants_of(planned["everything"]) == {
        "ReadPassword": READ_PASSWORD,
        "DecryptPassword": (
            ["kms:Decrypt"],
            DECRYPTING,
            {"StringEquals": {"kms:EncryptionContext:SecretARN": [PASSWORD_ARN]}},
        ),
    }


def test_postgres_expiry_role_by_token_connects_as_one_user(
    planned: dict[str, PlannedModule],
) -> None:
    """IAM authentication: one user of one database cluster, and no secret."""
    module = planned["by-token"]

    assert grants_of(module) == {
        "ConnectAsOneUser": (
            ["rds-db:connect"],
            f"arn:aws:rds-db:eu-west-1:111122223333:dbuser:{BY_TOKEN['db_resource_id']}/expiry",
            None,
        )
    }
    assert variables_of(module)["PG_IAM_AUTH"] == "true"
    assert "PG_SECRET_ARN" not in variables_of(module)


def test_postgres_expiry_network_interfaces_are_lambdas_and_not_the_handlers(
    planned: dict[str, PlannedModule],
) -> None:
    """In a VPC Lambda may make interfaces, for a reason; the handler itself is denied it."""
    statements = {entry["Sid"]: entry for entry in policy_of(planned["in-vpc"])}
    listed = {grant["sid"]: grant for grant in planned["in-vpc"].outputs["service_grants"]}

    assert statements["LambdaNetworkInterfaces"]["Effect"] == "Allow"
    assert statements["LambdaNetworkInterfacesNotForTheHandler"]["Effect"] == "Deny"
    assert listed["NetworkInterfaces"]["reason"]
    assert "LambdaNetworkInterfaces" not in {e["Sid"] for e in policy_of(planned["plain"])}


# Warnings


def test_postgres_expiry_in_a_vpc_without_a_way_to_its_secret_is_warned_of(
    planned: dict[str, PlannedModule],
) -> None:
    """Said in time: else each run would hang until its timeout."""

    def warned(case: str) -> bool:
        return any("hangs until its timeout" in warning for warning in planned[case].warnings)

    assert warned("in-vpc")
    assert not warned("everything")  # says that there is an endpoint
    assert not warned("by-token")  # calls nobody
    assert not warned("plain")


def test_postgres_expiry_outside_of_a_vpc_is_warned_of(planned: dict[str, PlannedModule]) -> None:
    """A database that only the internet's side could reach is said aloud."""

    def warned(case: str) -> bool:
        return any("is in no VPC" in warning for warning in planned[case].warnings)

    assert [case for case in ("plain", "in-vpc", "loopback", "timer") if warned(case)] == ["plain"]


def test_postgres_expiry_nobody_to_tell_is_warned_of(planned: dict[str, PlannedModule]) -> None:
    """Alarms without a topic are allowed, and said aloud."""
    assert any("Nobody is told" in warning for warning in planned["plain"].warnings)
    assert not any("Nobody is told" in warning for warning in planned["everything"].warnings)


# Alarms, dashboard, queries


def test_postgres_expiry_alarms_watch_what_is_emitted(planned: dict[str, PlannedModule]) -> None:
    """Each alarm on a metric of ours names one that a run emits, with its dimensions and unit."""
    module = planned["everything"]
    own = {k: a for k, a in alarms_of(module).items() if a["namespace"] == "Mine/Expiry"}

    assert {key: alarm["metric_name"] for key, alarm in own.items()} == {
        "cleanup-errors": "CleanupErrors",
        "replica-lag": "ReplicaLagStopped",
        "incomplete": "RunIncomplete",
        "silence": "RunsCompleted",
    }
    for alarm in own.values():
        declared = DECLARED["metrics"][alarm["metric_name"]]
        assert alarm["dimensions"] == {"FunctionName": "expiry"}
        assert list(alarm["dimensions"]) == declared.get("dimensions", DECLARED["dimensions"])
        assert alarm["unit"] in (None, declared["unit"])
    assert "gate-refused" in alarms_of(planned["actingweb"])
    assert not {"gate-refused", "replica-lag"} & alarms_of(planned["plain"]).keys()


@pytest.mark.parametrize(
    ("case", "names"), [("plain", ["sessions"]), ("actingweb", ["attributes"])]
)
def test_postgres_expiry_backlog_that_grows_alarms_for_each_table(
    case: str, names: list[str], planned: dict[str, PlannedModule]
) -> None:
    """Three days in a row more than the day before, and over a thousand: it never catches up."""
    alarms = alarms_of(planned[case])
    backlog = {key: alarm for key, alarm in alarms.items() if key.startswith("backlog-grows-")}

    assert sorted(backlog) == [f"backlog-grows-{name}" for name in names]
    alarm = backlog[f"backlog-grows-{names[0]}"]
    queries = {query["id"]: query for query in alarm["metric_query"]}
    (metric,) = queries["backlog"]["metric"]
    assert (metric["metric_name"], metric["stat"], metric["period"]) == (
        "ExpiredRows",
        "Minimum",
        86_400,
    )
    assert metric["dimensions"] == {"FunctionName": "expiry", "Table": names[0]}
    assert list(metric["dimensions"]) == DECLARED["metrics"]["ExpiredRows"]["dimensions"]
    assert queries["growth"]["expression"] == "IF(backlog >= 1000, DIFF(backlog), 0)"
    assert (alarm["threshold"], alarm["comparison_operator"]) == (0, "GreaterThanThreshold")
    assert (alarm["evaluation_periods"], alarm["treat_missing_data"]) == (3, "notBreaching")


def test_postgres_expiry_thresholds_are_the_documented_ones(
    planned: dict[str, PlannedModule],
) -> None:
    """One error in an hour; three incomplete runs; 26 silent hours; four fifths of the timeout."""
    alarms = alarms_of(planned["plain"])

    errors = alarms["cleanup-errors"]
    assert (errors["threshold"], errors["comparison_operator"]) == (
        1,
        "GreaterThanOrEqualToThreshold",
    )
    assert (errors["statistic"], errors["period"]) == ("Sum", 3_600)
    assert (alarms["errors"]["metric_name"], alarms["errors"]["threshold"]) == ("Errors", 1)
    assert (alarms["incomplete"]["period"], alarms["incomplete"]["evaluation_periods"]) == (
        86_400,
        3,
    )
    assert alarms["duration"]["threshold"] == 240_000
    assert alarms["silence"]["period"] * alarms["silence"]["evaluation_periods"] == 26 * 3_600
    assert alarms["silence"]["treat_missing_data"] == "breaching"
    changed = alarms_of(planned["everything"])
    assert changed["cleanup-errors"]["threshold"] == 9
    assert changed["backlog-grows-zoned"]["evaluation_periods"] == 2
    assert changed["incomplete"]["period"] == 3_600


def test_postgres_expiry_alarms_can_be_switched_off(planned: dict[str, PlannedModule]) -> None:
    """A threshold of 0 removes its alarm and no other; a paused schedule may be silent."""
    every = alarms_of(planned["plain"]).keys()

    assert alarms_of(planned["thresholds-off"]).keys() == every - {
        "cleanup-errors",
        "backlog-grows-sessions",
        "error-rate",
        "duration",
    }
    assert alarms_of(planned["paused"]).keys() == every - {"silence"}
    assert alarms_of(planned["silent"]) == {}
    rare = alarms_of(planned["two-days"])["incomplete"]
    assert (rare["datapoints_to_alarm"], rare["evaluation_periods"]) == (3, 7)


def test_postgres_expiry_queries_ask_for_what_is_logged(
    planned: dict[str, PlannedModule],
) -> None:
    """Each field of the saved query of reports is a key of the report."""
    query = planned["plain"].resource('aws_cloudwatch_query_definition.this["reports"]')
    asked = re.findall(r"fields @timestamp, (.+)", query["query_string"])[0].split(", ")
    settings = Settings.from_env(LEAST_ENVIRONMENT | {"TABLES": json.dumps(TABLES)})
    answer = result(Findings("run", settings, Operation.CLEAN, dry_run=False))

    for field in asked:
        value: Any = {"report": answer}
        for part in field.split("."):
            assert part in value, field
            value = value[part]


def test_postgres_expiry_dashboard_shows_each_table(planned: dict[str, PlannedModule]) -> None:
    """Backlog, age, size and deletions of every table, under the dimensions that are emitted."""
    body = json.loads(
        planned["everything"].resource("aws_cloudwatch_dashboard.this[0]")["dashboard_body"]
    )
    shown = {
        (metric[1], tuple(metric[2 : 2 + 4]))
        for widget in body["widgets"]
        for metric in widget["properties"].get("metrics", [])
        if metric[0] == "Mine/Expiry"
    }

    for table in EVERY_KIND:
        for metric in ("ExpiredRows", "OldestExpiredAgeHours", "TableBytes", "RowsDeleted"):
            assert (metric, ("FunctionName", "expiry", "Table", table)) in shown
    assert {metric for metric, _ in shown} <= DECLARED["metrics"].keys()


# Other ways to run it, names, outputs


@pytest.mark.parametrize("case", ["inside", "inside-actingweb", "timer"])
def test_postgres_expiry_without_lambda_makes_nothing(
    case: str, planned: dict[str, PlannedModule]
) -> None:
    """Only text is rendered: no resource, no role, no alarm."""
    module = planned[case]

    assert [address for address in module.resources if ".data." not in f".{address}"] == []
    assert {name for name, value in module.outputs.items() if value} == {
        "lifetimes",
        "systemd" if case == "timer" else "pg_cron",
    }


def test_postgres_expiry_config_file_says_what_the_environment_says(
    planned: dict[str, PlannedModule],
) -> None:
    """The command's file and the function's variables are one: but for the password's place."""
    module = planned["everything"]
    config = json.loads(module.outputs["systemd"]["files"]["config.json"])
    text = {name: v if isinstance(v, str) else json.dumps(v) for name, v in config.items()}
    by_command = Settings.from_env(text | {"PG_PASSWORD_FILE": "/srv/password"})
    by_lambda = Settings.from_env(variables_of(module))

    assert replace(by_command, password=by_lambda.password, metrics_namespace="Mine/Expiry") == (
        by_lambda
    )


def test_postgres_expiry_systemd_files_follow_their_input(
    planned: dict[str, PlannedModule],
) -> None:
    """Paths, user, times and limits are the caller's; the limits of a run come from one number."""
    files = planned["everything"].outputs["systemd"]["files"]
    service, crontab = files["expiry.service"], files["crontab"]

    start = (
        "/usr/local/python/bin/python3 -m postgres_expiry --config /srv/config.json"
        " --password-file {} --time-limit-s 1780"
    )
    assert f"ExecStart={start.format('${CREDENTIALS_DIRECTORY}/password')}\n" in service
    assert "LoadCredential=password:/srv/password\n" in service
    assert ("User=upkeep\n" in service, "DynamicUser" in service) == (True, False)
    assert "TimeoutStartSec=30min\n" in service
    assert "OnCalendar=hourly\n" in files["expiry.timer"]
    assert f"7 * * * * upkeep PYTHONPATH=/srv/expiry.zip {start.format('/srv/password')}" in crontab


def test_postgres_expiry_pg_cron_follows_its_input(planned: dict[str, PlannedModule]) -> None:
    """Schema, schedule, databases, history, dry run and pace are the caller's."""
    job = planned["everything"].outputs["pg_cron"]
    install, schedule = job["files"]["install.sql"], job["files"]["schedule.sql"]

    assert 'create or replace procedure "upkeep"."expiry"(' in install
    assert "dry_run boolean default true" in install
    assert "max_deletes bigint default 5000000" in install
    assert "interval '4 minutes'" in install
    assert "cast(rows_deleted as double precision) / 1000 - took_ms" in install
    assert "lag_s > 30" in install
    assert (
        "cron.schedule_in_database('expiry', '*/5 * * * *', 'call \"upkeep\".\"expiry\"()', 'app')"
    ) in schedule
    assert "interval '3 days'" in schedule
    assert (
        "schedule_in_database('"
        not in (planned["inside"].outputs["pg_cron"]["files"]["schedule.sql"])
    )
    assert set(job["files"]) == {
        "install.sql",
        "schedule.sql",
        "unschedule.sql",
        "uninstall.sql",
    }
    assert {"verify_job", "run_history", "expired_count_zoned", "table_size_zoned"} <= set(
        job["queries"]
    )


def test_postgres_expiry_long_names_stay_apart(planned: dict[str, PlannedModule]) -> None:
    """Names are shortened where AWS takes no more, and where PostgreSQL would cut them silently."""
    cases = ("long", "longer")
    functions = [function_of(planned[case])["function_name"] for case in cases]
    assert {len(name) for name in functions} == {64}
    assert len(set(functions)) == 2

    def identifiers(case: str) -> set[str]:
        install = planned[case].outputs["pg_cron"]["files"]["install.sql"]
        return set(re.findall(r'"expiry"\."([^"]+)"', install))

    first, second = (identifiers(case) for case in cases)
    assert len(first) == 2 + len(EVERY_KIND)
    assert max(len(name) for name in first | second) <= 63
    assert not first & second


def test_postgres_expiry_invoke_command_is_dry(planned: dict[str, PlannedModule]) -> None:
    """The command that an operator copies at night deletes nothing."""
    assert """--payload '{"dryRun": true}'""" in planned["plain"].outputs["invoke_command"]


def test_postgres_expiry_outputs_are_the_common_ones() -> None:
    """Every composition gives the same outputs, so that stacks read alike."""
    declared = re.findall(
        r'^output "(\w+)"', (ROOT / "modules/postgres-expiry/outputs.tf").read_text(), re.MULTILINE
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


def test_postgres_expiry_in_another_partition_names_it() -> None:
    """Nothing says `aws` where the region is China's."""

    def chinese(arn: str) -> str:
        return arn.replace("arn:aws:", "arn:aws-cn:").replace("eu-west-1", "cn-north-1")

    secret = {**PLAIN, "database": {**DATABASE, "secret_arn": chinese(PASSWORD_ARN)}}
    token = {**PLAIN, "name": "token", "database": BY_TOKEN}
    planned = plan_variants(
        "postgres-expiry", {"secret": secret, "token": token}, region="cn-north-1"
    )

    for module in planned.values():
        written = json.dumps([module.resources, module.outputs])
        assert "arn:aws-cn:" in written
        assert "arn:aws:" not in written
    assert grants_of(planned["token"])["ConnectAsOneUser"][1].startswith("arn:aws-cn:rds-db:cn-")
