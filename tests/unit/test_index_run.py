"""
A run of the index cleanup on a real table of the embedded cloud: gate, limits, cursor, secrets.

What becomes of each kind of row, of kills and of races is shown in ``tests/safety``.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from expiry.budget import Budget
from expiry.errors import CapExceededError, EventError, MismatchError
from expiry.masking import masked
from expiry.telemetry import logger_for
from index_cleanup.request import Request
from index_cleanup.run import METRICS, Run
from index_cleanup.settings import Settings
from tests.safety.index_drive import run
from tests.safety.index_people import RULES, email, profile
from tests.safety.index_stage import ACTOR, SYSTEM, IndexStage
from tests.safety.index_tokens import ACCESS, SPA_ACCESS, index_row, token
from tests.safety.stage import Clients
from tests.safety.wire import Call, Wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cloud import Cloud
    from tests.safety.stage import Item

ACTINGWEB = {"PRESET": "actingweb"}
PLAIN = {"RULES": json.dumps(RULES)}


@pytest.fixture(scope="module")
def clients(cloud: Cloud) -> Clients:
    """Return clients of a fresh account."""
    return Clients.of(cloud.account())


@pytest.fixture
def stage(clients: Clients) -> IndexStage:
    """Return an empty table with ActingWeb's keys."""
    return IndexStage(clients)


def orphans(stage: IndexStage, count: int) -> list[Item]:
    """Make index rows whose targets are gone."""
    return [index_row(stage, f"aw_{n:04}") for n in range(count)]


def dead_tokens(stage: IndexStage, count: int) -> list[Item]:
    """Make expired tokens with their index rows."""
    names = [f"dead_{n:04}" for n in range(count)]
    rows = ((index_row(stage, name), token(stage, name, expires_at=1)) for name in names)
    return [row for pair in rows for row in pair]


def sessions(stage: IndexStage, count: int) -> list[Item]:
    """Make expired tokens of browsers."""
    data = {"expires_at": 1}
    return [stage.row(SYSTEM, SPA_ACCESS, f"{n:03}{'S' * 20}", data) for n in range(count)]


def outcomes(result: Mapping[str, Any]) -> dict[str, int]:
    """Return the outcomes that there were."""
    return {name: count for name, count in result["outcomes"].items() if count}


# The gate


def test_run_refuses_an_index_whose_targets_are_all_absent(stage: IndexStage) -> None:
    """
    More than a hundred orphans and not one target: it is the rule that is wrong. Nothing of it
    goes; what proves itself by a value does, and the error names the rule.
    """
    stage.write([*orphans(stage, 101), *sessions(stage, 3)])

    with pytest.raises(CapExceededError, match="rule mcp_access_tokens"):
        run(stage, environment=ACTINGWEB)

    left = [sort_key for _, sort_key in stage.rows()]
    assert len(left) == 101
    assert all(sort_key.startswith(ACCESS) for sort_key in left)


@pytest.mark.parametrize("more", ["nothing", "a living token"])
def test_run_lets_orphans_pass_that_are_few_or_among_others(stage: IndexStage, more: str) -> None:
    """A hundred go without a target, a hundred and one with one that is there."""
    alive = []
    if more != "nothing":
        alive = [index_row(stage, "aw"), token(stage, "aw", expires_at=stage.at(1))]
    stage.write([*orphans(stage, 101 if alive else 100), *alive])

    result = run(stage, environment=ACTINGWEB)

    assert result["body"]["mcp_tokens"]["index_entries"] == (101 if alive else 100)
    assert stage.rows().keys() == {stage.place(row) for row in alive}


@pytest.mark.parametrize(
    ("settings", "event"),
    [
        ({"MAX_ORPHAN_PERCENT": "50"}, {}),
        ({"MAX_DELETES_PER_RUN": "119"}, {}),
        ({}, {"limit": 119}),
    ],
)
def test_run_refuses_a_plan_over_a_cap_as_a_whole(
    stage: IndexStage, settings: dict[str, str], event: dict[str, Any]
) -> None:
    """Never the first N of a plan by absence; nor the targets that have expired, of that rule."""
    alive = [index_row(stage, "aw"), token(stage, "aw", expires_at=stage.at(1))]
    stage.write([*orphans(stage, 120), *dead_tokens(stage, 2), *alive])

    with pytest.raises(CapExceededError, match="plan has 120"):
        run(stage, environment=ACTINGWEB | settings, event=event)

    assert len(stage.rows()) == 126


