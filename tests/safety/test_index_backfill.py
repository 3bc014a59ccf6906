"""
Backfill: a row gets the date that it should have had, and nobody's word is written over.
"""

from __future__ import annotations

import json
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from aws_lambda_powertools.logging import Logger

from expiry.budget import Budget
from expiry.errors import EventError, MismatchError
from tests.safety import index_drive
from tests.safety.index_drive import QUIET, run
from tests.safety.index_stage import ACTOR, SYSTEM, IndexStage, Place
from tests.safety.wire import Call, KilledError, Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.safety.stage import Clients, Item

PRESET = {"PRESET": "actingweb"}
TTL = "ttl_timestamp"
PROVIDER = "mcp_google_tokens"
DATED = 27  # rows of the world that are to get a date
HOUR_S = 3_600
SECRET = "b3arer"  # noqa: S105 - part of every name below, to be found nowhere
UPDATE = "BatchExecuteStatement"


def indexed(
    stage: IndexStage,
    name: str,
    kind: str,
    data: Any,
    *,
    ttl_h: float | None = None,
    index_ttl_h: float | None = None,
) -> list[Item]:
    """Make a token of a kind (access_token, refresh_token, auth_code) and its index row."""
    bucket = {"access_token": "mcp_tokens"}.get(kind, f"mcp_{kind}s")
    return [
        stage.row(ACTOR, bucket, f"{name}-{SECRET}", data, ttl_h=ttl_h),
        stage.row(SYSTEM, f"_{kind}_index", f"{name}-{SECRET}", ACTOR, ttl_h=index_ttl_h),
    ]


def owners_of_others(stage: IndexStage, add: Callable[..., None]) -> None:
    """Add tokens with a row that is theirs alone, and says nothing of its end."""
    at = stage.at
    for name, ttl_h, own_h in (("mine", None, None), ("ours", 9, None), ("theirs", None, 7)):
        token = {"expires_at": at(2), "google_token_key": f"g-{name}-{SECRET}"}
        dates_h = (3, 5) if ttl_h is None else (None, 11)
        add(indexed(stage, name, "access_token", token, ttl_h=ttl_h), *dates_h)
        provider = stage.row(ACTOR, PROVIDER, f"g-{name}-{SECRET}", {"t": "x"}, ttl_h=own_h)
        add([provider], {"mine": 5, "ours": 11}.get(name))
    add([stage.row(ACTOR, PROVIDER, f"g-nobody-{SECRET}", {"t": "x"}, ttl_h=None)], None)
    astray = {"expires_at": at(2), "google_token_key": f"g-astray-{SECRET}"}
    add(indexed(stage, "astray", "access_token", astray), 3, 5)
    other = stage.row(ACTOR, PROVIDER, f"g-astray-{SECRET}", {"t": "x"}, ttl_h=None)
    other["bucket"] = {"S": "notes"}
    add([other], None)


