"""
The purge as a consumer deploys it: set up, run dry, fired, read back, failing and redriven.

The database is a real one, over verified TLS, its password in Secrets Manager; the files are
objects in the cloud's S3. One apply and one real run serve the whole file; what changes records
again comes after what reads them.
"""

from __future__ import annotations

import json
import re
import shlex
import ssl
import urllib.parse
import urllib.request
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e import consumer
from tests.e2e.deployed import Deployed, wait_until
from tools.demo.moc_kinds import DUE_DAYS, KINDS, Expected, Kind, Moc, mocs
from tools.demo.moc_scene import PRIVILEGES, Scene
from tools.terraform import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cloud import Account, Cloud
    from tests.postgres.database import Database

EXAMPLE = ROOT / "examples" / "moc-purge"
METRICS = "Expiry/Purge"
DECLARED = json.loads((ROOT / "lambda_src/soft_delete_purge/metrics.json").read_text())
EXPECTED = Expected(KINDS)
RETRIES = 3
POISONED = Kind("poisoned", 1, DUE_DAYS)
BESIDE = Kind("expired, beside a poisoned one", 12, DUE_DAYS)

Everything = tuple[dict[str, int], set[str]]


@dataclass(frozen=True)
class World:
    """The applied example, and what each run said and left."""

    account: Account
    deployed: Deployed
    scene: Scene
    setup: dict[str, Any]
    filled: Everything
    after_dry: Everything
    dry: dict[str, Any]
    real: dict[str, Any]
    left: Everything
    survivors: tuple[dict[str, int], dict[str, int], dict[str, int]]  # MOCs, images, bricks

    @property
    def roles(self) -> dict[str, str]:
        """The functions' roles."""
        return {name: about["role_name"] for name, about in self.told["functions"].items()}

    @property
    def told(self) -> dict[str, Any]:
        """What the module tells of itself."""
        return self.deployed.told

    def failure(self) -> tuple[int, bool] | None:
        """Return how often the poisoned record was tried again, and whether it rests."""
        rows = self.scene.owner.run("select attempts, resting from expiry.purge_failures")
        return (rows[0][0], rows[0][1]) if rows else None


@pytest.fixture(scope="module")
def database(debian15: Database) -> Iterator[Database]:
    """Return an empty database."""
    owner = debian15.new_database()
    yield owner
    owner.drop()


@pytest.fixture(scope="module")
def world(
    cloud: Cloud, database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """Apply the example with downloaded modules; set up, run dry, then as scheduled."""
    served, folder = tmp_path_factory.mktemp("served"), tmp_path_factory.mktemp("platform")
    consumer.pack_repo(served / consumer.ARCHIVE)
    scene = Scene(database, cloud.account())
    scene.prepare()
    scene = replace(scene, database=database.new_role(*PRIVILEGES))
    variables = scene.variables(scene.secret()) | {"network": json.dumps(network(scene.account))}
    with consumer.served(served) as address:
        consumer.copy_root(EXAMPLE, folder, f"{address}/{consumer.ARCHIVE}")
        with consumer.applied(folder, scene.account, variables) as root:
            deployed = Deployed(scene.account, root, consumer.outputs(root)["purge"])
            yield run_all(deployed, scene, tmp_path_factory.mktemp("cli"))
    assert leftovers(scene.account) == []


def network(account: Account) -> dict[str, Any]:
    """Make what the example's VPC has to have already."""
    ec2 = account.client("ec2")
    vpc_id = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc_id, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    groups = [
        ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc_id)["GroupId"]
        for name in ("database", "endpoints")
    ]
    return {
        "vpc_id": vpc_id,
        "subnet_ids": [subnet],
        "database_security_group_id": groups[0],
        "endpoint_security_group_id": groups[1],
    }


def leftovers(account: Account) -> list[str]:
    """Name what is left of what the example makes."""
    mappings = account.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    return [
        *(f["FunctionName"] for f in account.client("lambda").list_functions()["Functions"]),
        *(mapping["UUID"] for mapping in mappings),
        *(a["AlarmName"] for a in account.client("cloudwatch").describe_alarms()["MetricAlarms"]),
        *(g["logGroupName"] for g in account.client("logs").describe_log_groups()["logGroups"]),
        *(r["RoleName"] for r in account.client("iam").list_roles()["Roles"]),
        *account.client("sqs").list_queues().get("QueueUrls", []),
    ]


