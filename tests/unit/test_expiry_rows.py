"""
Rows: every statement has its one end, and only what was not done is sent again.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from expiry.batches import DONE_BEFORE, GONE_UNSURE, NOT_TRIED, UNDER_WAY
from expiry.budget import Budget, WritePace
from expiry.outcomes import Outcome
from expiry.retries import MOST_TRIES
from expiry.rows import Condition, Effect, RowCandidate, Rows, Statement, deletion, update
from tests.unit.scripted_rows import (
    PLENTY,
    TABLE,
    Fault,
    ScriptedRows,
    Sleeper,
    counted,
    key_of,
    row,
    rows_of,
)

DEAD = Condition.below("ttl", 100)
RUN = {"S": "run 1"}


def candidates(*keys: str) -> list[RowCandidate]:
    """Return a candidate for each key: it goes while its ttl is below 100."""
    return [RowCandidate(key_of(key), DEAD, "expired") for key in keys]


def claim(key: str, run: dict[str, str] = RUN) -> Statement:
    """Return the statement that claims a row, once."""
    return update(TABLE, key_of(key), DEAD & Condition.missing("run"), put={"run": run})


def many(count: int) -> ScriptedRows:
    """Store dead rows."""
    return ScriptedRows([row(str(n), ttl=1) for n in range(count)])


@pytest.mark.parametrize(("threads", "at_a_time"), [(1, 10_000), (8, 10_000), (8, 1_000)])
def test_delete_of_10000_rows_makes_400_calls(threads: int, at_a_time: int) -> None:
    """25 rows a call, however many threads and pages: 0.04 calls a row, at most 0.041."""
    store = many(10_000)
    rows = rows_of(store, threads=threads)
    found = candidates(*(str(n) for n in range(10_000)))

    results = [
        each
        for start in range(0, len(found), at_a_time)
        for each in rows.delete(found[start : start + at_a_time])
    ]

    assert counted(results) == {"deleted": 10_000}
    assert [each.victim for each in results] == found
    assert store.rows == {}
    assert len(store.calls) == 400 <= 0.041 * 10_000


def test_delete_tells_deleted_changed_and_gone_in_order() -> None:
    """A living row stays, a row that is not there is gone, each in its place."""
    store = ScriptedRows(
        [row("alive", ttl=101), row("dead", ttl=99), row("plain"), row("at", ttl=100)]
    )

    results = rows_of(store).delete(candidates("alive", "dead", "missing", "plain", "at"))

    assert [each.outcome for each in results] == [
        Outcome.CHANGED,
        Outcome.DELETED,
        Outcome.GONE,
        Outcome.CHANGED,
        Outcome.CHANGED,
    ]
    assert {key for _, key in (place[0] for place in store.rows)} == {"alive", "plain", "at"}


def test_delete_of_nothing_makes_no_call() -> None:
    """An empty page costs nothing."""
    store = many(0)

    assert rows_of(store).delete([]) == []
    assert store.calls == []


def test_execute_returns_the_row_that_refused_and_the_row_that_went() -> None:
    """The caller sees what was deleted, and what the winner wrote."""
    store = ScriptedRows([row("alive", ttl=101), row("dead", ttl=99)])
    statements = [deletion(TABLE, key_of(key), DEAD) for key in ("alive", "dead")]

    alive, dead = rows_of(store).execute(statements)

    assert (alive.effect, alive.row) == (Effect.CHANGED, row("alive", ttl=101))
    assert (dead.effect, dead.row) == (Effect.DONE, row("dead", ttl=99))
    assert (alive.statement, dead.statement) == tuple(statements)


@pytest.mark.parametrize(
    "code",
    [
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "ThrottlingError",
        "TransactionConflict",
        "InternalServerError",
    ],
)
def test_delete_throttled_statement_alone_is_sent_again(code: str) -> None:
    """What was done or refused is not sent twice; the next try waits."""
    store, sleeper = ScriptedRows([row("a", ttl=1), row("b", ttl=1), row("c", ttl=200)]), Sleeper()
    store.codes.extend([None, code, None])

    results = rows_of(store, sleeper=sleeper).delete(candidates("a", "b", "c"))

    assert counted(results) == {"deleted": 2, "changed": 1}
    assert [[each["Parameters"][0]["S"] for each in call] for call in store.sent()] == [
        ["a", "b", "c"],
        ["b"],
    ]
    assert len(sleeper.slept) == 1
    assert 0.05 <= sleeper.slept[0] <= 0.1


@pytest.mark.parametrize(
    "code", ["ResourceNotFound", "AccessDenied", "ValidationError", "DuplicateItem", "NeverHeardOf"]
)
def test_delete_refused_statement_fails_once_and_alone(code: str) -> None:
    """What would be refused again is not sent again, and its neighbours go on."""
    store = many(3)
    store.codes.extend([None, code, None])

    results = rows_of(store).delete(candidates("0", "1", "2"))

    assert [str(each.outcome) for each in results] == ["deleted", "failed", "deleted"]
    assert results[1].detail.startswith(code)
    assert len(store.calls) == 1


def test_delete_throttled_for_ever_ends_failed_after_longer_and_longer_waits() -> None:
    """A table that stays overloaded is left alone; each wait is bounded."""
    store, sleeper = many(2), Sleeper()
    store.code_of = {(("S", "0"),): "ThrottlingError"}

    results = rows_of(store, sleeper=sleeper).delete(candidates("0", "1"))

    assert [str(each.outcome) for each in results] == ["failed", "deleted"]
    assert results[0].detail == "ThrottlingError: no; tries used up"
    assert len(store.calls) == MOST_TRIES
    assert sum(sleeper.slept) < 15
    for longest_s, slept_s in zip((0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5), sleeper.slept, strict=True):
        assert longest_s / 2 <= slept_s <= longest_s


def test_delete_without_time_makes_no_call_and_says_so() -> None:
    """What was not tried is told from what the store refused."""
    store = many(1)

    (result,) = rows_of(store, budget=Budget(lambda: 10_400, reserve_s=10)).delete(candidates("0"))

    assert (result.outcome, result.detail) == (Outcome.FAILED, NOT_TRIED)
    assert store.calls == []


def test_delete_time_ends_between_batches() -> None:
    """The budget is asked before each call."""
    store, sleeper = many(100), Sleeper()
    store.before = lambda: sleeper.sleep(1)
    budget = Budget(lambda: int(1_000 * (2.6 - sleeper.now_s)), reserve_s=0)

    results = rows_of(store, budget=budget).delete(candidates(*(str(n) for n in range(100))))

    assert counted(results) == {"deleted": 75, "failed": 25}
    assert {each.detail for each in results[75:]} == {NOT_TRIED}
    assert len(store.calls) == 3


def test_delete_time_ends_before_a_retry() -> None:
    """No wait outlasts the budget; the store's own code stays in the detail."""
    store, sleeper = many(1), Sleeper()
    store.code_of = {(("S", "0"),): "ThrottlingError"}
    budget = Budget(lambda: int(1_000 * (1.5 - sleeper.now_s)), reserve_s=0)

    (result,) = rows_of(store, budget=budget, sleeper=sleeper).delete(candidates("0"))

    assert result.detail == "ThrottlingError: no; no time left"
    assert sleeper.now_s <= 1.0
    assert 1 < len(store.calls) < MOST_TRIES