def world(stage: IndexStage) -> tuple[list[Item], dict[Place, int]]:
    """Return rows of every class, and the date that each of them should get, by its place."""
    at, dates = stage.at, dict[Place, int]()
    items: list[Item] = []

    def add(rows: list[Item], *hours: float | None) -> None:
        items.extend(rows)
        for row, date_h in zip(rows, hours, strict=True):
            if date_h is not None:
                dates[stage.place(row)] = at(date_h)

    def session(name: str, data: Any, **more: Any) -> list[Item]:
        return [stage.row(SYSTEM, "_oauth_sessions", f"{name}-{SECRET}", data, ttl_h=None, **more)]

    def spa(bucket: str, name: str, data: Any) -> list[Item]:
        return [stage.row(SYSTEM, bucket, f"{name}-{SECRET}", data, ttl_h=None)]

    # A target's own date, an hour later as the library writes it; its index row's two later.
    add(indexed(stage, "living", "access_token", {"expires_at": at(2)}), 3, 5)
    add(indexed(stage, "dead", "access_token", {"expires_at": at(-9)}), -8, -6)
    add(indexed(stage, "dateless", "access_token", {"created_at": at(-1)}), 1, 3)
    used = {"expires_at": at(700), "used": True, "used_at": at(-1)}
    add(indexed(stage, "used", "refresh_token", used), 48, 50)
    unused = {"expires_at": at(700), "used": False, "used_at": None}
    add(indexed(stage, "unused", "refresh_token", unused), 701, 703)
    add(indexed(stage, "fraction", "auth_code", {"expires_at": at(1) - 0.5}), 2, 4)
    owners_of_others(stage, add)
    # Where one of the two has a date already.
    add(
        indexed(stage, "both", "access_token", {"expires_at": at(2)}, ttl_h=9, index_ttl_h=8),
        *[None] * 2,
    )
    add(indexed(stage, "target", "access_token", {"expires_at": at(2)}, ttl_h=9), None, 11)
    add(indexed(stage, "index", "access_token", {"expires_at": at(2)}, index_ttl_h=9), 3, None)
    # Where nobody can tell.
    add(indexed(stage, "absent", "access_token", {})[1:], None)
    add(indexed(stage, "mute", "access_token", {"scope": "x"}), *[None] * 2)
    add(indexed(stage, "late", "access_token", {"expires_at": at(2) * 1000}), *[None] * 2)
    odd = indexed(stage, "odd", "access_token", {"expires_at": at(2)})
    odd[0]["bucket"] = {"S": "notes"}
    add(odd, *[None] * 2)
    text = indexed(stage, "text", "access_token", {"expires_at": at(2)})
    text[0][TTL] = {"S": str(at(1))}
    add(text, *[None] * 2)
    nobody = indexed(stage, "nobody", "access_token", {"expires_at": at(2)})
    del nobody[1]["data"]
    add(nobody, *[None] * 2)
    # Rows that say themselves when they end.
    add(session("new", {"created_at": at(0)}), 1 + 600 / HOUR_S)
    add(session("old", {"created_at": at(-99)}), -98 + 600 / HOUR_S)
    add(session("when", {"created_at": "yesterday"}), None)
    add(session("broken", None, text='{"created_at": '), None)
    add(session("true", {"created_at": True}), None)
    add(spa("spa_access_tokens", "a", {"expires_at": at(1), "created_at": at(-5)}), 2)
    add(spa("spa_refresh_tokens", "r", {"created_at": at(-1)}), 14 * 24)
    # Rows of others, under the same prefix and in the same partition.
    colliding = session("colliding", {"created_at": at(0)})
    colliding[0]["bucket"] = {"S": "_oauth"}
    add(colliding, None)
    add([stage.row(SYSTEM, "clients", "c", {"created_at": at(0)}, ttl_h=None)], None)
    return items, dates


def stage_of(clients: Clients) -> tuple[IndexStage, dict[Place, Item], dict[Place, Item]]:
    """Return a stage with the world on it, its rows as they are, and as they should be."""
    stage = IndexStage(clients)
    items, dates = world(stage)
    stage.write(items)
    before = stage.rows()
    dated = {place: {**before[place], TTL: {"N": str(date)}} for place, date in dates.items()}
    return stage, before, {**before, **dated}


def backfill(
    stage: IndexStage, wire: Wire | None = None, *, logger: Logger = QUIET, **event: Any
) -> dict[str, Any]:
    """Run a backfill under the preset."""
    request = {"operation": "backfill", **event}
    return run(stage, wire, environment=PRESET, event=request, logger=logger)


def counts(result: dict[str, Any]) -> dict[str, int]:
    """Return the counts of a result, added up over its rules."""
    rules = list(result["rules"].values())
    numbers = {name for name, value in rules[0].items() if type(value) is int}
    return {name: sum(report[name] for report in rules) for name in sorted(numbers)}


def test_backfill_gives_each_row_the_date_that_it_should_have(clients: Clients) -> None:
    """Those and no others; nothing else of any row is touched, and every row is accounted for."""
    stage, before, after = stage_of(clients)
    dates = sum(before[place] != after[place] for place in before)

    result = backfill(stage)

    assert stage.rows() == after
    assert result["body"] == {"backfilled": dates}
    assert result["complete"]
    found = counts(result)
    assert found["backfilled"] == dates == DATED
    assert (found["targetsBackfilled"], found["linkedBackfilled"]) == (10, 2)
    assert found["unmatched"] == 1
    kept = found["dated"] + found["unknown"] + found["orphans"]
    with_own = found["targetsBackfilled"] + found["linkedBackfilled"]
    assert found["listed"] == found["backfilled"] - with_own + kept
    assert (found["orphans"], found["changed"], found["gone"], found["failed"]) == (1, 0, 0, 0)
    stage.tear_down()


def test_backfill_done_twice_writes_nothing_more(clients: Clients) -> None:
    """What has a date is left alone."""
    stage, _, after = stage_of(clients)
    backfill(stage)
    again = Wire()

    result = backfill(stage, again)

    assert (stage.rows(), again.writes()) == (after, [])
    assert result["body"] == {"backfilled": 0}
    stage.tear_down()


