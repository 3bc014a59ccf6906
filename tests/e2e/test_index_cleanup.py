"""
The index cleanup as a consumer deploys it: applied, run dry, fired, read back, rolled out.

One apply and one real run serve the whole file; what changes the table or the deployment again
comes after what reads it, and says so.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from expiry.masking import masked
from tests.e2e import consumer
from tests.e2e.deployed import Deployed
from tools.demo.stage import VARIABLES
from tools.demo.token_kinds import KINDS, old_session, swept_access, unswept_access
from tools.demo.token_scene import SYSTEM, Kind, Scene, expected_body
from tools.terraform import ROOT

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cloud import Account, Cloud
    from tools.demo.token_scene import Item, Key

EXAMPLE = ROOT / "examples" / "index-cleanup"
README = ROOT / "modules" / "index-cleanup" / "README.md"
METRICS = "Expiry/IndexCleanup"
DECLARED = json.loads((ROOT / "lambda_src/index_cleanup/metrics.json").read_text())
HEALTH = {"itemCount", "tableBytes", "expiredBacklog", "ttlEnabled"}
DAY_S = 86_400
DRY_BACKFILL = '{"operation": "backfill", "dryRun": true}'
BACKFILL = '{"operation": "backfill"}'
STAYS = [kind for kind in KINDS if not kind.goes]
GOES = [kind for kind in KINDS if kind.goes]


@dataclass(frozen=True)
class World:
    """The applied example, what was in its table, and what each run said."""

    account: Account
    deployed: Deployed
    outputs: dict[str, Any]
    scene: Scene
    filled: dict[Key, Item]  # before any run
    after_dry: dict[Key, Item]
    dry: dict[str, Any]
    real: dict[str, Any]
    rows: dict[Key, Item]  # after the real run
    there: Counter[str]
    remains: Counter[str]
    denied: set[tuple[str, str]]  # to the role, in these runs

    @property
    def role(self) -> str:
        """The function's role."""
        name: str = self.deployed.told["role_name"]
        return name

    def named(self, run: dict[str, Any], outcome: str) -> set[tuple[str, str, str]]:
        """Return (hash key, masked sort key, reason) of what a run's log says ended so."""
        return {
            (row["key"]["id"], row["key"]["bucket_name"], row["reason"])
            for line in self.deployed.lines("rows")
            if line["correlation_id"] == run["runId"]
            for row in line["rows"]
            if row["outcome"] == outcome
        }


