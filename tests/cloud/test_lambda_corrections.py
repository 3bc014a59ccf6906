"""Each correction of Lambda is still needed: without it the emulator does otherwise."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from tests.cloud import (
    Cloud,
    corrections,
    test_lambda_async,
    test_lambda_execution,
    test_lambda_metrics,
)
from tests.cloud.lambda_deploy import LOGGING, Function, client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cloud import Account

GONE_WITHIN_S = 20.0


def dead_letter_is_the_event(account: Account) -> None:
    """A dead-letter queue gets the event, not a record of it."""
    url, arn = test_lambda_async.queue(account)
    Function.deploy(
        account,
        test_lambda_async.FAILING,
        LOGGING,
        test_lambda_async.SENDING,
        DeadLetterConfig={"TargetArn": arn},
    )
    functions = client(account, "lambda")
    functions.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=0)

    functions.invoke(FunctionName="f", InvocationType="Event", Payload=b'{"id": "s-1"}')
    answer = client(account, "sqs").receive_message(QueueUrl=url, WaitTimeSeconds=20)

    assert json.loads(answer["Messages"][0]["Body"]) == {"id": "s-1"}


def config_is_what_was_set(account: Account) -> None:
    """An event invoke config does not grow defaults."""
    Function.deploy(account, test_lambda_async.FAILING)

    answer = client(account, "lambda").put_function_event_invoke_config(FunctionName="f")

    assert "MaximumRetryAttempts" not in answer


def request_is_the_invocation(account: Account) -> None:
    """The caller's request ID is the function's, and a payload that is not JSON is refused."""
    Function.deploy(account, "def handler(event, context): return context.aws_request_id\n")
    functions = client(account, "lambda")

    answer = functions.invoke(FunctionName="f")
    assert json.load(answer["Payload"]) == answer["ResponseMetadata"]["RequestId"]

    try:
        functions.invoke(FunctionName="f", Payload=b"{not json")
    except ClientError as error:
        assert error.response["Error"]["Code"] == "InvalidRequestContentException"  # noqa: PT017 - where it is not raised the next line says so
    else:
        raise AssertionError("it was accepted")


PROBES = {
    "lambda_async": dead_letter_is_the_event,
    "lambda_destination_permission": (
        test_lambda_async.test_destination_the_role_may_not_use_is_refused
    ),
    "lambda_event_invoke_config": config_is_what_was_set,
    "lambda_execution": test_lambda_execution.test_function_error_carries_its_class_and_trace,
    "lambda_metrics": test_lambda_metrics.test_metrics_count_each_execution_once,
    "lambda_request": request_is_the_invocation,
}


@pytest.fixture(scope="module")
def uncorrected() -> Iterator[Cloud]:
    """Serve a cloud without any of Lambda's corrections."""
    with Cloud.start(without=[name for name in corrections.names() if name in PROBES]) as cloud:
        yield cloud


def test_probes_cover_every_correction_of_lambda() -> None:
    """No correction is without a probe."""
    assert {name for name in corrections.names() if name.startswith("lambda_")} == set(PROBES)


@pytest.mark.parametrize("name", PROBES)
def test_lambda_correction_applied_behaves_as_aws(account: Account, name: str) -> None:
    """The cloud does what AWS documents."""
    PROBES[name](account)


@pytest.mark.parametrize("name", PROBES)
def test_lambda_correction_left_out_shows_its_defect(uncorrected: Cloud, name: str) -> None:
    """The emulator by itself fails the probe: else the correction is not needed any more."""
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        PROBES[name](uncorrected.account())


def test_workers_end_with_the_cloud() -> None:
    """No worker outlives its cloud, neither an idle one nor one that is busy."""
    source = "import os, time\ndef handler(event, context):\n    %s\n    return os.getpid()\n"
    sleeping = source % "open(event, 'w').write(str(os.getpid())); time.sleep(600)"
    with Cloud.start() as cloud:
        account = cloud.account()
        idle = Function.deploy(account, source % "", name="idle").invoke().payload
        note = cloud.folder / "busy"
        busy = Function.deploy(account, sleeping, name="busy", Timeout=900)
        client(account, "lambda").invoke(
            FunctionName=busy.name, InvocationType="Event", Payload=json.dumps(str(note))
        )
        wait_until(lambda: note.exists() and note.read_text() != "")
        pids = [idle, int(note.read_text())]
        assert all(map(runs, pids))

    wait_until(lambda: not any(map(runs, pids)))


def runs(pid: int) -> bool:
    """Say whether a process runs; one that has ended but was not waited for does not."""
    found = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return found.stdout.strip()[:1] not in {"", "Z"}


def wait_until(condition: Callable[[], bool]) -> None:
    """Return when *condition* holds."""
    limit_s = time.monotonic() + GONE_WITHIN_S
    while not condition():
        assert time.monotonic() < limit_s
        time.sleep(0.02)
