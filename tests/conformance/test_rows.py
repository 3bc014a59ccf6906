"""
The engine's own rows on real stores: a delete, a claim and a read do what their callers rely on.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from expiry.budget import Budget, Pace, ReadRate
from expiry.cursors import ScanCursor, key_from_json
from expiry.outcomes import Outcome
from expiry.queries import BeginsWith, Below, Query, QueryPlan
from expiry.rows import Condition, Effect, RowCandidate, Rows, Statement, update
from expiry.scanning import Page, ScanPlan, Stop, scan
from tests.conformance.test_deletes import ALIVE, DEAD

if TYPE_CHECKING:
    from tests.conformance.conftest import Table

pytestmark = pytest.mark.conformance

PLENTY = Budget(lambda: 3_600_000, reserve_s=10)
UNLIMITED = ReadRate(0, time.monotonic, time.sleep)
EXPIRED = Condition.below("expires_at", 1_000)
CLAIMERS = 16
ROUNDS = 10


def rows_of(table: Table, threads: int = 4) -> Rows:
    """Return the rows of *table*, as a handler makes them."""
    pace = Pace(0, time.monotonic, time.sleep)
    return Rows(table.client, table.name, ("pk", "sk"), budget=PLENTY, pace=pace, threads=threads)


def key_of(key: str) -> dict[str, Any]:
    """Return the whole key of a row."""
    return {"pk": {"S": key}, "sk": {"S": "row"}}


def outcomes(table: Table, *keys: str, condition: Condition = EXPIRED) -> list[str]:
    """Delete rows; return each one's outcome."""
    found = [RowCandidate(key_of(key), condition, "expired") for key in keys]
    return [str(result.outcome) for result in rows_of(table).delete(found)]


def claim(table: Table, key: str, run: str, condition: Condition) -> Statement:
    """Claim a row for *run* while it is expired and *condition* holds."""
    put = {"status": {"S": "expiring"}, "run": {"S": run}}
    return update(table.name, key_of(key), EXPIRED & condition, put=put)


FREE = Condition.missing("run") & Condition.other_than("status", {"S": "uploaded"})


def test_rows_delete_only_while_the_condition_holds(table: Table) -> None:
    """Expired goes; alive, exactly at the limit, without the attribute, or of a type, stays."""
    table.put("dead", **DEAD)
    table.put("alive", **ALIVE)
    table.put("at", expires_at={"N": "1000"})
    table.put("plain")
    table.put("text", expires_at={"S": "1"})
    table.put("null", expires_at={"NULL": True})
    keys = ("alive", "dead", "at", "plain", "text", "null", "missing")

    assert outcomes(table, *keys) == [
        "changed",
        "deleted",
        "changed",
        "changed",
        "changed",
        "changed",
        "gone",
    ]
    assert table.keys() == {"alive", "at", "plain", "text", "null"}


def test_rows_delete_twice_is_gone_and_no_error(table: Table) -> None:
    """What makes it safe to send a delete again."""
    table.put("dead", **DEAD)

    assert outcomes(table, "dead") == ["deleted"]
    assert outcomes(table, "dead") == ["gone"]


def test_rows_delete_of_a_row_made_anew_asks_again(table: Table) -> None:
    """A row that came back under the same key lives."""
    table.put("k", **DEAD)
    outcomes(table, "k")
    table.put("k", **ALIVE)

    assert outcomes(table, "k") == ["changed"]
    assert table.keys() == {"k"}


@pytest.mark.parametrize(
    ("condition", "goes", "stays"),
    [
        (Condition.equal("run", {"S": "me"}), {"run": {"S": "me"}}, {"run": {"S": "you"}}),
        (Condition.equal("run", {"S": "me"}), {"run": {"S": "me"}}, {}),
        (Condition.equal("n", {"N": "1"}), {"n": {"N": "1.0"}}, {"n": {"S": "1"}}),
        (Condition.other_than("s", {"S": "up"}), {"s": {"S": "new"}}, {"s": {"S": "up"}}),
        (Condition.missing("run"), {}, {"run": {"S": "you"}}),
        (Condition.missing("run"), {}, {"run": {"NULL": True}}),
        (Condition.below("t", 5), {"t": {"N": "4.999"}}, {"t": {"N": "5"}}),
        (Condition.below("t", 5), {"t": {"N": "-1"}}, {"t": {"S": "4"}}),
    ],
)
def test_rows_each_condition_is_the_stores_own(
    table: Table, condition: Condition, goes: dict[str, Any], stays: dict[str, Any]
) -> None:
    """Every condition that the engine can write is looked at by the store, in the delete."""
    table.put("goes", **goes)
    table.put("stays", **stays)

    assert outcomes(table, "goes", "stays", condition=condition) == ["deleted", "changed"]
    assert table.keys() == {"stays"}