def test_run_dry_is_refused_like_the_real_one(stage: IndexStage) -> None:
    """So that an operator sees it before the night does."""
    stage.write(orphans(stage, 101))

    with pytest.raises(CapExceededError):
        run(stage, environment=ACTINGWEB, event={"dryRun": True})


# Limits, time and the cursor


def test_run_stops_at_its_limit_and_goes_on_from_its_cursor(stage: IndexStage) -> None:
    """Rows go by their value, so many at a time, until none is left; each once."""
    stage.write(sessions(stage, 25))

    counts: list[int] = []
    event: dict[str, Any] = {"limit": 10}
    for _ in range(4):
        result = run(stage, environment=ACTINGWEB, event=event)
        counts.append(result["body"]["spa_tokens"])
        if result["complete"]:
            break
        event["cursor"] = result["cursor"]

    assert counts == [10, 10, 5]
    assert stage.rows() == {}


def test_run_dry_shows_all_through_its_cursor_too(stage: IndexStage) -> None:
    """Nothing goes, and yet each step shows other rows, and there is an end."""
    stage.write(sessions(stage, 25))

    counts: list[int] = []
    event: dict[str, Any] = {"limit": 10, "dryRun": True}
    for _ in range(6):
        result = run(stage, environment=ACTINGWEB, event=event)
        counts.append(result["body"]["spa_tokens"])
        if result["complete"]:
            break
        event["cursor"] = result["cursor"]

    assert counts == [10, 10, 5]
    assert len(stage.rows()) == 25


def test_run_of_dead_targets_stops_at_its_limit_with_whole_ones(stage: IndexStage) -> None:
    """A token and its index row go in one run; what is left is in the backlog, and goes later."""
    stage.write(dead_tokens(stage, 7))

    first = run(stage, environment=ACTINGWEB, event={"limit": 10})
    left = stage.rows()
    second = run(stage, environment=ACTINGWEB, event={"cursor": first["cursor"]})

    assert first["body"]["mcp_tokens"]["access_tokens"] == 5
    assert first["health"]["expiredBacklog"] == 2
    assert not first["complete"]
    assert len(left) == 4
    assert second["body"]["mcp_tokens"]["access_tokens"] == 2
    assert second["complete"]
    assert stage.rows() == {}


def test_run_leaves_orphans_to_a_run_whose_allowance_holds_them_all(stage: IndexStage) -> None:
    """What others of the run have used is not there; the cursor brings the whole plan again."""
    stage.write([*orphans(stage, 6), *sessions(stage, 6)])
    rules = ["spa_access_tokens", "mcp_access_tokens"]

    first = run(stage, environment=ACTINGWEB, event={"limit": 10, "rules": rules})
    second = run(stage, environment=ACTINGWEB, event={"cursor": first["cursor"]})

    assert outcomes(first) == {"deleted": 6}
    assert first["body"]["spa_tokens"] == 6
    assert second["body"]["mcp_tokens"]["index_entries"] == 6
    assert second["complete"]


class Clock:
    """Time that is left, and that passes with every call."""

    def __init__(self, left_s: float, call_s: float) -> None:
        self.left_s, self._call_s = left_s, call_s

    def pass_(self, _: Call) -> None:
        self.left_s -= self._call_s


def timed(stage: IndexStage, clock: Clock, event: dict[str, Any]) -> dict[str, Any]:
    """Run as long as *clock* says."""
    return Run(
        run_id="run-1",
        settings=Settings.from_env({"TABLE_NAME": stage.name, **ACTINGWEB}),
        request=Request.parse(event),
        dynamodb=Wire(before=clock.pass_).wrap(stage.clients.dynamodb),
        budget=Budget(lambda: int(clock.left_s * 1000), 1.0),
        logger=logger_for("index_cleanup", "run-1"),
        wall_clock=stage.clock,
        sleep=lambda _: None,
    ).execute()