def everything(scene: Scene) -> Everything:
    """Return how many rows each table has, and all keys of the bucket."""
    return scene.counts(), scene.objects()


def run_all(deployed: Deployed, scene: Scene, folder: Path) -> World:
    """Set up, run dry by hand, then fire the schedule; remember what was there each time."""
    scene.may_make_a_schema(allowed=True)
    command = {"invoke_command": deployed.told["setup_command"]}
    setup = replace(deployed, told=deployed.told | command).invoke(folder)
    scene.may_make_a_schema(allowed=False)
    assert "grants" in setup, setup
    scene.grant(setup["grants"])
    deployed.account.clear_calls()
    filled = everything(scene)
    dry = deployed.invoke(folder)
    after_dry = everything(scene)
    deployed.fire()
    return World(
        account=deployed.account,
        deployed=deployed,
        scene=scene,
        setup=setup,
        filled=filled,
        after_dry=after_dry,
        dry=dry,
        real=deployed.lines("report")[-1]["report"],
        left=everything(scene),
        survivors=(scene.survivors(), scene.images(), scene.bricks()),
    )


def test_example_second_plan_is_empty(world: World) -> None:
    """Right after an apply, nothing is left to change."""
    assert world.deployed.root.changes() == []


def test_setup_command_makes_two_tables_and_prints_all_that_the_user_needs(world: World) -> None:
    """It makes them once; the runs after it had no other right than those that it printed."""
    assert (world.setup["made"], world.setup["missing"]) == (True, [])
    assert all(line.startswith("GRANT ") for line in world.setup["grants"])
    assert not any("CREATE" in line for line in world.setup["grants"])


def test_invoke_command_is_dry_and_changes_nothing(world: World) -> None:
    """The command that the module outputs runs as it stands, and leaves every row and object."""
    assert (world.dry["dryRun"], world.real["dryRun"]) == (True, False)
    assert world.after_dry == world.filled


def test_fired_schedule_purges_what_is_due_and_nothing_else(world: World) -> None:
    """Kind by kind: what lives, was restored, is on hold or not yet due is there, and all of it."""
    mocs_left, images, bricks = world.survivors

    assert mocs_left == EXPECTED.survivors
    assert images == EXPECTED.images
    assert bricks == EXPECTED.bricks
    assert world.left[0]["moc_files"] == 2 * len(EXPECTED.kept)
    assert world.left[0]["upload_sessions"] == world.filled[0]["upload_sessions"]


def test_files_go_with_the_last_who_names_them(world: World) -> None:
    """Of the bucket exactly that is gone which no row names any more."""
    assert world.filled[1] - world.left[1] == EXPECTED.deleted_objects
    assert world.real["outboxPending"] == 0


def test_dry_run_told_what_the_real_run_did(world: World) -> None:
    """The story's five counters, the same beforehand; record by record what went."""
    assert {name: world.real[name] for name in EXPECTED.told} == EXPECTED.told
    assert {name: world.dry[name] for name in EXPECTED.told} == EXPECTED.told
    assert {each["record"] for each in world.dry["records"]} == {str(m.id) for m in EXPECTED.gone}
    keys = {each["key"] for record in world.dry["records"] for each in record["objects"]}
    assert keys >= EXPECTED.deleted_objects
    assert (world.real["complete"], world.real["errors"]) == (True, [])


def test_each_purged_record_has_one_event_without_contents(world: World) -> None:
    """One `moc.cleanup` line a record, with the run's correlation id, and no title or URL."""
    events = world.deployed.lines("moc.cleanup")
    real = [each for each in events if each["correlationId"] == world.real["correlationId"]]

    assert {each["record"] for each in real} == {str(moc.id) for moc in EXPECTED.gone}
    assert len(real) == len(EXPECTED.gone)
    assert "https://" not in json.dumps(real)
    assert "an upload names it" not in json.dumps(real)
    queries = world.account.client("logs").describe_query_definitions()["queryDefinitions"]
    (records,) = (q["queryString"] for q in queries if q["name"].endswith("/records"))
    asked = re.findall(r"fields @timestamp, (.+)", records)[0].split(", ")
    assert set(asked) - {"reason"} <= real[0].keys()


