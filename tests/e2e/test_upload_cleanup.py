"""
The upload cleanup as a consumer deploys it: applied, run dry, fired, read back, and undone.

One apply and one real run serve the whole file; what changes the bucket again comes after what
reads it, and says so.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e import consumer
from tests.e2e.deployed import Deployed, wait_until
from tools.demo.stage import VARIABLES
from tools.demo.upload_kinds import GOES, KINDS, STAYS, expired, expired_object, uploaded_with_ttl
from tools.demo.upload_scene import Kind, Scene, counted, key_of
from tools.terraform import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cloud import Account, Cloud
    from tools.demo.upload_scene import Item, Thing

EXAMPLE = ROOT / "examples" / "upload-cleanup"
METRICS = "VideoUpload/Cleanup"
DECLARED = json.loads((ROOT / "lambda_src/upload_cleanup/metrics.json").read_text())
ORPHANS = {"orphaned object", "orphaned object, was multipart"}
TRAIL = ("action", "key", "reason", "outcome")

Everything = tuple[dict[str, "Item"], set[str], set[str]]


@dataclass(frozen=True)
class World:
    """The applied example, what was in it, and what each run said."""

    account: Account
    deployed: Deployed
    outputs: dict[str, Any]
    scene: Scene
    filled: Everything  # before any run
    after_dry: Everything
    first: dict[str, Any]  # the first dry run
    dry: dict[str, Any]  # the one a day later
    real: dict[str, Any]
    there: Counter[str]  # after the real run: of how many things everything is left, by kind
    remains: Counter[str]  # and anything
    rows: dict[str, Item]
    denied: set[tuple[str, str]]  # to the role, in any of these runs

    @property
    def role(self) -> str:
        """The function's role."""
        name: str = self.deployed.told["role_name"]
        return name

    def acted(self, run: dict[str, Any], *outcomes: str) -> set[tuple[str, str]]:
        """Return (action, key) of what a run's log says ended so."""
        return {
            (line["action"], line["key"])
            for line in self.deployed.lines("action")
            if line["run_id"] == run["requestId"] and line["outcome"] in outcomes
        }


def everything(scene: Scene) -> Everything:
    """Return all rows, keys and uploads that are there."""
    return scene.sessions(), scene.objects(), scene.uploads()