def test_rows_other_than_holds_where_the_attribute_is_absent(table: Table) -> None:
    """A session without a status is not uploaded."""
    table.put("k", **DEAD)

    condition = EXPIRED & Condition.other_than("status", {"S": "uploaded"})
    assert outcomes(table, "k", condition=condition) == ["deleted"]


@pytest.mark.parametrize("writer", ["renews", "completes", "takes over", "removes"])
def test_rows_conditions_joined_each_keep_the_row(table: Table, writer: str) -> None:
    """Of three conditions any one that fails keeps the row."""
    condition = (
        EXPIRED & Condition.equal("status", {"S": "expiring"}) & Condition.equal("run", {"S": "me"})
    )
    before = {**DEAD, "status": {"S": "expiring"}, "run": {"S": "me"}}
    after = {
        "renews": {**before, **ALIVE},
        "completes": {**before, "status": {"S": "uploaded"}},
        "takes over": {**before, "run": {"S": "you"}},
        "removes": DEAD,
    }[writer]
    table.put("dead", **before)
    table.put("won", **after)

    assert outcomes(table, "won", "dead", condition=condition) == ["changed", "deleted"]
    assert table.keys() == {"won"}


def test_rows_same_key_twice_is_answered_twice(table: Table) -> None:
    """A duplicate costs a call of its own, and neither loses nor refuses the others."""
    table.put("a", "b", "c", **DEAD)

    assert outcomes(table, "a", "b", "a", "c", "a") == [
        "deleted",
        "deleted",
        "gone",
        "deleted",
        "gone",
    ]
    assert table.keys() == set()


def test_rows_delete_of_many_is_exact(table: Table) -> None:
    """Hundreds, by threads, living ones among them: every outcome is its own row's."""
    dead = {f"dead {n}" for n in range(160)}
    alive = {f"alive {n}" for n in range(40)}
    table.put(*dead, **DEAD)
    table.put(*alive, **ALIVE)
    keys = sorted(dead | alive | {f"missing {n}" for n in range(20)}, key=lambda key: key[-2:])

    found = outcomes(table, *keys)

    wanted = {"d": "deleted", "a": "changed", "m": "gone"}
    assert found == [wanted[key[0]] for key in keys]
    assert table.keys() == alive


def test_rows_refusal_brings_the_row_as_it_is(table: Table) -> None:
    """The caller sees what the winner wrote."""
    table.put("k", **ALIVE, status={"S": "created"})

    (answer,) = rows_of(table).execute([claim(table, "k", "me", FREE)])

    assert answer.effect is Effect.CHANGED
    assert answer.row == table.get("k")


def test_rows_claim_answers_with_the_row_before_it(table: Table) -> None:
    """The old status is known from the very write that replaced it."""
    table.put("k", **DEAD, status={"S": "created"})

    (answer,) = rows_of(table).execute([claim(table, "k", "me", FREE)])

    assert answer.effect is Effect.DONE
    assert answer.row == {**key_of("k"), **DEAD, "status": {"S": "created"}}
    assert table.get("k") == {
        **key_of("k"),
        **DEAD,
        "status": {"S": "expiring"},
        "run": {"S": "me"},
    }


@pytest.mark.parametrize(
    "attributes",
    [
        {},  # no expiry
        ALIVE,
        {**DEAD, "status": {"S": "uploaded"}},
        {**DEAD, "run": {"S": "you"}},
        {"expires_at": {"S": "1"}},
    ],
)
def test_rows_claim_refused_changes_nothing(table: Table, attributes: dict[str, Any]) -> None:
    """Renewed, completed, claimed by another, or unreadable: the row stays as it is."""
    table.put("k", **attributes)

    (answer,) = rows_of(table).execute([claim(table, "k", "me", FREE)])

    assert answer.effect is Effect.CHANGED
    assert table.get("k") == {**key_of("k"), **attributes}


def test_rows_claim_of_a_missing_row_makes_none(table: Table) -> None:
    """An update never brings a row back."""
    (answer,) = rows_of(table).execute([claim(table, "k", "me", FREE)])

    assert (answer.effect, answer.row) == (Effect.GONE, None)
    assert table.keys() == set()