@pytest.fixture(scope="module")
def world(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Apply the example with downloaded modules; run dry, then for real; at last destroy it."""
    served, folder = tmp_path_factory.mktemp("served"), tmp_path_factory.mktemp("platform")
    consumer.pack_repo(served / consumer.ARCHIVE)
    account = cloud.account()
    with consumer.served(served) as address:
        consumer.copy_root(EXAMPLE, folder, f"{address}/{consumer.ARCHIVE}")
        with consumer.applied(folder, account, VARIABLES) as root:
            outputs = consumer.outputs(root)
            deployed = Deployed(account, root, outputs["cleanup"])
            scene = Scene(account, outputs["table_name"])
            scene.fill(KINDS)
            yield run_both(deployed, outputs, scene, tmp_path_factory.mktemp("cli"))
    assert left_over(account) == []


def run_both(deployed: Deployed, outputs: dict[str, Any], scene: Scene, folder: Path) -> World:
    """Run dry, then fire the schedule; remember what was there each time."""
    deployed.account.clear_calls()
    filled = scene.rows()
    dry = deployed.invoke(folder)
    after_dry = scene.rows()
    deployed.fire()
    return World(
        account=deployed.account,
        deployed=deployed,
        outputs=outputs,
        scene=scene,
        filled=filled,
        after_dry=after_dry,
        dry=dry,
        real=deployed.lines("report")[-1]["report"],
        rows=scene.rows(),
        there=scene.there(),
        remains=scene.remains(),
        denied=deployed.account.denied(deployed.told["role_name"]),
    )


def left_over(account: Account) -> list[str]:
    """Name what is still in the account."""
    logs, schedules = account.client("logs"), account.client("scheduler")
    groups = schedules.list_schedule_groups()["ScheduleGroups"]
    return [
        *account.client("dynamodb").list_tables()["TableNames"],
        *(f["FunctionName"] for f in account.client("lambda").list_functions()["Functions"]),
        *(role["RoleName"] for role in account.client("iam").list_roles()["Roles"]),
        *account.client("sqs").list_queues().get("QueueUrls", []),
        *(topic["TopicArn"] for topic in account.client("sns").list_topics()["Topics"]),
        *(a["AlarmName"] for a in account.client("cloudwatch").describe_alarms()["MetricAlarms"]),
        *(group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]),
        *(query["name"] for query in logs.describe_query_definitions()["queryDefinitions"]),
        *(group["Name"] for group in groups if group["Name"] != "default"),
    ]


def test_example_second_plan_is_empty(world: World) -> None:
    """Right after an apply, nothing is left to change."""
    assert world.deployed.root.changes() == []


def test_invoke_command_is_dry_and_changes_nothing(world: World) -> None:
    """The command that the module outputs runs as it stands, and leaves every row as it was."""
    assert (world.dry["dryRun"], world.real["dryRun"]) == (True, False)
    assert world.after_dry == world.filled


def test_dry_run_announces_what_the_real_run_did(world: World) -> None:
    """Row by row and count by count, the dry run said what went."""
    announced = world.named(world.dry, "would_delete")

    assert announced == world.named(world.real, "deleted")
    assert len(announced) == len(world.filled) - len(world.rows) > 100
    assert world.named(world.dry, "deleted") == set()
    assert world.dry["body"] == world.real["body"]
    assert world.dry["outcomes"]["would_delete"] == world.real["outcomes"]["deleted"]


@pytest.mark.parametrize("kind", STAYS, ids=lambda kind: kind.name)
def test_living_survives(kind: Kind, world: World) -> None:
    """Nothing that somebody can use, or of which that is not certain, is gone in any part."""
    assert world.there[kind.name] == kind.count


@pytest.mark.parametrize("kind", GOES, ids=lambda kind: kind.name)
def test_dead_is_gone_without_rest(kind: Kind, world: World) -> None:
    """No row is left of what was dead: neither token nor provider's token nor index row."""
    assert world.remains[kind.name] == 0


def test_living_rows_are_as_they_were(world: World) -> None:
    """A cleanup writes nothing: what stays is untouched."""
    assert world.rows.items() <= world.filled.items()


def test_result_is_in_the_applications_own_form(world: World) -> None:
    """The body is what ActingWeb's own cleanup answers; our counts stand beside it."""
    assert world.real["statusCode"] == 200
    assert world.real["body"] == expected_body(KINDS)
    assert (world.real["complete"], world.real["cursor"], world.real["errors"]) == (True, None, [])
    assert world.real["rules"].keys() == {
        "mcp_access_tokens",
        "mcp_refresh_tokens",
        "mcp_auth_codes",
        "oauth_sessions",
        "spa_access_tokens",
        "spa_refresh_tokens",
    }
    assert sum(rule["unknown"] for rule in world.real["rules"].values()) == 4


def test_result_tells_the_tables_health(world: World) -> None:
    """Size, backlog and whether TTL is on: a dry run leaves what it found, the real one nothing."""
    assert world.real["health"].keys() >= HEALTH
    assert world.real["health"]["ttlEnabled"] is True
    assert world.dry["health"]["expiredBacklog"] > 0
    assert world.real["health"]["expiredBacklog"] == 0


def test_log_holds_no_token(world: World) -> None:
    """A sort key is a bearer token: a hash stands for it in every line."""
    log = "\n".join(world.deployed.log())
    keys = [sort_key for _, sort_key in world.filled]
    gone = next(key for key in world.filled if key not in world.rows)

    assert [key for key in keys if key in log or key.partition(":")[2] in log] == []
    assert masked(gone[1]) in log


def test_metrics_are_read_back_under_the_function(world: World) -> None:
    """Every declared metric arrives in CloudWatch, under exactly its dimension."""
    listed = consumer.aws(world.account, "cloudwatch", "list-metrics", "--namespace", METRICS)
    name = world.deployed.told["function_name"]

    assert {metric["MetricName"] for metric in listed["Metrics"]} == set(DECLARED["metrics"])
    assert all(
        metric["Dimensions"] == [{"Name": "FunctionName", "Value": name}]
        for metric in listed["Metrics"]
    )


def test_lifetimes_are_an_output(world: World) -> None:
    """An application reads from the stack what its data's lifetimes are taken to be."""
    assert world.outputs["lifetimes"]["mcp_access_token_s"] == 3_600


# The role


def test_role_call_beyond_its_grants_is_denied(world: World) -> None:
    """No other partition is searched, nothing is written, nothing deleted without a condition."""
    client = world.account.client("dynamodb", role=world.role)
    table = world.scene.table
    sid = {"id": {"S": SYSTEM}, "bucket_name": {"S": "_client_index:x"}}
    other: dict[str, Any] = {
        "KeyConditionExpression": "id = :id",
        "ExpressionAttributeValues": {":id": {"S": "actor-1"}},
    }
    update = {
        "Statement": f'UPDATE "{table}" SET ttl_timestamp=1 WHERE id=? AND bucket_name=?',  # noqa: S608 - the table is ours
        "Parameters": list(sid.values()),
    }

    calls: tuple[Callable[[], Any], ...] = (
        lambda: client.delete_item(TableName=table, Key=sid),
        lambda: client.batch_write_item(RequestItems={table: [{"DeleteRequest": {"Key": sid}}]}),
        lambda: client.put_item(TableName=table, Item=sid),
        lambda: client.scan(TableName=table),
        lambda: client.query(TableName=table, **other),
        lambda: client.execute_statement(**update),
    )
    for call in calls:
        with pytest.raises(ClientError, match="AccessDenied"):
            call()
    assert client.query(
        TableName=table,
        KeyConditionExpression="id = :id",
        ExpressionAttributeValues={":id": {"S": SYSTEM}},
    )["Count"]


def test_role_grants_are_the_calls_made(world: World) -> None:
    """No grant but Lambda's own is left unused, resource by resource; none was missed."""
    assert world.account.unused_grants(world.role) - services(world.deployed.told) == set()
    assert world.denied == set()


def services(told: dict[str, Any]) -> set[tuple[str, str]]:
    """Return what AWS's services do with the role."""
    return {
        (action, resource)
        for grant in told["service_grants"]
        for action in grant["actions"]
        for resource in grant["resources"]
    }


# Alarms


def test_alarms_are_quiet_after_a_good_run(world: World) -> None:
    """Nothing is wrong, and nothing says so."""
    states = world.deployed.alarm_states()

    assert {name for name, state in states.items() if state == "ALARM"} == set()
    assert states["silence"] == states["item-count"] == states["gate-refused"] == "OK"


def test_alarm_on_item_count_goes_off_above_its_threshold(world: World) -> None:
    """A table of more than 100,000 rows is told of."""
    put(world, "ItemCount", 100_001, days_ago=0)

    assert world.deployed.alarm_states()["item-count"] == "ALARM"


def put(world: World, name: str, value: float, *, days_ago: float) -> None:
    """Put a datapoint as a run does, or some days ago."""
    dimension = {"Name": "FunctionName", "Value": world.deployed.told["function_name"]}
    datum = {
        "MetricName": name,
        "Value": value,
        "Unit": DECLARED["metrics"][name]["unit"],
        "Timestamp": time.time() - days_ago * DAY_S,
        "Dimensions": [dimension],
    }
    world.account.client("cloudwatch").put_metric_data(Namespace=METRICS, MetricData=[datum])


def test_alarm_on_stopped_ttl_goes_off_while_the_backlog_grows(world: World) -> None:
    """Three days without a removal and with more left each day; one removal, and it is over."""
    assert world.deployed.alarm_states()["ttl-stopped"] == "OK"
    for days_ago, backlog in enumerate((400, 300, 200, 100)):
        put(world, "ExpiredBacklog", backlog, days_ago=days_ago)
    stopped = world.deployed.alarm_states()["ttl-stopped"]

    world.account.client("cloudwatch").put_metric_data(
        Namespace="AWS/DynamoDB",
        MetricData=[
            {
                "MetricName": "TimeToLiveDeletedItemCount",
                "Value": 5,
                "Dimensions": [{"Name": "TableName", "Value": world.scene.table}],
            }
        ],
    )
    assert stopped == "ALARM"
    assert world.deployed.alarm_states()["ttl-stopped"] == "OK"


# From here on the table changes


def test_readme_commands_run_as_they_stand(world: World, tmp_path: Path) -> None:
    """Each check of the rollout guide works once the names are put in; TTL's answer is as shown."""
    text = README.read_text()
    names = {"myapp_attributes": world.scene.table}
    names["actingweb-cleanup"] = world.deployed.told["function_name"]
    answers = []
    for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for shown, real in names.items():
            block = block.replace(shown, real)  # noqa: PLW2901 - the same command, with our names
        done = subprocess.run(
            ["bash", "-euc", block],
            check=True,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=world.account.full_env() | {"AWS_DEFAULT_OUTPUT": "json"},
        )
        answers.append(json.loads(done.stdout))

    (shown,) = re.findall(r"^```json\n(\{\"TimeToLive.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert json.loads(shown) in answers
    assert len(answers) == 5
    assert all(answer.get("FunctionError") is None for answer in answers)


def test_unknown_event_key_is_refused_by_name(world: World, tmp_path: Path) -> None:
    """A misspelt payload fails with one error that names the key: it could have meant dry."""
    answer = world.deployed.invoke(tmp_path, '{"dryrun": true}')

    assert "dryrun" in answer["errorMessage"]
    assert answer["errorType"] == "EventError"


def test_payload_cannot_make_a_dry_function_real(world: World, tmp_path: Path) -> None:
    """`{"dryRun": false}` does not override DRY_RUN."""
    late = Kind("late", 1, swept_access, entries=1)
    world.scene.fill([late])
    with world.deployed.environment(DRY_RUN="true"):
        answer = world.deployed.invoke(tmp_path, '{"dryRun": false}')

    assert answer["dryRun"] is True
    assert answer["outcomes"]["would_delete"] == 1
    assert world.scene.there()["late"] == 1


def test_index_row_of_a_token_that_ttl_took_goes_with_the_next_run(world: World) -> None:
    """TTL takes the token and leaves its index row, which the schedule's run then removes."""
    swept = Kind("swept", 3, unswept_access, entries=1)
    world.scene.fill([swept])
    taken = world.account.sweep_ttl()[world.scene.table]
    left = world.scene.remains()["swept"]
    world.deployed.fire()

    report = world.deployed.lines("report")[-1]["report"]
    assert (taken, left) == (3, 3)
    assert world.scene.remains()["swept"] == 0
    assert report["body"]["mcp_tokens"]["index_entries"] == 3 + 1  # and the late one


def test_gate_refuses_an_implausible_plan_and_tells(world: World) -> None:
    """Too many index rows without a target: none goes, the run waits as a dead letter."""
    world.scene.fill([Kind("flood", 101, swept_access, entries=1)])
    before = world.scene.rows()
    with world.deployed.environment(MAX_ORPHAN_PERCENT="20"):
        world.deployed.fire()
        record = world.deployed.dead_letter()

    assert record["responsePayload"]["errorType"] == "CapExceededError"
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert world.deployed.alarm_states()["gate-refused"] == "ALARM"
    assert world.deployed.alarm_states()["cleanup-errors"] == "ALARM"
    assert world.scene.rows() == before


# From here on the deployment is another one


@pytest.fixture(scope="module")
def rolled_back(world: World) -> dict[str, Any]:
    """Apply the rollout's earlier steps: no TTL, no schedule, no alarms, and a backfill."""
    root = world.deployed.root
    flipped = {
        "ttl_enabled": "false",
        "cleanup_enabled": "false",
        "alarms_enabled": "false",
        "backfill": "true",
    }
    root.env |= {f"TF_VAR_{name}": value for name, value in flipped.items()}
    root.apply(output=False)
    told: dict[str, Any] = consumer.outputs(root)["cleanup"]
    return told


def test_rollout_variables_switch_ttl_schedule_and_alarms(
    world: World, rolled_back: dict[str, Any]
) -> None:
    """TTL is off, the schedule waits, no alarm is there; each variable does what the guide says."""
    client = world.account.client("dynamodb")
    ttl = client.describe_time_to_live(TableName=world.scene.table)["TimeToLiveDescription"]
    schedule = world.account.client("scheduler").get_schedule(
        Name=rolled_back["schedule_name"], GroupName=rolled_back["schedule_group_name"]
    )

    assert ttl["TimeToLiveStatus"] == "DISABLED"
    assert schedule["State"] == "DISABLED"
    assert world.account.client("cloudwatch").describe_alarms()["MetricAlarms"] == []


def test_backfill_dates_old_rows_before_ttl_is_on(
    world: World, rolled_back: dict[str, Any], tmp_path: Path
) -> None:
    """Dry first; then rows without a TTL get one, no other is touched, and the grant is used."""
    old = Kind("old", 4, old_session)
    world.scene.fill([old])
    world.account.clear_calls()
    before = world.scene.rows()
    dry = world.deployed.invoke(tmp_path, DRY_BACKFILL)
    unchanged = world.scene.rows() == before
    real = world.deployed.invoke(tmp_path, BACKFILL)
    after = world.scene.rows()

    dated = {key for key, row in after.items() if row != before[key]}
    table = f"arn:aws:dynamodb:{world.account.region}:{world.account.id}:table/{world.scene.table}"
    assert DRY_BACKFILL in rolled_back["backfill_command"]
    assert unchanged
    assert dry["body"] == real["body"] == {"backfilled": len(dated)}
    assert len(dated) >= old.count
    assert {key for key in dated if "ttl_timestamp" in before[key]} == set()
    assert all(after[key]["ttl_timestamp"]["N"].isdigit() for key in dated)
    assert all(after[key]["data"] == before[key]["data"] for key in dated)
    assert ("dynamodb:PartiQLUpdate", table) in world.account.used(world.role)
    assert world.account.denied(world.role) == set()
