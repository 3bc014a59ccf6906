"""
The PostgreSQL expiry as a consumer deploys it: applied in a VPC, run dry, fired, and read back.

The database is a real one, over verified TLS, its password in Secrets Manager. One apply and one
real run serve the whole file; what changes rows again comes after what reads them.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from psycopg import sql

from tests.e2e import consumer
from tests.e2e.deployed import Deployed
from tools.demo.postgres_scene import LEFT, PRIVILEGES, TOLD, Scene
from tools.terraform import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cloud import Account, Cloud
    from tests.postgres.database import Database

EXAMPLE = ROOT / "examples" / "postgres-expiry"
METRICS = "Expiry/Postgres"
DECLARED = json.loads((ROOT / "lambda_src/postgres_expiry/metrics.json").read_text())


@dataclass(frozen=True)
class World:
    """The applied example, and what each run said and left."""

    account: Account
    deployed: Deployed
    scene: Scene
    secret_arn: str
    after_dry: dict[str, int]
    dry: dict[str, Any]
    real: dict[str, Any]
    left: dict[str, int]
    denied: set[tuple[str, str]]

    @property
    def role(self) -> str:
        """The function's role."""
        name: str = self.deployed.told["role_name"]
        return name


@pytest.fixture(scope="module")
def database(debian15: Database) -> Iterator[Database]:
    """Return a database with the example's tables, as a role that may do the least."""
    owner = debian15.new_database()
    Scene(owner).fill()
    yield owner.new_role(*PRIVILEGES)
    owner.drop()


@pytest.fixture(scope="module")
def world(
    cloud: Cloud, database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """Apply the example with downloaded modules; run dry, then as scheduled."""
    served, folder = tmp_path_factory.mktemp("served"), tmp_path_factory.mktemp("platform")
    consumer.pack_repo(served / consumer.ARCHIVE)
    account = cloud.account()
    scene = Scene(database)
    secret_arn = scene.secret(account)
    variables = scene.variables(secret_arn) | {"network": json.dumps(network(account))}
    with consumer.served(served) as address:
        consumer.copy_root(EXAMPLE, folder, f"{address}/{consumer.ARCHIVE}")
        with consumer.applied(folder, account, variables) as root:
            deployed = Deployed(account, root, consumer.outputs(root)["expiry"])
            yield run_all(deployed, scene, secret_arn, tmp_path_factory.mktemp("cli"))
    assert leftovers(account) == []


def network(account: Account) -> dict[str, Any]:
    """Make what the example's VPC has to have already."""
    ec2 = account.client("ec2")
    vpc_id = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc_id, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    groups = [
        ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc_id)["GroupId"]
        for name in ("database", "endpoint")
    ]
    return {
        "vpc_id": vpc_id,
        "subnet_ids": [subnet],
        "database_security_group_id": groups[0],
        "endpoint_security_group_id": groups[1],
    }


def leftovers(account: Account) -> list[str]:
    """Name what is left of what the example makes."""
    return [
        *(f["FunctionName"] for f in account.client("lambda").list_functions()["Functions"]),
        *(a["AlarmName"] for a in account.client("cloudwatch").describe_alarms()["MetricAlarms"]),
        *(g["logGroupName"] for g in account.client("logs").describe_log_groups()["logGroups"]),
        *(r["RoleName"] for r in account.client("iam").list_roles()["Roles"]),
        *account.client("sqs").list_queues().get("QueueUrls", []),
    ]


def run_all(deployed: Deployed, scene: Scene, secret_arn: str, folder: Path) -> World:
    """Run dry by hand, then fire the schedule; remember what was there each time."""
    deployed.account.clear_calls()
    dry = deployed.invoke(folder)
    after_dry = scene.counts()
    deployed.fire()
    return World(
        account=deployed.account,
        deployed=deployed,
        scene=scene,
        secret_arn=secret_arn,
        after_dry=after_dry,
        dry=dry,
        real=deployed.lines("report")[-1]["report"],
        left=scene.counts(),
        denied=deployed.account.denied(deployed.told["role_name"]),
    )


def test_example_second_plan_is_empty(world: World) -> None:
    """Right after an apply, nothing is left to change."""
    assert world.deployed.root.changes() == []


def test_invoke_command_is_dry_and_changes_nothing(world: World) -> None:
    """The command that the module outputs runs as it stands, and leaves every row."""
    assert (world.dry["dryRun"], world.real["dryRun"]) == (True, False)
    assert world.after_dry == world.scene.filled


def test_fired_schedule_deletes_what_is_expired_and_nothing_else(world: World) -> None:
    """Of each table what its rule means is gone; what lives, is pinned, or never ends is there."""
    assert world.left == LEFT
    assert world.scene.survivors() == world.scene.living


def test_dry_run_told_what_the_real_run_did(world: World) -> None:
    """Table by table, the same numbers."""
    assert world.dry["body"] == world.real["body"]
    assert world.real["body"] == {"deleted": sum(TOLD.values()), "tables": TOLD}
    assert (world.real["statusCode"], world.real["complete"]) == (200, True)
    assert world.real["outcomes"]["deleted"] == sum(TOLD.values())