@pytest.mark.parametrize("take_over", [False, True])
def test_rows_claims_at_once_have_one_winner(table: Table, *, take_over: bool) -> None:
    """Of many claimers in batches exactly one has each row, and knows that it has."""
    keys = [f"k{number}" for number in range(ROUNDS)]
    old = {"run": {"S": "killed"}} if take_over else {}
    table.put(*keys, **DEAD, **old)
    free = Condition.equal("run", {"S": "killed"}) if take_over else FREE

    def claimed(claimer: int) -> list[str]:
        statements = [claim(table, key, str(claimer), free) for key in keys]
        answers = rows_of(table, threads=1).execute(statements)
        return [
            str(claimer) if answer.effect is Effect.DONE else str(answer.effect)
            for answer in answers
        ]

    with ThreadPoolExecutor(CLAIMERS) as pool:
        by_claimer = list(pool.map(claimed, range(CLAIMERS)))

    for number, key in enumerate(keys):
        told = Counter(each[number] for each in by_claimer)
        found = table.get(key)
        assert found is not None
        assert told == {found["run"]["S"]: 1, "changed": CLAIMERS - 1}


def test_rows_claim_is_taken_over_only_from_whom_it_was_seen(table: Table) -> None:
    """Take-over names the claim that it replaces."""
    table.put("killed", "working", **DEAD, run={"S": "killed"})
    table.put("working", **DEAD, run={"S": "other"})
    seen = Condition.equal("run", {"S": "killed"})

    answers = rows_of(table).execute(
        [claim(table, key, "me", seen) for key in ("killed", "working")]
    )

    assert [answer.effect for answer in answers] == [Effect.DONE, Effect.CHANGED]
    found = [table.get(key) or {} for key in ("killed", "working")]
    assert [row["run"] for row in found] == [{"S": "me"}, {"S": "other"}]


def give_back(table: Table, key: str) -> Statement:
    """Give a row back as it was before our claim, if the claim is still ours."""
    ours = Condition.equal("run", {"S": "me"}) & Condition.equal("status", {"S": "expiring"})
    put = {"status": {"S": "created"}}
    return update(table.name, key_of(key), ours, put=put, remove=["run"])


def test_rows_give_back_restores_the_row_while_the_claim_is_ours(table: Table) -> None:
    """Our claim leaves no trace; another's, or a completed upload, is left alone."""
    before = {**DEAD, "status": {"S": "created"}}
    table.put("ours", **before)
    rows_of(table).execute([claim(table, "ours", "me", FREE)])
    others = {**DEAD, "status": {"S": "expiring"}, "run": {"S": "you"}}
    completed = {**DEAD, "status": {"S": "uploaded"}, "run": {"S": "me"}}
    table.put("others", **others)
    table.put("completed", **completed)
    keys = ("ours", "others", "completed", "missing")

    answers = rows_of(table).execute([give_back(table, key) for key in keys])

    assert [str(answer.effect) for answer in answers] == ["done", "changed", "changed", "gone"]
    assert table.get("ours") == {**key_of("ours"), **before}
    assert table.get("others") == {**key_of("others"), **others}
    assert table.get("completed") == {**key_of("completed"), **completed}
    assert table.get("missing") is None


class LosesAnswers:
    """A client whose first answer is lost after the store has acted, as at a timeout."""

    def __init__(self, client: Any) -> None:
        self._client, self._lost = client, False

    def batch_execute_statement(self, **request: Any) -> Any:
        """Call, and lose the first answer."""
        answer = self._client.batch_execute_statement(**request)
        if self._lost:
            return answer
        self._lost = True
        raise self._client.exceptions.InternalServerError(
            {"Error": {"Code": "InternalServerError"}, "ResponseMetadata": {"HTTPStatusCode": 500}},
            "BatchExecuteStatement",
        )


def test_rows_sent_again_after_they_were_applied(table: Table) -> None:
    """A claim knows its own values again; a delete finds the row gone; no other row is touched."""
    table.put("claimed", "deleted", **DEAD)
    table.put("alive", **ALIVE)
    client: Any = LosesAnswers(table.client)
    pace = Pace(0, time.monotonic, lambda _: None)
    rows = Rows(client, table.name, ("pk", "sk"), budget=PLENTY, pace=pace, threads=1)

    answers = rows.execute([claim(table, key, "me", FREE) for key in ("claimed", "alive")])
    client._lost = False  # noqa: SLF001 - once more
    found = [RowCandidate(key_of(key), EXPIRED, "expired") for key in ("deleted", "alive")]
    results = rows.delete(found)

    assert [answer.effect for answer in answers] == [Effect.DONE, Effect.CHANGED]
    assert [result.outcome for result in results] == [Outcome.GONE, Outcome.CHANGED]
    assert table.keys() == {"claimed", "alive"}