@pytest.mark.parametrize("fault", [Fault.BROKEN_AFTER, Fault.LOST, Fault.SENT_TWICE])
def test_delete_sent_again_after_it_was_applied_is_gone(fault: Fault) -> None:
    """Nobody can say who removed the row: it is gone, never counted as deleted, never an error."""
    store = ScriptedRows([row("dead", ttl=1), row("alive", ttl=200)])
    store.faults.append(fault)

    dead, alive = rows_of(store).delete(candidates("dead", "alive"))

    assert (dead.outcome, dead.detail) == (Outcome.GONE, GONE_UNSURE)
    assert alive.outcome is Outcome.CHANGED


def test_delete_statement_with_a_server_error_after_it_was_applied_is_gone() -> None:
    """The same within a batch that was answered."""
    store = many(1)
    store.codes.append("InternalServerError after")

    (result,) = rows_of(store).delete(candidates("0"))

    assert (result.outcome, result.detail) == (Outcome.GONE, GONE_UNSURE)


def test_delete_sent_again_asks_its_condition_again() -> None:
    """A writer who comes between the two tries wins."""
    store = many(1)
    store.faults.append(Fault.BROKEN_BEFORE)

    def renew() -> None:
        if len(store.calls) == 2:
            store.rows[(("S", "0"),)] = row("0", ttl=500)

    store.before = renew

    (result,) = rows_of(store).delete(candidates("0"))

    assert result.outcome is Outcome.CHANGED
    assert len(store.calls) == 2