def test_metrics_are_read_back_under_their_dimensions(world: World) -> None:
    """What is counted by table carries its name, all else the function's alone."""
    listed = consumer.aws(world.account, "cloudwatch", "list-metrics", "--namespace", METRICS)
    found = {
        (metric["MetricName"], tuple(sorted((d["Name"], d["Value"]) for d in metric["Dimensions"])))
        for metric in listed["Metrics"]
    }
    function = ("FunctionName", world.deployed.told["function_name"])
    by_table = {name for name, metric in DECLARED["metrics"].items() if "dimensions" in metric}

    assert {
        (name, tuple(sorted((function, ("Table", table))))) for name in by_table for table in TOLD
    } | {(name, (function,)) for name in DECLARED["metrics"].keys() - by_table} >= found
    assert {name for name, _ in found} >= by_table | {"Deleted", "RunIncomplete", "RunsCompleted"}


def test_alarms_are_at_rest_after_a_good_run(world: World) -> None:
    """None goes off, and the one of silence has seen the run."""
    states = world.deployed.alarm_states()

    assert [name for name, state in states.items() if state == "ALARM"] == []
    assert states["silence"] == "OK"
    assert {"backlog-grows-carts", "backlog-grows-sessions", "cleanup-errors"} <= states.keys()


def test_password_is_in_no_configuration_and_no_log(world: World) -> None:
    """Who may read the function, or its log, does not know the password."""
    client = world.account.client("lambda")
    function = client.get_function(FunctionName=world.deployed.told["function_name"])
    written = json.dumps(function, default=str) + "\n".join(world.deployed.log())

    assert world.scene.database.user in written
    assert world.scene.database.password not in written


def test_role_call_beyond_its_grants_is_denied(world: World) -> None:
    """The role reads this one secret; it changes none, and looks at no other."""
    manager = world.account.client("secretsmanager", role=world.role)
    other = world.account.client("secretsmanager").create_secret(Name="other", SecretString="x")

    calls: tuple[Callable[[], Any], ...] = (
        lambda: manager.get_secret_value(SecretId=other["ARN"]),
        lambda: manager.put_secret_value(SecretId=world.secret_arn, SecretString="x"),
        lambda: manager.describe_secret(SecretId=world.secret_arn),
    )
    for call in calls:
        with pytest.raises(ClientError, match="AccessDenied"):
            call()


# From here on rows and passwords change


def test_rotated_password_is_found_by_the_next_run(world: World, tmp_path: Path) -> None:
    """A warm function asks Secrets Manager again: nothing has to be deployed or restarted."""
    world.scene.fill_again()
    rotate(world, secrets.token_urlsafe(16))
    answer = world.deployed.invoke(tmp_path, "{}")

    assert answer["body"]["tables"] == TOLD
    assert answer["complete"] is True


def rotate(world: World, password: str) -> None:
    """Give the database's user another password, and write it into the secret."""
    database = world.scene.database
    statement = sql.SQL("alter role {} password {}").format(
        sql.Identifier(database.user), sql.Literal(password)
    )
    with world.scene.owner.connect() as connection:
        connection.execute(statement)
    value = world.scene.secret_text(password)
    world.account.client("secretsmanager").put_secret_value(
        SecretId=world.secret_arn, SecretString=value
    )


def test_server_that_cannot_prove_its_name_gets_no_password(world: World, tmp_path: Path) -> None:
    """Another authority than the server's: the run fails, and says what to change."""
    with world.deployed.environment(PG_CA_FILE=str(world.account.cloud.ca_bundle)):
        answer = world.deployed.invoke(tmp_path)

    assert answer["errorType"] == "TlsError"
    assert "PG_CA_FILE" in answer["errorMessage"]


def test_missing_table_is_refused_and_waits_as_a_dead_letter(world: World) -> None:
    """Preflight names what is wrong; nothing is deleted of any table, and the alarm goes off."""
    world.scene.fill_again()
    before = world.scene.counts()
    name = world.deployed.told["function_name"]
    function = world.account.client("lambda").get_function_configuration(FunctionName=name)
    tables = json.loads(function["Environment"]["Variables"]["TABLES"])
    tables["carts"]["table"] = "cards"
    with world.deployed.environment(TABLES=json.dumps(tables)):
        world.deployed.fire()
        record = world.deployed.dead_letter()

    assert record["responsePayload"]["errorType"] == "MismatchError"
    assert "cards" in record["responsePayload"]["errorMessage"]
    assert world.scene.counts() == before
    assert world.deployed.alarm_states()["errors"] == "ALARM"


def test_unknown_event_key_is_refused_by_name(world: World, tmp_path: Path) -> None:
    """A misspelt payload fails with one error that names the key: it could have meant dry."""
    answer = world.deployed.invoke(tmp_path, '{"dryrun": true}')

    assert (answer["errorType"], "dryrun" in answer["errorMessage"]) == ("EventError", True)


def test_role_grants_are_the_calls_made(world: World) -> None:
    """No grant but Lambda's own is left unused, resource by resource; none was missed."""
    services = {
        (action, resource)
        for grant in world.deployed.told["service_grants"]
        for action in grant["actions"]
        for resource in grant["resources"]
    }

    assert world.account.unused_grants(world.role) - services == set()
    assert world.denied == set()