def test_backfill_dry_run_counts_the_same_and_writes_nothing(clients: Clients) -> None:
    """The plan of a dry run is the plan of the real one."""
    stage, before, _ = stage_of(clients)
    wire = Wire()

    dry = backfill(stage, wire, dryRun=True)

    assert (stage.rows(), wire.writes()) == (before, [])
    real = backfill(stage)
    assert dry["dryRun"]
    assert (dry["rules"], dry["body"]) == (real["rules"], real["body"])
    stage.tear_down()


@pytest.mark.parametrize("after", [False, True])
def test_backfill_killed_at_any_call_and_run_again_ends_the_same(
    clients: Clients, *, after: bool
) -> None:
    """Nothing lost, nothing written over, whichever call was the last."""
    stage, _, wanted = stage_of(clients)
    whole = Wire()
    backfill(stage, whole)
    stage.tear_down()

    for number in range(len(whole.calls)):
        stage, _, wanted = stage_of(clients)
        with pytest.raises(KilledError):
            backfill(stage, Wire(die_at=number, die_after=after))
        backfill(stage)
        assert stage.rows() == wanted
        stage.tear_down()


TIMES = count(1)


def rewritten(row: Item) -> Item:
    """Return a row as its writer would store it anew: each time another, and without a date."""
    try:
        data = json.loads(row["data"]["S"])
    except (KeyError, ValueError):
        data = ACTOR
    text = f"{data} " if isinstance(data, str) else json.dumps({**data, "times": next(TIMES)})
    return {**row, "data": {"S": text}}


@pytest.mark.parametrize(
    "write",
    [
        rewritten,
        lambda row: {**row, TTL: {"N": "4000000000"}},
        lambda row: {**row, TTL: {"NULL": True}},
        lambda row: {**row, "bucket": {"S": "another"}},
        lambda _: None,
    ],
    ids=["rewrites", "dates", "dates with nothing", "takes over", "removes"],
)
def test_backfill_raced_before_each_write_leaves_the_writers_rows(
    clients: Clients, write: Callable[[Item], Item | None]
) -> None:
    """Whoever comes between reading and writing wins, on every row; none is brought back."""
    stage, before, _ = stage_of(clients)
    table = clients.dynamodb
    written: dict[Place, Item | None] = {}

    def race(call: Call) -> None:
        if call.operation != UPDATE:
            return
        written.update({at: row if TTL in row else write(row) for at, row in before.items()})
        for place, row in written.items():
            if row is None:
                table.delete_item(TableName=stage.name, Key=stage.key(before[place]))
            else:
                table.put_item(TableName=stage.name, Item=row)

    result = backfill(stage, Wire(before=race))

    assert stage.rows() == {place: row for place, row in written.items() if row}
    assert result["body"] == {"backfilled": 0}
    assert counts(result)["changed"] + counts(result)["gone"] > 0
    stage.tear_down()


def test_backfill_never_dates_what_hangs_on_a_target_before_it(clients: Clients) -> None:
    """A target that was renewed in between has no date yet: nothing of it must go first."""
    stage = IndexStage(clients)
    data = {"expires_at": stage.at(2), "google_token_key": "g"}
    target, index = indexed(stage, "token", "access_token", data)
    provider = stage.row(ACTOR, PROVIDER, "g", {"t": "x"}, ttl_h=None)
    stage.write([target, index, provider])
    renewed = {**target, "data": {"S": json.dumps({**data, "expires_at": stage.at(900)})}}

    def renew(call: Call) -> None:
        if call.operation == UPDATE:
            clients.dynamodb.put_item(TableName=stage.name, Item=renewed)

    result = backfill(stage, Wire(before=renew), rules=["mcp_access_tokens"])

    assert stage.rows() == {stage.place(row): row for row in (renewed, index, provider)}
    found = counts(result)
    assert (found["changed"], found["unknown"], found["backfilled"]) == (1, 1, 0)
    stage.tear_down()


def test_backfill_answer_that_was_lost_is_counted_once(clients: Clients) -> None:
    """A row that shows the very date that was written has it from us."""
    stage, _, after = stage_of(clients)
    lost: list[Call] = []

    def lose(call: Call, forward: Any, request: dict[str, Any]) -> Any:
        answer = forward(**request)
        if call.operation != UPDATE or lost:
            return answer
        lost.append(call)
        raise clients.dynamodb.exceptions.InternalServerError(
            {"Error": {"Code": "InternalServerError"}, "ResponseMetadata": {"HTTPStatusCode": 500}},
            UPDATE,
        )

    result = backfill(stage, Wire(disturb=lose))

    assert stage.rows() == after
    assert (counts(result)["backfilled"], counts(result)["failed"]) == (DATED, 0)
    stage.tear_down()