@pytest.mark.parametrize("fault", [Fault.BROKEN_AFTER, Fault.LOST, Fault.SENT_TWICE])
def test_update_sent_again_after_it_was_applied_knows_its_own_values(fault: Fault) -> None:
    """A claim that has won does not take itself for another's."""
    store = many(1)
    store.faults.append(fault)

    (answer,) = rows_of(store).execute([claim("0")])

    assert (answer.effect, answer.detail) == (Effect.DONE, DONE_BEFORE)
    assert answer.row == row("0", ttl=1, run="run 1")


def test_update_sent_again_does_not_take_anothers_values_for_its_own() -> None:
    """Somebody else claimed between the tries: changed."""
    store = ScriptedRows([row("0", ttl=1, run="run 2")])
    store.faults.append(Fault.BROKEN_BEFORE)

    (answer,) = rows_of(store).execute([claim("0")])

    assert (answer.effect, answer.row) == (Effect.CHANGED, row("0", ttl=1, run="run 2"))


def test_update_whose_end_is_known_does_not_claim_what_it_finds() -> None:
    """Values like its own prove nothing where every try was answered: an older claim has them."""
    store = ScriptedRows([row("0", ttl=1, run="run 1")])
    store.faults.append(Fault.THROTTLED)

    (answer,) = rows_of(store).execute([claim("0")])

    assert answer.effect is Effect.CHANGED
    assert len(store.calls) == 2


def test_update_of_a_missing_row_makes_none() -> None:
    """A claim on a row that is gone is gone, and leaves nothing behind."""
    store = many(0)

    (answer,) = rows_of(store).execute([claim("0")])

    assert (answer.effect, answer.row, store.rows) == (Effect.GONE, None, {})


def test_execute_server_errors_for_ever_end_failed_and_unsure() -> None:
    """What may have happened is said to be unsure, also when a throttle came last."""
    store = many(1)
    store.faults.extend([Fault.BROKEN_AFTER, *[Fault.THROTTLED] * 100])

    (answer,) = rows_of(store).execute([claim("0")])

    assert answer.effect is Effect.FAILED
    assert answer.detail.startswith("unsure: not done: ")
    assert answer.detail.endswith("; tries used up")


def test_execute_call_refused_fails_its_statements_only() -> None:
    """A whole call that is denied is not sent again; the other calls go on."""
    store = many(50)
    store.faults.extend([Fault.DENIED])

    results = rows_of(store).delete(candidates(*(str(n) for n in range(50))))

    assert counted(results) == {"failed": 25, "deleted": 25}
    assert "AccessDeniedException" in results[0].detail
    assert len(store.calls) == 2


def test_execute_same_key_twice_goes_in_two_calls_in_order() -> None:
    """A batch with a key twice is refused after some of it was done, so there never is one."""
    store = many(30)
    statements = [claim(str(n)) for n in range(30)] + [claim("7", {"S": "run 2"})] * 2

    answers = rows_of(store, threads=4).execute(statements)

    assert counted(answers) == {"done": 30, "changed": 2}
    assert [len(call) for call in store.sent()] in ([25, 5, 1, 1], [5, 25, 1, 1])
    assert answers[-1].row == row("7", ttl=1, run="run 1")


def test_execute_equal_numbers_are_one_key() -> None:
    """DynamoDB holds 1 and 1.0 for the same number, so one batch must not have both."""
    store = ScriptedRows([{"pk": {"N": "1"}, "ttl": {"N": "1"}}])
    statements = [deletion(TABLE, {"pk": {"N": text}}, DEAD) for text in ("1", "1.0", "1E0")]

    assert counted(rows_of(store).execute(statements)) == {"done": 1, "gone": 2}
    assert len(store.calls) == 3