def test_run_ends_in_time_and_goes_on_from_its_cursor(stage: IndexStage) -> None:
    """No row fails for want of time: it is not tried, and the next run has it."""
    stage.write([*orphans(stage, 60), *dead_tokens(stage, 60), *sessions(stage, 60)])

    event: dict[str, Any] = {}
    runs = 0
    for runs in range(1, 40):  # noqa: B007 - looked at behind the loop
        result = timed(stage, Clock(9.0, 0.6), event)
        assert not {"failed", "changed"} & outcomes(result).keys()
        assert result["errors"] == []
        if result["complete"]:
            break
        event = {"cursor": result["cursor"]}

    assert runs > 2
    assert stage.rows() == {}


def test_run_plans_in_half_of_its_time_and_acts_in_the_other(
    stage: IndexStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A partition too long for one run is worked off in parts, each judged by itself; where a part
    ends tells no key.
    """
    monkeypatch.setattr("index_cleanup.pages.PAGE_ROWS", 5)
    stage.write([index_row(stage, f"{n:02}{'SECRET' * 4}") for n in range(60)])

    event: dict[str, Any] = {"rules": ["mcp_access_tokens"]}
    deleted: list[int] = []
    for _ in range(10):
        result = timed(stage, Clock(9.0, 0.5), event)
        deleted.append(result["outcomes"]["deleted"])
        if result["complete"]:
            break
        event = {"cursor": result["cursor"]}
        assert "SECRET" not in base64.urlsafe_b64decode(result["cursor"]).decode()

    assert len(deleted) > 2
    assert 0 not in deleted[:-1]
    assert sum(deleted) == 60
    assert stage.rows() == {}


def test_run_without_any_time_does_nothing_and_says_where_to_go_on(stage: IndexStage) -> None:
    """All rules are left."""
    stage.write(sessions(stage, 1))

    result = timed(stage, Clock(1.0, 0.0), {})

    assert result["rules"] == {}
    assert not result["complete"]
    assert len(Request.parse({"cursor": result["cursor"]}).cursor.left) == 6  # type: ignore[union-attr]  # it has one
    assert len(stage.rows()) == 1


# Single rows


def test_run_deletes_no_more_targets_when_their_index_rows_stay(stage: IndexStage) -> None:
    """
    Else a hundred and one tokens without their index rows would be a plan that the gate refuses.
    """
    stage.write(dead_tokens(stage, 130))

    def refuse_index_rows(_: Call, forward: Any, request: dict[str, Any]) -> Any:
        statements = request.get("Statements", ())
        if any(ACCESS in str(each["Parameters"]) for each in statements):
            error = {"Error": {"Code": "ValidationError", "Message": "no"}}
            return {"Responses": [error for _ in statements], "ResponseMetadata": {}}
        return forward(**request)

    result = run(stage, Wire(disturb=refuse_index_rows), environment=ACTINGWEB)

    assert outcomes(result) == {"deleted": 100, "failed": 100}
    assert not result["complete"]
    assert run(stage, environment=ACTINGWEB)["complete"]
    assert stage.rows() == {}


def test_run_goes_on_past_single_rows_that_fail(stage: IndexStage) -> None:
    """One bad item never stops the others, neither a target nor an index row."""
    stage.write(dead_tokens(stage, 130))

    def refuse_some(_: Call, forward: Any, request: dict[str, Any]) -> Any:
        if "Statements" not in request:
            return forward(**request)
        error = {"Error": {"Code": "ValidationError", "Message": "no"}}
        rest = request["Statements"][1:]
        answered = forward(Statements=rest)["Responses"] if rest else []
        return {"Responses": [error, *answered], "ResponseMetadata": {}}

    result = run(stage, Wire(disturb=refuse_some), environment=ACTINGWEB)

    assert result["complete"]
    assert result["outcomes"]["failed"] < 25
    assert len(stage.rows()) == result["outcomes"]["failed"]


def test_run_takes_every_index_row_of_one_dead_target(stage: IndexStage) -> None:
    """The target goes once."""
    both = [stage.row(SYSTEM, f"{ACCESS}", name, ACTOR) for name in ("one", "two")]
    target = {"hash_key": "{data}", "sort_key": "mcp_tokens:shared"}
    rule = {
        "kind": "orphan",
        "partition": SYSTEM,
        "sort_prefix": f"{ACCESS}:",
        "json_attributes": ["data"],
        "target": target,
        "grace_s": 0,
        "target_expired": [{"at": "data.expires_at"}],
    }
    for first in (True, False):
        stage.write([*both, token(stage, "shared", expires_at=1)])
        rules = json.dumps({"it": {**rule, "target_written_first": first}})

        result = run(stage, environment={"RULES": rules})

        assert outcomes(result) == {"deleted": 3}
        assert result["body"] == {"it": 1, "index_entries": 0}
        assert result["health"]["expiredBacklog"] == 0
        assert stage.rows() == {}


def test_run_keeps_an_index_row_whose_target_cannot_be_read(stage: IndexStage) -> None:
    """Unknown is not absent: it is kept, and counted as an error."""
    stage.write(orphans(stage, 3))

    def read_nothing(call: Call, forward: Any, request: dict[str, Any]) -> Any:
        answer = forward(**request)
        if call.operation == "BatchGetItem":
            answer["UnprocessedKeys"] = request["RequestItems"]
            answer["Responses"] = {}
        return answer

    result = run(stage, Wire(disturb=read_nothing), environment=ACTINGWEB)

    assert outcomes(result) == {}
    assert result["rules"]["mcp_access_tokens"]["unknown"] == 3
    assert result["errorsTotal"] == 1
    assert len(stage.rows()) == 3


def test_run_reads_a_target_by_a_ttl_attribute_that_the_table_names(clients: Clients) -> None:
    """A rule's own table says which attribute is its TTL; a target past it counts as absent."""
    stage = IndexStage(clients, ("pk", "sk"))
    clients.dynamodb.update_time_to_live(
        TableName=stage.name,
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "gone_at"},
    )
    past = profile(stage, "past") | {"gone_at": {"N": str(stage.at(-1))}}
    later = profile(stage, "later") | {"gone_at": {"N": str(stage.at(1))}}
    stage.write([email(stage, "past"), past, email(stage, "later"), later])

    result = run(stage, environment=PLAIN)

    assert result["body"]["index_entries"] == 1
    assert result["health"]["ttlEnabled"]
    assert len(stage.rows()) == 2


