"""A whole run: what it looks at first, how it is bounded, and how it goes on and ends."""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest

from expiry.errors import DeniedError, MismatchError, NotFoundError
from tests.safety.drive import STEP_S, run
from tests.safety.sessions import built, status
from tests.safety.stage import Stage, key_of
from tests.safety.wire import Call, Forward, Wire
from tests.safety.world import LIVING, MULTIPART, OLD_H, Case
from upload_cleanup.handler import handler

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.safety.stage import Clients

DEAD = tuple(Case(f"dead-{number}", object_h=OLD_H) for number in range(5))
LIVES = Case("lives", row={"status": "uploaded", "ttl": None}, object_h=OLD_H)


def replicated(call: Call, forward: Forward, request: dict[str, Any]) -> Any:
    """Let the table have a replica."""
    answer = forward(**request)
    if call.operation == "DescribeTable":
        answer["Table"]["Replicas"] = [{"RegionName": "eu-central-1"}]
    return answer


def test_global_table_is_refused_unless_one_region_writes(clients: Clients) -> None:
    """A condition does not see what another Region writes, so nothing is begun."""
    stage, wire = built(clients, DEAD[0]), Wire(disturb=replicated)

    with pytest.raises(MismatchError, match="eu-central-1"):
        run(stage, wire)

    assert wire.writes() == []
    found = run(stage, Wire(disturb=replicated), environment={"SINGLE_WRITER_REGION": "true"})
    assert found["outcomes"]["deleted"] == 1


def test_table_with_another_key_is_refused(clients: Clients) -> None:
    """A row is named by the session's id alone, or not at all."""
    stage, wire = built(clients, DEAD[0]), Wire()

    with pytest.raises(MismatchError, match="must be id alone"):
        run(stage, wire, environment={"ATTRIBUTES": '{"uploadSessionId": "id"}'})

    assert wire.writes() == []


def test_missing_bucket_is_found_out_before_anything_is_claimed(clients: Clients) -> None:
    """A wrong bucket leaves the sessions as they are."""
    stage, wire = built(clients, DEAD[0]), Wire()

    with pytest.raises(NotFoundError, match="BUCKET"):
        run(stage, wire, environment={"BUCKET": "no-such-bucket-anywhere"})

    assert wire.writes() == []


def test_bucket_of_another_account_is_left_alone(clients: Clients) -> None:
    """Every call says whose the bucket must be; the first one finds out."""
    stage, wire = built(clients, DEAD[0]), Wire()

    with pytest.raises(DeniedError):
        run(stage, wire, environment={"BUCKET_OWNER_ACCOUNT_ID": "999999999999"})

    assert wire.writes() == []


def test_every_call_on_objects_names_the_owner(clients: Clients) -> None:
    """A bucket's name can be taken over, an account cannot."""
    stage = built(clients, LIVES, *DEAD, Case("m", row=MULTIPART, parts=1))
    wire = Wire()

    run(stage, wire)

    calls = [call for call in wire.calls if "Bucket" in call.request]
    assert len(calls) > len(DEAD)
    assert {call.request.get("ExpectedBucketOwner") for call in calls} == {clients.account.id}
    assert "HeadObject" not in wire.count()


def test_limit_bounds_the_run_and_says_what_is_left(clients: Clients) -> None:
    """A small cap deletes so many and no more, and a later run does the rest."""
    stage = built(clients, LIVES, *DEAD)

    first = run(stage, event={"limit": 2})
    second = run(stage, event={"limit": 2, "cursor": first["cursor"]}, run_id="two")
    third = run(stage, event={"limit": 2, "cursor": second["cursor"]}, run_id="three")

    assert [found["outcomes"]["deleted"] for found in (first, second, third)] == [2, 2, 1]
    assert [found["complete"] for found in (first, second, third)] == [False, False, True]
    assert list(stage.rows()) == ["lives"]


