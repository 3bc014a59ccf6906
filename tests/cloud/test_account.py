"""What a test can ask of its account: what was called, by whom, and whether it was needed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.cloud import CloudError
from tests.cloud.probes.delivery import executions, make_schedule
from tests.cloud.probes.made import make_role, refused
from tests.cloud.probes.objects import make_bucket
from tests.cloud.process import ROOT, Cloud

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cloud import Account

CLOCK_TIMEOUT_S = 20


def test_calls_are_recorded_with_operation_resource_and_principal(account: Account) -> None:
    """A call is kept with what the API and IAM name it, and counts are exact."""
    client, bucket = make_bucket(account, "a", "b")
    account.clear_calls()
    client.list_objects_v2(Bucket=bucket)
    client.head_object(Bucket=bucket, Key="a")
    client.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a"}, {"Key": "b"}]})
    refused(client.get_object, Bucket=bucket, Key="a")

    found = [(c.service, c.operation, c.action, c.resource, c.error) for c in account.calls()]
    arn = f"arn:aws:s3:::{bucket}"
    assert found == [
        ("s3", "ListObjectsV2", "s3:ListBucket", arn, ""),
        ("s3", "HeadObject", "s3:GetObject", f"{arn}/a", ""),
        ("s3", "DeleteObjects", "s3:DeleteObject", f"{arn}/a", ""),
        ("s3", "GetObject", "s3:GetObject", f"{arn}/a", "NoSuchKey"),
    ]
    assert {call.principal for call in account.calls()} == {f"arn:aws:iam::{account.id}:root"}
    checks = [(check.action, check.resource) for check in account.calls()[2].checks]
    assert checks == [("s3:DeleteObject", f"{arn}/{key}") for key in ("a", "b")]


def test_calls_of_one_account_are_not_anothers(cloud: Cloud) -> None:
    """Accounts never meet."""
    one, two = cloud.account(), cloud.account()
    one.client("sqs").list_queues()

    assert [call.operation for call in one.calls()] == ["ListQueues"]
    assert two.calls() == []


def test_grants_and_use_are_compared(account: Account) -> None:
    """A grant that no call needed is found, and so is a call that no grant allowed."""
    _, bucket = make_bucket(account, "in/k", "out/k")
    arn = f"arn:aws:s3:::{bucket}"
    make_role(
        account,
        "reader",
        {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": f"{arn}/in/*"},
        {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": arn},
    )
    client = account.client("s3", role="reader")
    client.get_object(Bucket=bucket, Key="in/k")
    before = account.unused_grants("reader")
    client.list_objects_v2(Bucket=bucket)
    refused(client.get_object, Bucket=bucket, Key="out/k")

    assert account.grants("reader") == {
        ("s3:GetObject", f"{arn}/in/*"),
        ("s3:ListBucket", arn),
    }
    assert before == {("s3:ListBucket", arn)}
    assert account.unused_grants("reader") == set()
    assert account.denied("reader") == {("s3:GetObject", f"{arn}/out/k")}
    assert len(account.calls(role="reader")) == 3


def test_timers_of_the_emulator_never_start(account: Account) -> None:
    """Nothing sweeps or fires by itself, whatever was used; only our clock's thread is there."""
    account.client("dynamodb").list_tables()
    account.client("scheduler").list_schedules()

    running = set(account.cloud.door("timers", account=account.id, region=account.region))

    assert running & {"clock", "dynamodb-ttl-reaper", "evb-scheduler-ticker", "eb-scheduler"} == {
        "clock"
    }


def test_tick_schedule_fires_when_it_is_due(cloud: Cloud, account: Account) -> None:
    """With the clock standing, a schedule fires when its time is named, and not before."""
    made = make_schedule(account, "rate", "states:StartExecution")
    cloud.tick()
    before = executions(account, made["machine"])
    cloud.tick(at=time.time() + 3601)

    assert before == []
    assert [run["dryRun"] for run in executions(account, made["machine"])] == [True]


def test_clock_running_schedule_fires_by_itself() -> None:
    """With the clock on, nobody needs to ask; a standing clock fires nothing."""
    with Cloud.start(clock=True) as cloud:
        account = cloud.account()
        made = make_schedule(
            account, "once", "states:StartExecution", ScheduleExpression="at(2020-01-01T00:00:00)"
        )
        deadline_s = time.monotonic() + CLOCK_TIMEOUT_S
        while not executions(account, made["machine"]) and time.monotonic() < deadline_s:
            time.sleep(0.1)

        assert len(executions(account, made["machine"])) == 1


def test_fire_schedule_disabled_is_refused(account: Account) -> None:
    """A schedule that would never fire is not fired."""
    make_schedule(account, "off", "states:StartExecution", State="DISABLED")

    with pytest.raises(CloudError, match="schedule off is disabled"):
        account.fire_schedule("off")


def test_aws_shim_runs_readme_commands(account: Account, tmp_path: Path) -> None:
    """The CLI of READMEs works word for word, against this account."""
    command = "aws sqs create-queue --queue-name q --cli-binary-format raw-in-base64-out"
    done = subprocess.run(
        command.split(),
        env=account.full_env(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["QueueUrl"].endswith(f"/{account.id}/q")


def test_foreground_cloud_prints_how_to_talk_to_it() -> None:
    """``python -m tests.cloud`` prints exports that a shell can read, and ends when told to."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.cloud", "111122223333"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        assert "Ctrl-C ends it" in process.stderr.readline()
        process.terminate()
        output, _ = process.communicate()

    exports = dict(line.removeprefix("export ").split("=", 1) for line in output.splitlines())
    assert exports["AWS_ACCESS_KEY_ID"] == "111122223333"
    assert exports["AWS_ENDPOINT_URL"].startswith("https://127.0.0.1:")