# Refusals


def test_run_of_a_rule_that_there_is_not_is_refused(stage: IndexStage) -> None:
    """Nothing is read."""
    wire = Wire()
    with pytest.raises(EventError, match="there is no rule mcp_acess_tokens"):
        run(stage, wire, environment=ACTINGWEB, event={"rules": ["mcp_acess_tokens"]})
    assert wire.calls == []


def test_run_on_a_table_of_several_regions_is_refused_unless_one_writes(
    stage: IndexStage,
) -> None:
    """A condition does not see what another Region writes."""
    stage.write(sessions(stage, 1))

    def replicated(call: Call, forward: Any, request: dict[str, Any]) -> Any:
        answer = forward(**request)
        if call.operation == "DescribeTable":
            answer["Table"]["Replicas"] = [{"RegionName": "eu-west-3"}]
        return answer

    with pytest.raises(MismatchError, match="eu-west-3"):
        run(stage, Wire(disturb=replicated), environment=ACTINGWEB)
    assert len(stage.rows()) == 1

    alone = ACTINGWEB | {"SINGLE_WRITER_REGION": "true"}
    assert run(stage, Wire(disturb=replicated), environment=alone)["body"]["spa_tokens"] == 1


def test_run_on_a_table_without_a_sort_key_is_refused(clients: Clients) -> None:
    """Rules name partitions and prefixes."""
    clients.dynamodb.create_table(
        TableName="flat",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    stage = IndexStage(clients)
    stage.name = "flat"
    with pytest.raises(MismatchError, match="sort key"):
        run(stage, environment=ACTINGWEB)


# What people see


def test_run_tells_no_key_that_is_a_secret(
    stage: IndexStage, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Neither the log nor the result nor its cursor has a token in it, whatever became of it; its
    hash is there.
    """
    tokens = [f"{n:02}aw_{'SECRET' * 4}" for n in range(40)]
    data = {"expires_at": 1}
    stage.write([stage.row(SYSTEM, SPA_ACCESS, name, data) for name in tokens])
    stage.write([index_row(stage, f"aw_SECRET{n}") for n in range(3)])
    stage.write([token(stage, "aw_SECRET0", expires_at=1)])

    def half_refused(_: Call, forward: Any, request: dict[str, Any]) -> Any:
        if "Statements" not in request:
            return forward(**request)
        first = str(request["Statements"][0]["Parameters"])
        error = {"Error": {"Code": "ValidationError", "Message": f"not {first}"}}
        kept = forward(Statements=request["Statements"][1:])["Responses"] if first else []
        return {"Responses": [error, *kept], "ResponseMetadata": {}}

    result = run(
        stage,
        Wire(disturb=half_refused),
        environment=ACTINGWEB,
        event={"limit": 30},
        logger=logger_for("index_cleanup", "run-1"),
    )

    seen = capsys.readouterr().out + json.dumps(result)
    seen += base64.urlsafe_b64decode(result["cursor"]).decode()
    assert "SECRET" not in seen
    assert masked(f"{SPA_ACCESS}:{tokens[0]}") in seen
    assert result["errors"][0]["key"]["bucket_name"] in {
        masked(f"{SPA_ACCESS}:{name}") for name in tokens
    } | {masked(sort_key) for _, sort_key in stage.rows()}


def emitted(output: str) -> dict[str, float]:
    """Return the metrics among the lines of a log."""
    found: dict[str, float] = {}
    for line in output.splitlines():
        entry = json.loads(line)
        for directive in entry.get("_aws", {}).get("CloudWatchMetrics", ()):
            assert directive["Dimensions"] == [["FunctionName"]]
            for metric in directive["Metrics"]:
                (found[metric["Name"]],) = entry[metric["Name"]]
    return found


@pytest.mark.parametrize("dry", [False, True])
def test_run_emits_every_metric_of_its_table(
    stage: IndexStage, capsys: pytest.CaptureFixture[str], *, dry: bool
) -> None:
    """Of a dry run nothing counts as deleted, and everything as still there."""
    stage.write([*orphans(stage, 2), *dead_tokens(stage, 3), *sessions(stage, 4)])

    timed(stage, Clock(900.0, 0.0), {"dryRun": dry})

    found = emitted(capsys.readouterr().out)
    assert found.keys() == set(METRICS.units)
    real = 0 if dry else 1
    assert found["Candidates"] == 12
    assert found["Deleted"] == 12 * real
    assert found["OrphanedIndexEntries"] == 2 * real
    assert found["ExpiredRows"] == 7 * real
    assert found["ExpiredBacklog"] == 9 - 9 * real
    assert found["ItemCount"] == 12
    assert found["RunsCompleted"] == 1


def test_run_result_has_the_shape_that_the_library_gives(stage: IndexStage) -> None:
    """Zeros included; our own keys stand beside it."""
    result = run(stage, environment=ACTINGWEB)

    assert result["statusCode"] == 200
    assert result["body"] == {
        "oauth_sessions": 0,
        "spa_tokens": 0,
        "mcp_tokens": {
            "access_tokens": 0,
            "refresh_tokens": 0,
            "auth_codes": 0,
            "index_entries": 0,
        },
    }
    assert result["complete"]
    assert result["cursor"] is None
    assert set(result["rules"]) == set(Settings.from_env({"TABLE_NAME": "any", **ACTINGWEB}).rules)