def test_limit_of_an_event_is_never_above_the_settings(clients: Clients) -> None:
    """An invocation can only make a run safer."""
    stage = built(clients, LIVES, *DEAD)

    found = run(stage, event={"limit": 5}, environment={"MAX_DELETES_PER_RUN": "1"})

    assert found["outcomes"]["deleted"] == 1


def test_session_that_waits_holds_no_other_back(clients: Clients) -> None:
    """A later run leaves the claim alone, and its whole limit goes to the others."""
    waits = Case("waits", row={**MULTIPART, "s3UploadId": "completed"}, object_h=OLD_H)
    stage = built(clients, LIVES, waits, *DEAD)

    found = [run(stage, event={"limit": 3}, run_id=run_id) for run_id in ("one", "two")]

    assert sum(each["outcomes"]["deleted"] for each in found) == len(DEAD)
    assert set(stage.rows()) == {"waits", "lives"}


def test_allowance_not_used_by_what_waits_is_left_for_orphans(clients: Clients) -> None:
    """One deletion is allowed; a session that waits does not use it up."""
    waits = Case("waits", row={**MULTIPART, "s3UploadId": "completed"}, object_h=OLD_H)
    stage = built(clients, LIVES, waits, Case("orphan", row=None, object_h=OLD_H))

    found = run(stage, event={"limit": 1})

    assert found["orphanedObjectsCleanup"] == 1


@pytest.mark.parametrize(
    ("setting", "event"), [("true", {"dryRun": False}), ("false", {"dryRun": True})]
)
def test_dry_run_by_setting_or_by_event_writes_nothing(
    clients: Clients, setting: str, event: dict[str, Any]
) -> None:
    """An event cannot switch off what the settings say."""
    stage = built(clients, LIVES, *DEAD, Case("m", row={**MULTIPART, **LIVING}, parts=1))
    wire = Wire()

    found = run(stage, wire, event=event, environment={"DRY_RUN": setting})

    assert wire.writes() == []
    assert found["dryRun"]
    assert found["outcomes"]["would_delete"] == len(DEAD)
    assert found["expiredSessionsCleanup"]["objectsDeleted"] == len(DEAD)
    assert found["markedPartial"] == 1


def test_uploaded_rows_with_ttl_or_claim_are_counted(clients: Clients) -> None:
    """Both are traps of the application's, told before they cost data."""
    stage = built(
        clients,
        LIVES,
        Case("ttl", row={"status": "uploaded"}, object_h=OLD_H),
        Case("claim", row={"status": "uploaded", "ttl": None, "expiryRun": "x"}, object_h=OLD_H),
    )

    found = run(stage)["sessions"]

    assert (found["uploaded_with_ttl"], found["uploaded_with_claim"]) == (1, 1)
    assert found["uploaded"] == 3