@pytest.fixture(scope="module")
def world(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Apply the example with downloaded modules; run dry, a day later dry again, and for real."""
    served, folder = tmp_path_factory.mktemp("served"), tmp_path_factory.mktemp("platform")
    consumer.pack_repo(served / consumer.ARCHIVE)
    account = cloud.account()
    with consumer.served(served) as address:
        consumer.copy_root(EXAMPLE, folder, f"{address}/{consumer.ARCHIVE}")
        with consumer.applied(folder, account, VARIABLES) as root:
            outputs = consumer.outputs(root)
            deployed = Deployed(account, root, outputs["cleanup"])
            scene = Scene(account, outputs["table_name"], outputs["bucket_name"])
            scene.fill(KINDS)
            yield run_all(deployed, outputs, scene, tmp_path_factory.mktemp("cli"))


def run_all(deployed: Deployed, outputs: dict[str, Any], scene: Scene, folder: Path) -> World:
    """Run dry, a day later dry again, then fire the schedule; remember what was there each time."""
    deployed.account.clear_calls()
    filled = everything(scene)
    first = deployed.invoke(folder)
    scene.a_day_later(outputs["audit_bucket"])
    dry = deployed.invoke(folder)
    after_dry = everything(scene)
    deployed.fire()
    return World(
        account=deployed.account,
        deployed=deployed,
        outputs=outputs,
        scene=scene,
        filled=filled,
        after_dry=after_dry,
        first=first,
        dry=dry,
        real=deployed.lines("report")[-1]["report"],
        there=counted(scene.survivors()),
        remains=counted(scene.remains()),
        rows=scene.sessions(),
        denied=deployed.account.denied(deployed.told["role_name"]),
    )


def test_example_second_plan_is_empty(world: World) -> None:
    """Right after an apply, nothing is left to change."""
    assert world.deployed.root.changes() == []


def test_invoke_command_is_dry_and_changes_nothing(world: World) -> None:
    """The command that the module outputs runs as it stands, and leaves every row and object."""
    assert (world.first["dryRun"], world.dry["dryRun"], world.real["dryRun"]) == (True, True, False)
    assert world.after_dry == world.filled


def test_first_run_holds_orphans_for_a_second_sighting(world: World) -> None:
    """What no earlier run has seen as an orphan is kept, however old it is."""
    keys = {thing.key for thing in world.scene.things if thing.kind in ORPHANS}
    told = {key for _, key in world.acted(world.first, "would_delete")}

    assert world.first["orphanedObjectsCleanup"] == 0
    assert world.first["orphanedUploadsAborted"] == 0
    assert told & keys == set()


def test_dry_run_plan_is_what_the_real_run_did(world: World) -> None:
    """Action by action and key by key, the dry run announced what went."""
    announced = world.acted(world.dry, "would_delete")

    assert announced == world.acted(world.real, "deleted")
    assert len(announced) > sum(kind.count for kind in GOES)
    assert world.acted(world.dry, "deleted") == set()
    counts = world.dry["outcomes"]["would_delete"], world.real["outcomes"]["deleted"]
    assert counts[0] == counts[1] == sum(kind.count for kind in GOES)


@pytest.mark.parametrize("kind", STAYS, ids=lambda kind: kind.name)
def test_living_survives(kind: Kind, world: World) -> None:
    """Nothing that lives, or of which that is not certain, is gone in any part."""
    assert world.there[kind.name] == kind.count


def test_living_rows_are_as_they_were(world: World) -> None:
    """Nothing is written on a session but a mark for review, or a claim that settles."""
    written = {"stuck: created, parts are old", "expired, completed: settles"}
    kept = [
        thing.session_id
        for thing in world.scene.things
        if thing.session_id and not thing.goes and thing.kind not in written
    ]
    before, after = world.filled[0], world.rows

    assert len(kept) > 100
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}


@pytest.mark.parametrize("kind", GOES, ids=lambda kind: kind.name)
def test_abandoned_is_gone_without_rest(kind: Kind, world: World) -> None:
    """Neither a row nor an object nor an upload is left of what was abandoned."""
    assert world.remains[kind.name] == 0


def test_stuck_session_is_marked_and_keeps_its_evidence(world: World) -> None:
    """A person gets a week: TTL must not take the row away before."""
    review_s = world.scene.now_s + 167 * 3_600
    stuck = [row for name, row in world.rows.items() if name.startswith("stuck-")]

    assert world.real["markedPartial"] == len(stuck) == 4
    assert {row["status"]["S"] for row in stuck} == {"partial"}
    assert all(int(row["ttl"]["N"]) > review_s for row in stuck)


def test_result_has_the_documented_shape(world: World) -> None:
    """The report has the agreed names, and our own beside them; every candidate has one outcome."""
    assert world.real.keys() >= {
        "timestamp",
        "requestId",
        "expiredSessionsCleanup",
        "orphanedObjectsCleanup",
        "failedUploadsCleanup",
        "totalDuration",
        "errors",
        "complete",
        "cursor",
        "outcomes",
        "markedPartial",
        "orphanedUploadsAborted",
        "unmatched",
        "markedBytes",
        "estimatedMonthlySavings",
    }
    assert world.real["expiredSessionsCleanup"].keys() == {
        "sessionsProcessed",
        "multipartUploadsAborted",
        "objectsDeleted",
        "errors",
    }
    assert (world.real["complete"], world.real["cursor"], world.real["errors"]) == (True, None, [])
    assert world.real["unmatched"] == 2


def test_audit_trail_in_the_bucket_is_the_logs(world: World) -> None:
    """Each action stands in S3 too, as a JSON line under Hive partitions."""
    bucket, today = world.outputs["audit_bucket"], time.strftime("%Y-%m-%d", time.gmtime())
    prefix = (
        f"upload-cleanup/actions/table={world.scene.table}/dt={today}/"
        f"run_id={world.real['requestId']}/"
    )
    listed = world.scene.s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
    bodies = [
        world.scene.s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read().decode()
        for each in listed
    ]
    kept = [json.loads(line) for body in bodies for line in body.splitlines()]
    logged = [
        line for line in world.deployed.lines("action") if line["run_id"] == world.real["requestId"]
    ]

    assert len(kept) > sum(kind.count for kind in GOES)
    assert Counter(tuple(line[name] for name in TRAIL) for line in kept) == Counter(
        tuple(line[name] for name in TRAIL) for line in logged
    )


def test_metrics_are_read_back_under_the_function(world: World) -> None:
    """Every declared metric arrives in CloudWatch, under exactly its dimension."""
    listed = consumer.aws(world.account, "cloudwatch", "list-metrics", "--namespace", METRICS)
    name = world.deployed.told["function_name"]

    assert {metric["MetricName"] for metric in listed["Metrics"]} == set(DECLARED["metrics"])
    assert all(
        metric["Dimensions"] == [{"Name": "FunctionName", "Value": name}]
        for metric in listed["Metrics"]
    )


def test_alarms_tell_of_the_trap_and_of_nothing_else(world: World) -> None:
    """Uploaded sessions that TTL will remove raise their alarm; all else is in order."""
    states = world.deployed.alarm_states()

    assert {name for name, state in states.items() if state == "ALARM"} == {"uploaded-with-ttl"}
    assert states["silence"] == "OK"
    assert states["gate-refused"] == "OK"


def test_delete_without_etag_is_denied_by_the_role(world: World) -> None:
    """A bug in the handler could not delete what it has not looked at: S3 says no."""
    s3, bucket = world.account.client("s3", role=world.role), world.scene.bucket
    key = key_of("done-0000")

    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=bucket, Key=key)
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}]})
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.delete_object(Bucket=bucket, Key=key, IfMatch='"another"')

    assert [error["Code"] for error in answer["Errors"]] == ["AccessDenied"]
    assert key in world.scene.objects()


def test_role_call_beyond_its_grants_is_denied(world: World) -> None:
    """The role writes no object, deletes nothing outside its prefix, and no row by its key."""
    dynamodb = world.account.client("dynamodb", role=world.role)
    s3, bucket = world.account.client("s3", role=world.role), world.scene.bucket
    key = {"uploadSessionId": {"S": "done-0000"}}

    calls: tuple[Callable[[], Any], ...] = (
        lambda: dynamodb.delete_item(TableName=world.scene.table, Key=key),
        lambda: dynamodb.scan(TableName="another"),
        lambda: s3.put_object(Bucket=bucket, Key=key_of("new"), Body=b""),
        lambda: s3.delete_object(Bucket=bucket, Key="thumbnails/0.png", IfMatch='"x"'),
        lambda: s3.list_objects_v2(Bucket=bucket),
        lambda: s3.put_object(Bucket=world.outputs["audit_bucket"], Key="elsewhere", Body=b""),
    )
    for call in calls:
        with pytest.raises(ClientError, match="AccessDenied"):
            call()


# The application


def upload(world: World, file: Path, *options: str) -> str:
    """Run the example's uploader as a user does; return the session's id."""
    command = [sys.executable, str(EXAMPLE / "uploader.py"), world.scene.table, world.scene.bucket]
    done = subprocess.run(
        [*command, str(file), *options],
        check=True,
        capture_output=True,
        text=True,
        env=world.account.full_env(),
    )
    return done.stdout.split()[0]


@pytest.mark.parametrize("options", [(), ("--multipart",)], ids=["single", "multipart"])
def test_uploader_completes_and_leaves_nothing_to_expire(
    options: tuple[str, ...], world: World, tmp_path: Path
) -> None:
    """The obedient uploader's session is uploaded, and carries no TTL that would remove it."""
    (tmp_path / "film.mp4").write_bytes(b"film")
    session_id = upload(world, tmp_path / "film.mp4", *options)
    row = world.scene.sessions()[session_id]

    assert row["status"] == {"S": "uploaded"}
    assert "ttl" not in row
    assert row["key"]["S"] in world.scene.objects()


def test_contract_condition_refuses_to_complete_what_is_claimed(
    world: World, tmp_path: Path
) -> None:
    """The output holds the condition as DynamoDB takes it; a claimed session fails it."""
    (tmp_path / "film.mp4").write_bytes(b"film")
    session_id = upload(world, tmp_path / "film.mp4", "--abandon")
    contract = world.deployed.told["contract"]
    change: dict[str, Any] = {
        "TableName": world.scene.table,
        "Key": {"uploadSessionId": {"S": session_id}},
        "UpdateExpression": "SET #status = :to",
        "ConditionExpression": contract["condition_expression"],
        "ExpressionAttributeNames": contract["expression_attribute_names"],
    }
    values = contract["expression_attribute_values"]

    world.scene.dynamodb.update_item(
        **change, ExpressionAttributeValues=values | {":to": {"S": "expiring"}}
    )
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        world.scene.dynamodb.update_item(
            **change, ExpressionAttributeValues=values | {":to": {"S": "uploaded"}}
        )


# From here on the bucket changes


def test_payload_cannot_make_a_dry_function_real(world: World, tmp_path: Path) -> None:
    """`{"dryRun": false}` does not override DRY_RUN."""
    left = make(world, "late", expired_object)
    with world.deployed.environment(DRY_RUN="true"):
        answer = world.deployed.invoke(tmp_path, '{"dryRun": false}')

    assert answer["dryRun"] is True
    assert answer["outcomes"]["would_delete"] >= 1
    assert left.session_id in world.scene.sessions()


def make(world: World, name: str, kind: Callable[[Scene, int], Thing]) -> Thing:
    """Make one more thing of a kind, numbered apart from the others."""
    (made,) = world.scene.fill([Kind(name, 1, lambda scene, _: kind(scene, 9_000), goes=True)])
    return made


def test_unknown_event_key_is_refused_by_name(world: World, tmp_path: Path) -> None:
    """A misspelt payload fails with one error that names the key: it could have meant dry."""
    answer = world.deployed.invoke(tmp_path, '{"dryrun": true}')

    assert "dryrun" in answer["errorMessage"]
    assert answer["errorType"] == "EventError"


def test_session_removed_by_ttl_takes_its_object_along(world: World) -> None:
    """The stream brings TTL's removal to the function, and the object goes with its session."""
    row = expired(world.scene, "swept-0000")
    world.scene.dynamodb.put_item(TableName=world.scene.table, Item=row)
    key = world.scene.object(key_of("swept-0000"), 40)
    trap = make(world, "trap", uploaded_with_ttl)

    world.account.sweep_ttl()
    wait_until(lambda: key not in world.scene.objects(), "the stream to bring the removal")

    assert not {"swept-0000", trap.session_id} & world.scene.sessions().keys()
    assert trap.key in world.scene.objects()


def test_restore_brings_back_what_the_run_deleted(world: World, tmp_path: Path) -> None:
    """Every object that the run marked as deleted is there again, and nothing else has changed."""
    deleted = {key for action, key in world.acted(world.real, "deleted") if "object" in action}
    before = world.scene.objects()
    payload = {"operation": "restore", "runId": world.real["requestId"]}
    answer = world.deployed.invoke(tmp_path, json.dumps(payload))

    assert deleted
    assert not deleted & before
    assert world.scene.objects() == before | deleted
    assert (answer["restored"], answer["left"], answer["failed"]) == (len(deleted), 0, 0)


def test_gate_refuses_an_implausible_plan_and_tells(world: World) -> None:
    """Too many orphans at once: none goes, the alarm goes off, the run waits as a dead letter."""
    before = world.scene.objects()
    with world.deployed.environment(MAX_ORPHAN_PERCENT="1"):
        world.deployed.fire()
        record = world.deployed.dead_letter()

    assert record["responsePayload"]["errorType"] == "CapExceededError"
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert world.deployed.alarm_states()["gate-refused"] == "ALARM"
    assert world.scene.objects() == before


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