def test_metrics_are_read_back_under_the_functions_name(world: World) -> None:
    """The story's six, and ours; each under the dimension that the alarms look at."""
    listed = consumer.aws(world.account, "cloudwatch", "list-metrics", "--namespace", METRICS)
    found = {
        (metric["MetricName"], tuple((d["Name"], d["Value"]) for d in metric["Dimensions"]))
        for metric in listed["Metrics"]
    }
    function = (("FunctionName", world.told["function_name"]),)

    assert found == {(name, function) for name in DECLARED["metrics"]}


def test_alarms_are_at_rest_after_a_good_run(world: World) -> None:
    """None goes off, and the one of silence has seen the run."""
    states = world.deployed.alarm_states()

    assert [name for name, state in states.items() if state == "ALARM"] == []
    assert states["silence"] == "OK"
    assert {"failure-rate", "outbox-age", "gate-refused", "incomplete"} <= states.keys()


def test_password_is_in_no_configuration_and_no_log(world: World) -> None:
    """Who may read the functions, or their logs, does not know the password."""
    client, written = world.account.client("lambda"), "\n".join(world.deployed.log())
    for about in world.told["functions"].values():
        written += json.dumps(client.get_function(FunctionName=about["name"]), default=str)

    assert world.scene.database.user in written
    assert world.scene.database.password not in written


def test_role_cannot_delete_a_file_that_it_has_not_looked_at(world: World) -> None:
    """S3 refuses a delete without an ETag, one outside of the prefixes, and a look elsewhere."""
    world.account.client("s3").put_object(Bucket=world.scene.bucket, Key="other/x", Body=b"x")
    keys = {"under": Moc(KINDS[0], 0).files[0], "outside": "other/x"}
    for role in world.roles.values():
        s3 = world.account.client("s3", role=role)
        for call, arguments in (
            (s3.delete_object, {"Key": keys["under"]}),
            (s3.delete_object, {"Key": keys["outside"], "IfMatch": "x"}),
            (s3.list_objects_v2, {"Prefix": "other/"}),
            (s3.put_object, {"Key": keys["under"], "Body": b""}),
        ):
            with pytest.raises(ClientError, match="AccessDenied"):
                call(Bucket=world.scene.bucket, **arguments)


# From here on records change: first a run in which one of them fails


def waiting(world: World, queue: str) -> list[dict[str, Any]]:
    """Return the messages of a queue, whoever can see them, as the emulator holds them."""
    account, url = world.account, world.told[queue]["url"]
    query = urllib.parse.urlencode({"account": account.id, "QueueUrl": url})
    trusted = ssl.create_default_context(cafile=str(account.cloud.ca_bundle))
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trusted)
    )
    with opener.open(f"{account.cloud.endpoint_url}/_ministack/sqs/messages?{query}") as answer:
        held = json.load(answer)["messages"]
    return [
        json.loads(message["Body"])
        for regions in held.values()
        for queues in regions.values()
        for messages in queues.values()
        for message in messages
    ]


def failed_so(world: World, expected: tuple[int, bool]) -> bool:
    """Say whether so many retries of the poisoned record have failed, and whether it rests."""
    return world.failure() == expected


def hurry(world: World) -> None:
    """Let the message that waits for its time come at once: taken out, and sent again."""
    sqs, url = world.account.client("sqs"), world.told["retry_queue"]["url"]
    (message,) = waiting(world, "retry_queue")
    sqs.purge_queue(QueueUrl=url)
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps(message))


@pytest.fixture(scope="module")
def failing(world: World) -> dict[str, Any]:
    """Fire the schedule with one record among others that cannot be deleted."""
    world.scene.poison()
    world.scene.fill(POISONED, BESIDE)
    world.deployed.fire()
    report: dict[str, Any] = world.deployed.lines("report")[-1]["report"]
    return report


def test_poisoned_record_fails_alone(world: World, failing: dict[str, Any]) -> None:
    """The others go; it is there with all that is its own, and waits for a retry."""
    (poisoned,) = mocs(POISONED)
    (message,) = waiting(world, "retry_queue")

    assert (failing["processed"], failing["failed"]) == (BESIDE.count + 1, 1)
    assert world.scene.survivors().get(BESIDE.name) is None
    assert world.scene.survivors()[POISONED.name] == 1
    assert {*poisoned.files, *poisoned.images, poisoned.thumbnail} <= world.scene.objects()
    assert (message["id"], message["attempt"]) == (str(poisoned.id), 1)
    assert "SQLSTATE P0001" in message["error"]  # its text may hold a value, so it is left out
    assert message["correlationId"] == failing["correlationId"]
    assert message["firstFailedAt"]