def test_backfill_is_bounded_and_goes_on_from_its_cursor(clients: Clients) -> None:
    """So many rows a run, until all have a date; what was done is not counted again."""
    stage, _, after = stage_of(clients)
    results = [backfill(stage, limit=3)]
    while results[-1]["cursor"]:
        results.append(backfill(stage, limit=3, cursor=results[-1]["cursor"]))

    assert stage.rows() == after
    written = [result["body"]["backfilled"] for result in results]
    assert sum(written) == DATED
    assert max(written) <= 3
    assert [result["complete"] for result in results] == [False] * (len(results) - 1) + [True]
    stage.tear_down()


def test_backfill_cursor_is_of_no_other_operation(clients: Clients) -> None:
    """A cleanup never goes on where a backfill stopped."""
    stage, *_ = stage_of(clients)
    cursor = backfill(stage, limit=3)["cursor"]

    with pytest.raises(EventError, match="backfill"):
        run(stage, environment=PRESET, event={"cursor": cursor})
    stage.tear_down()


def test_backfill_writes_25_rows_a_call(clients: Clients) -> None:
    """60 sessions take one read and three writes, beside the two looks at the table."""
    stage = IndexStage(clients)
    data = {"created_at": stage.at(-1)}
    stage.write([stage.row(SYSTEM, "_oauth_sessions", f"{n}", data, ttl_h=None) for n in range(60)])
    wire = Wire()

    result = backfill(stage, wire, rules=["oauth_sessions"])

    assert result["body"] == {"backfilled": 60}
    assert wire.count() == {"DescribeTable": 1, "DescribeTimeToLive": 1, "Query": 1, UPDATE: 3}
    stage.tear_down()