def test_rows_get_tells_found_from_absent_from_unknown(table: Table) -> None:
    """250 keys in three calls, once each; a key that no row can have spoils none of them."""
    keys = [f"k{number}" for number in range(200)]
    table.put(*keys, **DEAD, state={"S": "what must never be read"})
    asked = [key_of(f"k{number}") for number in range(250)]
    odd = [key_of(""), key_of("x" * 3_000)]

    found = rows_of(table).get([*asked, *odd, *asked[:10]], ["expires_at"])

    assert len(found.rows) == 200
    assert found.row(key_of("k7")) == {**key_of("k7"), **DEAD}
    assert [found.absent(key) for key in asked] == [False] * 200 + [True] * 50
    assert not any(found.absent(key) or found.row(key) for key in odd)


def test_rows_get_of_more_than_16_megabytes_reads_all(table: Table) -> None:
    """More than 16 MB at once: the service answers in part, and the rest is asked for again."""
    big = {"state": {"S": "x" * 350_000}}
    keys = [f"k{number}" for number in range(50)]
    table.put(*keys, **big)

    found = rows_of(table).get([key_of(key) for key in keys], ["state"])

    assert (len(found.rows), found.unknown) == (50, frozenset())


def scanned(table: Table, cursor: ScanCursor, stop: Stop | None) -> tuple[list[str], Any]:
    """Scan what *cursor* has left, by pages of 4; stop at the second page, where told to."""
    seen: list[Page] = []

    def take(page: Page) -> Stop | None:
        seen.append(page)
        return stop if len(seen) == 2 else None

    segments = tuple(cursor.left)
    names = ("pk", "sk")
    total = cursor.total_segments
    plan = ScanPlan(table.name, "TABLE", names, total, segments, 1, 4, after=cursor.left)
    left = scan(table.client, plan, PLENTY, UNLIMITED, take).cursor(plan)
    return [row["pk"]["S"] for page in seen for row in page.rows], left and left.as_json()


def test_scan_goes_on_from_its_cursor(table: Table) -> None:
    """Cut short as often as it may be, a scan by shards has every row."""
    keys = {f"k{number}" for number in range(40)}
    table.put(*keys)
    cursor, seen, rounds = ScanCursor.whole(3, "run"), set[str](), 0
    left: Any = cursor.as_json()

    while left:
        found, left = scanned(table, ScanCursor.parse(json.loads(json.dumps(left))), Stop("limit"))
        seen |= set(found)
        rounds += 1
        assert rounds < 100

    assert rounds > 3
    assert seen == keys


def test_scan_goes_on_behind_any_row(table: Table) -> None:
    """A taker that stops inside a page may name the row that it took last."""
    table.put(*(f"k{number}" for number in range(12)))
    whole, _ = scanned(table, ScanCursor(1, {0: None}), None)

    found, left = scanned(table, ScanCursor(1, {0: key_of(whole[5])}), None)

    assert (found, left) == (whole[6:], None)


def queried(table: Table, ranged: Below | BeginsWith | None) -> list[str]:
    """Query one partition by pages of 3, each by a query of its own; return its range keys."""
    plan = QueryPlan(table.name, "TABLE", ("pk", "sk"), ("pk", {"S": "u"}), 3, ranged)
    after, seen = None, list[str]()
    while True:
        query = Query(table.client, plan, PLENTY, UNLIMITED, after)
        pages = query.pages()
        seen += [row["sk"]["S"] for row in next(pages).rows]
        next(pages, None)  # what takes the page before
        cursor = query.cursor()
        if cursor is None:
            return seen
        after = key_from_json(json.loads(json.dumps(cursor))["after"])


def test_query_reads_one_partition_from_cursor_to_cursor(table: Table) -> None:
    """Other partitions, and rows out of the range, do not come; the others all do, once."""
    names = [f"{kind}#{number}" for kind in ("a", "b") for number in range(5)]
    for pk in ("u", "v"):
        for name in names:
            item = {"pk": {"S": pk}, "sk": {"S": name}}
            table.client.put_item(TableName=table.name, Item=item)

    assert queried(table, None) == names
    assert queried(table, BeginsWith("sk", {"S": "b#"})) == names[5:]
    assert queried(table, Below("sk", {"S": "a#3"})) == names[:3]