@pytest.mark.parametrize(
    "text",
    [
        'DELETE FROM "sessions" WHERE "pk"=? RETURNING ALL OLD *',
        'DELETE FROM "sessions" WHERE "ttl" < ? RETURNING ALL OLD *',
        'DELETE FROM "sessions"',
        'DELETE FROM "others" WHERE "pk"=? AND "ttl" < ? RETURNING ALL OLD *',
        'DELETE FROM "sessions" WHERE "pk"=? AND "ttl" < ?',
        'UPDATE "sessions" SET "x"=? WHERE "pk"=?',
        'UPDATE "sessions" SET "x"=? WHERE "pk"=? AND "pk"=?',
        'SELECT * FROM "sessions" WHERE "pk"=? AND "ttl" < ?',
    ],
)
def test_execute_statement_without_a_condition_is_refused(text: str) -> None:
    """No delete is unconditional, whoever wrote the statement; nothing of the plan is sent."""
    store = many(2)
    bad = Statement(text, ({"S": "0"}, {"N": "1"}), key_of("0"))

    with pytest.raises(ValueError, match="sessions"):
        rows_of(store).execute([deletion(TABLE, key_of("1"), DEAD), bad])

    assert store.calls == []


def test_execute_with_a_range_key_asks_for_the_whole_key() -> None:
    """A condition on the hash key alone is no condition where there is a range key."""
    rows = rows_of(many(0), key_names=("pk", "sk"))

    with pytest.raises(ValueError, match="whole key pk, sk"):
        rows.execute([deletion(TABLE, key_of("0"), DEAD)])


def test_execute_uses_no_more_threads_than_allowed() -> None:
    """The connection pool has as many connections as threads, and no more."""
    store = many(500)
    store.before = lambda: time.sleep(0.002)

    rows_of(store, threads=3).delete(candidates(*(str(n) for n in range(500))))

    assert store.most_together == 3


def test_execute_call_that_hangs_does_not_hold_the_report() -> None:
    """What it was about is unsure; what had ended before keeps its end."""
    store, hangs = many(50), threading.Event()
    end_s = time.monotonic() + 1.0
    budget = Budget(lambda: int((end_s - time.monotonic()) * 1_000), reserve_s=0)

    def hang() -> None:
        if len(store.calls) == 2:
            hangs.wait(timeout=30)

    store.before = hang

    results = rows_of(store, budget=budget).delete(candidates(*(str(n) for n in range(50))))
    hangs.set()

    assert counted(results) == {"deleted": 25, "failed": 25}
    assert {each.detail for each in results[25:]} == {UNDER_WAY}


def test_execute_error_in_a_thread_is_raised_where_execute_was_called() -> None:
    """A kill, or a fault of ours, dies in no thread, and no further call begins."""

    class Killed(BaseException):
        """The process ends here."""

    store = many(100)

    def kill() -> None:
        raise Killed

    store.before = kill

    with pytest.raises(Killed):
        rows_of(store).delete(candidates(*(str(n) for n in range(100))))

    assert len(store.calls) == 1


def test_execute_holds_all_threads_to_the_pace() -> None:
    """Retries count as requests, too."""
    store, sleeper = many(200), Sleeper()
    store.codes.append("ThrottlingError")

    rows_of(store, sleeper=sleeper, requests_per_s=10, threads=1).delete(
        candidates(*(str(n) for n in range(200)))
    )

    assert len(store.calls) == 9
    assert sleeper.now_s == pytest.approx(0.8)


def test_execute_pace_does_not_outlast_the_budget() -> None:
    """A pace that would wait past the end stops instead."""
    store, sleeper = many(100), Sleeper()
    budget = Budget(lambda: int(1_000 * (25 - sleeper.now_s)), reserve_s=0)

    results = rows_of(store, budget=budget, sleeper=sleeper, requests_per_s=0.1).delete(
        candidates(*(str(n) for n in range(100)))
    )

    assert counted(results) == {"deleted": 75, "failed": 25}
    assert sleeper.now_s <= 25


def asked(store: ScriptedRows) -> list[int]:
    """Return how many keys each read asked for."""
    return [len(request[TABLE]["Keys"]) for _, request in store.calls]


def test_get_reads_100_keys_a_call_and_each_key_once() -> None:
    """Two objects of one session cost one read."""
    store = many(250)
    keys: list[Any] = [key_of(str(n)) for n in range(300)] + [key_of("7")] * 50

    found = rows_of(store, threads=4).get(keys, ["ttl"])

    assert sorted(asked(store)) == [100, 100, 100]
    assert len(found.rows) == 250
    assert found.unknown == frozenset()
    assert found.row(key_of("7")) == row("7", ttl=1)
    assert found.absent(key_of("299"))
    assert not found.absent(key_of("7"))