def test_backfill_shows_no_secret(clients: Clients, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither the result nor its cursor nor a log line holds a token."""
    stage, *_ = stage_of(clients)

    def refuse(call: Call, forward: Any, request: dict[str, Any]) -> Any:
        answer = forward(**request)
        if call.operation == UPDATE:
            keys = [each["Parameters"][2]["S"] for each in request["Statements"]]
            errors = [{"Code": "ValidationError", "Message": f"not {key}"} for key in keys]
            answer["Responses"] = [{"Error": error} for error in errors]
        return answer

    logger = Logger(service="backfill_secrets", level="DEBUG")
    found = [backfill(stage, Wire(disturb=refuse), logger=logger), backfill(stage, logger=logger)]
    cursors = [backfill(stage, limit=1, dryRun=True, logger=logger)["cursor"]]

    told = capsys.readouterr().out + json.dumps(found) + json.dumps(cursors)
    assert found[0]["errorsTotal"] > 0
    assert "oauth_sessions" in told
    assert SECRET not in told
    stage.tear_down()


def test_backfill_of_a_table_without_ttl_says_what_to_set(clients: Clients) -> None:
    """Nobody has said which attribute to write: nothing is written."""
    stage = IndexStage(clients)
    stage.write([stage.row(SYSTEM, "s", "1", {"end": stage.at(9)}, ttl_h=None)])
    rule = {
        "kind": "expired",
        "partition": SYSTEM,
        "sort_prefix": "s:",
        "json_attributes": ["data"],
        "expires": [{"at": "data.end"}],
        "ttl_from": [{"at": "data.end", "plus_s": 60}],
    }
    environment = {"RULES": json.dumps({"mine": rule})}
    before = stage.rows()

    with pytest.raises(MismatchError, match="TTL_ATTRIBUTE"):
        run(stage, environment=environment, event={"operation": "backfill"})
    assert stage.rows() == before
    named = {**environment, "TTL_ATTRIBUTE": "gone_by"}
    result = run(stage, environment=named, event={"operation": "backfill"})
    assert result["body"] == {"backfilled": 1}
    ((row,),) = [stage.rows().values()]
    assert row["gone_by"] == {"N": str(stage.at(9) + 60)}
    stage.tear_down()


def test_backfill_of_a_rule_that_says_nothing_of_dates_reads_nothing(clients: Clients) -> None:
    """It is complete; no row of it is looked at."""
    stage = IndexStage(clients)
    rule = {
        "kind": "expired",
        "partition": SYSTEM,
        "sort_prefix": "s:",
        "expires": [{"at": "end"}],
    }
    wire = Wire()

    result = run(
        stage,
        wire,
        environment={"RULES": json.dumps({"mine": rule}), "TTL_ATTRIBUTE": "end"},
        event={"operation": "backfill"},
    )

    assert result["complete"]
    assert set(wire.count()) == {"DescribeTable", "DescribeTimeToLive"}
    stage.tear_down()


@pytest.mark.parametrize("at", ["Query", "BatchGetItem", UPDATE])
def test_backfill_out_of_time_leaves_the_page_to_the_next_run(
    clients: Clients, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """What had no end in time, or was not tried, is not passed over: the next run dates it."""
    stage, before, after = stage_of(clients)
    left_ms = [900_000]

    def throttle(call: Call, forward: Any, request: dict[str, Any]) -> Any:
        if call.operation != at:
            return forward(**request)
        left_ms[0] = 10_000  # all of it reserved for the report
        if at == "Query":
            return forward(**request)
        raise clients.dynamodb.exceptions.RequestLimitExceeded(
            {"Error": {"Code": "RequestLimitExceeded"}, "ResponseMetadata": {}}, at
        )

    with monkeypatch.context() as patched:
        budget = Budget(lambda: left_ms[0], reserve_s=10)
        patched.setattr(index_drive, "Budget", SimpleNamespace(until=lambda _: budget))
        result = backfill(stage, Wire(disturb=throttle), rules=["mcp_access_tokens"])

    assert stage.rows() == before
    assert (result["body"], result["complete"]) == ({"backfilled": 0}, False)
    assert backfill(stage, cursor=result["cursor"])["complete"]
    backfill(stage)
    assert stage.rows() == after
    stage.tear_down()


def test_backfill_target_that_cannot_be_read_dates_nothing_and_is_told(clients: Clients) -> None:
    """Unread is not absent: its index row stays as it is, and counts as unknown."""
    stage = IndexStage(clients)
    stage.write(indexed(stage, "token", "access_token", {"expires_at": stage.at(2)}))
    before = stage.rows()

    def process_nothing(call: Call, forward: Any, request: dict[str, Any]) -> Any:
        if call.operation != "BatchGetItem":
            return forward(**request)
        return {"Responses": {}, "UnprocessedKeys": request["RequestItems"]}

    result = backfill(stage, Wire(disturb=process_nothing), rules=["mcp_access_tokens"])

    assert stage.rows() == before
    found = counts(result)
    assert (found["unknown"], found["orphans"], found["backfilled"]) == (1, 0, 0)
    assert [error["error"] for error in result["errors"]] == [
        "1 targets could not be read; their index rows were left as they are"
    ]
    stage.tear_down()


def test_backfill_that_its_pace_keeps_from_a_row_comes_back_for_it(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At one row a second, thirty seconds are too few for sixty: the rest is not passed over."""
    stage = IndexStage(clients)
    data = {"created_at": stage.at(-1)}
    stage.write([stage.row(SYSTEM, "_oauth_sessions", f"{n}", data, ttl_h=None) for n in range(60)])
    budget = Budget(lambda: 40_000, reserve_s=10)
    monkeypatch.setattr(index_drive, "Budget", SimpleNamespace(until=lambda _: budget))
    environment = {**PRESET, "MAX_WRITE_UNITS_PER_SECOND": "1"}
    event: dict[str, Any] = {"operation": "backfill", "rules": ["oauth_sessions"]}

    first = run(stage, environment=environment, event=event)
    event = {"operation": "backfill", "cursor": first["cursor"]}
    second = run(stage, environment=environment, event=event)

    assert (first["body"], first["complete"]) == ({"backfilled": 50}, False)
    assert (second["body"], second["complete"]) == ({"backfilled": 10}, True)
    stage.tear_down()


def test_backfill_linked_row_written_anew_is_left_as_it_is(clients: Clients) -> None:
    """What was stored again in between may be another token's by now."""
    stage = IndexStage(clients)
    data = {"expires_at": stage.at(2), "google_token_key": "g"}
    token = indexed(stage, "token", "access_token", data, ttl_h=3, index_ttl_h=5)
    provider = stage.row(ACTOR, PROVIDER, "g", {"t": "x"}, ttl_h=None)
    stage.write([*token, provider])
    anew = {**provider, "data": {"S": '{"t": "y"}'}}

    def store(call: Call) -> None:
        if call.operation == UPDATE:
            clients.dynamodb.put_item(TableName=stage.name, Item=anew)

    result = backfill(stage, Wire(before=store), rules=["mcp_access_tokens"])

    assert stage.rows() == {stage.place(row): row for row in (*token, anew)}
    assert (counts(result)["changed"], counts(result)["backfilled"]) == (1, 0)
    stage.tear_down()