def test_sessions_denied_halfway_are_told_and_the_rest_is_not_begun(clients: Clients) -> None:
    """A phase that rests on the sessions does not go on without them."""
    stage = built(clients, *DEAD, Case("orphan", row=None, object_h=OLD_H))

    def deny(call: Call, forward: Forward, request: dict[str, Any]) -> Any:
        if call.operation == "Scan":
            raise clients.dynamodb.exceptions.ClientError(
                {"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Scan"
            )
        return forward(**request)

    wire = Wire(disturb=deny)
    with pytest.raises(DeniedError, match="dynamodb:Scan"):
        run(stage, wire)

    assert wire.writes() == []
    assert "ListMultipartUploads" not in wire.count()


@dataclass
class Context:
    """What Lambda gives beside the event."""

    account_id: str
    aws_request_id: str = "request-1"
    function_name: str = "video-upload-cleanup"
    remaining_ms: int = 300_000

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:eu-west-1:{self.account_id}:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms


@pytest.fixture
def invoke(clients: Clients) -> Callable[..., tuple[Any, list[dict[str, Any]]]]:
    """Return a way to call the handler as Lambda does, and to read its lines."""

    def call(stage: Stage, event: Any, **more: Any) -> tuple[Any, list[dict[str, Any]]]:
        written = StringIO()
        with (
            patch.dict("os.environ", {"TABLE_NAME": stage.name, "BUCKET": stage.name}, clear=True),
            patch("expiry.clients.dynamodb", lambda **_: clients.dynamodb),
            patch("expiry.clients.s3_listing", lambda **_: clients.s3),
            redirect_stdout(written),
        ):
            context: Any = Context(clients.account.id, **more)
            answer = handler(event, context)
        return answer, [json.loads(line) for line in written.getvalue().splitlines()]

    return call


def test_handler_runs_on_the_table_and_bucket_alone(
    clients: Clients, invoke: Callable[..., Any]
) -> None:
    """With nothing else set, a schedule's event cleans up, and the last line is RunsCompleted."""
    stage = Stage(clients)
    stage.write([stage.session("s", ttl=1_000)])

    answer, lines = invoke(stage, {"source": "aws.scheduler"})

    assert answer["failedUploadsCleanup"] == 1
    assert stage.rows() == {}
    emitted = [line for line in lines if "_aws" in line]
    assert {line["FunctionName"] for line in emitted} == {"video-upload-cleanup"}
    assert emitted[0]["SessionsCleanedUp"] == [1.0]
    assert emitted[-1]["RunsCompleted"] == [1.0]
    assert lines[-1] == emitted[-1]


def test_handler_logs_each_action_with_its_reason(
    clients: Clients, invoke: Callable[..., Any]
) -> None:
    """A dry run's line says what would be deleted, and why."""
    stage = Stage(clients)
    stage.write([stage.session("s", ttl=1_000)])

    _, lines = invoke(stage, {"dryRun": True})

    (line,) = [line for line in lines if line.get("message") == "action"]
    wanted = {"run_id": "request-1", "action": "delete_session", "key": "s"}
    assert wanted.items() <= line.items()
    assert (line["reason"], line["outcome"]) == ("session expired", "would_delete")
    assert line["evidence"] == {"key": key_of("s"), "ttl": "1000", "status": "created"}


def test_handler_out_of_time_stops_before_it_acts(
    clients: Clients, invoke: Callable[..., Any]
) -> None:
    """A run that has no time left says so and returns where to go on."""
    stage = Stage(clients)
    stage.write([stage.session("s", ttl=1_000)])

    answer, _ = invoke(stage, {}, remaining_ms=100)
    stage.advance(STEP_S)
    later, _ = invoke(stage, {"cursor": answer["cursor"]}, aws_request_id="request-2")

    assert not answer["complete"]
    assert later["complete"]
    assert later["failedUploadsCleanup"] == 1


def test_run_twice_at_once_does_each_thing_once(clients: Clients) -> None:
    """A second run that begins while the first has its claims leaves those sessions to it."""
    stage = built(clients, LIVES, *DEAD)
    inner: list[dict[str, Any]] = []

    def other(call: Call) -> None:
        if call.operation == "BatchGetItem" and not inner:
            inner.append({})
            inner[0] = run(stage, run_id="other")

    found = run(stage, Wire(before=other), run_id="first")

    assert found["outcomes"]["deleted"] == len(DEAD)
    assert inner[0]["sessions"]["claimed"] == len(DEAD)
    assert inner[0]["outcomes"]["deleted"] == 0
    assert [status(row) for row in stage.rows().values()] == ["uploaded"]


def test_uploaded_under_another_name_is_not_missed(clients: Clients) -> None:
    """A living session whose key names another one has its object, which no listing ties to it."""
    stray = Case("stray", row={"status": "uploaded", "ttl": None, "key": key_of("other")})

    found = run(built(clients, LIVES, stray), Wire())

    assert found["sessions"]["uploaded"] == 2
    assert found["livingWithoutObject"] == 0