def test_get_brings_keys_and_named_attributes_only() -> None:
    """Contents are never read."""
    store = ScriptedRows([row("a", ttl=1, state="what must never be read")])

    found = rows_of(store).get([{**key_of("a"), "ttl": {"N": "1"}}], ["ttl", "pk"])

    assert found.row(key_of("a")) == row("a", ttl=1)
    assert store.calls[0][1][TABLE]["Keys"] == [key_of("a")]


def test_get_unprocessed_keys_alone_are_asked_again() -> None:
    """What was read is not read twice."""
    store = many(100)
    store.unprocessed.extend([60, 60, 1])

    found = rows_of(store).get([key_of(str(n)) for n in range(100)], ["ttl"])

    assert asked(store) == [100, 60, 60, 1]
    assert (len(found.rows), found.unknown) == (100, frozenset())


def test_get_slow_progress_is_progress() -> None:
    """A read that gets a few rows at a time goes on, however often it has to ask."""
    store = many(100)
    store.unprocessed.extend(range(96, 0, -4))

    found = rows_of(store).get([key_of(str(n)) for n in range(100)], ["ttl"])

    assert (len(found.rows), found.unknown) == (100, frozenset())
    assert len(store.calls) == 25


def test_get_unprocessed_for_ever_is_unknown_and_not_absent() -> None:
    """Unknown means keep."""
    store = many(2)
    store.unprocessed.extend([1] * 100)

    found = rows_of(store).get([key_of("0"), key_of("gone")], ["ttl"])

    assert len(store.calls) <= MOST_TRIES + 1
    assert found.unknown == {(("S", "0"),)}
    assert not found.absent(key_of("0"))
    assert found.row(key_of("0")) is None
    assert found.absent(key_of("gone"))


@pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.BROKEN_BEFORE, Fault.LOST])
def test_get_call_that_fails_is_tried_again_then_unknown(fault: Fault) -> None:
    """A read that failed says nothing of any row."""
    store = many(1)
    store.faults.append(fault)
    assert rows_of(store).get([key_of("0")], ["ttl"]).row(key_of("0")) is not None

    store.faults.extend([fault] * 100)
    found = rows_of(store).get([key_of("0"), key_of("gone")], ["ttl"])

    assert len(found.unknown) == 2
    assert not found.absent(key_of("gone"))


def test_get_without_time_is_unknown() -> None:
    """No call, no knowledge."""
    store = many(1)

    found = rows_of(store, budget=Budget(lambda: 10_000, reserve_s=10)).get([key_of("gone")], [])

    assert not found.absent(key_of("gone"))
    assert store.calls == []


def test_get_refused_is_an_error() -> None:
    """A role that may not read makes nothing look absent: the run stops."""
    store = many(1)
    store.faults.append(Fault.DENIED)

    with pytest.raises(Exception, match="allow dynamodb:BatchGetItem on it"):
        rows_of(store).get([key_of("0")], ["ttl"])


def test_get_key_that_no_row_can_have_is_unknown_and_not_sent() -> None:
    """One empty or oversized key would make the service refuse the other 99."""
    store = many(1)
    odd = [key_of(""), key_of("x" * 2_049), key_of("ä" * 1_025)]

    found = rows_of(store).get([*odd, key_of("0"), key_of("x" * 2_048)], ["ttl"])

    assert asked(store) == [2]
    assert len(found.unknown) == 3
    assert not any(found.absent(key) for key in odd)
    assert found.absent(key_of("x" * 2_048))


def test_fetched_key_that_was_not_asked_for_is_not_absent() -> None:
    """Nobody has looked."""
    found = rows_of(many(0)).get([key_of("a")], [])

    assert found.absent(key_of("a"))
    assert not found.absent(key_of("b"))


def test_rows_writes_wait_for_their_units_and_reads_for_none() -> None:
    """60 deletes at 25 a second: the second and the third call wait for those before them."""
    store, sleeper = many(60), Sleeper()
    pace = WritePace(25, sleeper, sleeper.sleep)
    client: Any = store
    rows = Rows(client, TABLE, ("pk",), budget=PLENTY, pace=pace, threads=1)

    rows.get([key_of("0")], ["ttl"])
    rows.delete(candidates(*map(str, range(60))))

    assert sleeper.slept == pytest.approx([1.0, 1.0])