def test_one_failure_among_a_dozen_is_no_alarm_of_the_rate(
    world: World, failing: dict[str, Any]
) -> None:
    """One in thirteen is under ten percent."""
    assert failing["failed"] == 1
    assert world.deployed.alarm_states()["failure-rate"] == "OK"


def test_poisoned_record_is_tried_three_times_and_rests(
    world: World, failing: dict[str, Any]
) -> None:
    """By the queue's own function, each time; then it is a dead letter, and no night takes it."""
    assert failing["failed"] == 1
    for attempt in range(1, RETRIES + 1):
        hurry(world)
        expected = (attempt, attempt == RETRIES)
        wait_until(partial(failed_so, world, expected), f"retry {attempt}")
    wait_until(lambda: bool(waiting(world, "resting_queue")), "the record in its dead-letter queue")
    (rests,) = waiting(world, "resting_queue")
    wait_until(lambda: not waiting(world, "retry_queue"), "the retry queue to be empty")

    assert rests["id"] == str(Moc(POISONED, 0).id)
    assert (rests["attempt"], rests["resting"]) == (RETRIES, True)
    assert rests["correlationId"] == failing["correlationId"]


def test_resting_record_is_left_out_by_the_next_night(world: World) -> None:
    """Nobody tries it; but where its dead letter had not been taken, that is sent now."""
    with world.scene.owner.connect() as connection:
        connection.execute("update expiry.purge_failures set queued_at = null where resting")
    world.deployed.fire()
    report = world.deployed.lines("report")[-1]["report"]

    assert (report["processed"], report["failed"]) == (0, 0)
    assert waiting(world, "retry_queue") == []
    assert [letter["id"] for letter in waiting(world, "resting_queue")] == (
        2 * [str(Moc(POISONED, 0).id)]
    )
    assert world.scene.survivors()[POISONED.name] == 1


def test_redriven_record_goes_once_its_cause_is_mended(world: World) -> None:
    """The command that the module outputs runs as it stands: the record goes with its files."""
    assert world.failure() == (RETRIES, True)
    world.scene.heal()
    (poisoned,) = mocs(POISONED)
    consumer.aws(world.account, *shlex.split(world.told["redrive_command"])[1:])

    wait_until(lambda: POISONED.name not in world.scene.survivors(), "the record to go")
    wait_until(lambda: not waiting(world, "retry_queue"), "the retry queue to be empty")
    left = world.scene.objects()
    assert not {*poisoned.files, *poisoned.images, poisoned.thumbnail} & left
    assert world.failure() is None


# And what refuses a run


def test_plan_that_does_not_fit_is_refused_and_waits_as_a_dead_letter(world: World) -> None:
    """Preflight names what is wrong; nothing is deleted, and the alarm goes off."""
    world.scene.fill(replace(BESIDE, name="expired, never purged", count=1))
    before = everything(world.scene)
    name = world.told["function_name"]
    function = world.account.client("lambda").get_function_configuration(FunctionName=name)
    plan = json.loads(function["Environment"]["Variables"]["PLAN"])
    plan["shared"]["images"]["table"] = "gallery_pictures"
    with world.deployed.environment(PLAN=json.dumps(plan)):
        world.deployed.fire()
        record = world.deployed.dead_letter()

    assert record["responsePayload"]["errorType"] == "MismatchError"
    assert "gallery_pictures" in record["responsePayload"]["errorMessage"]
    assert everything(world.scene) == before
    assert world.deployed.alarm_states()["errors"] == "ALARM"


def test_unknown_event_key_is_refused_by_name(world: World, tmp_path: Path) -> None:
    """A misspelt payload fails with one error that names the key: it could have meant dry."""
    answer = world.deployed.invoke(tmp_path, '{"dryrun": true}')

    assert (answer["errorType"], "dryrun" in answer["errorMessage"]) == ("EventError", True)


def test_roles_grants_are_the_calls_made(world: World) -> None:
    """No grant but Lambda's own is left unused, resource by resource; none was missed."""
    for name, role in world.roles.items():
        services = {
            (action, resource)
            for grant in world.told["service_grants"][name]
            for action in grant["actions"]
            for resource in grant["resources"]
        }
        assert world.account.unused_grants(role) - services == set(), name
