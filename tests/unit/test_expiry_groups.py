"""
Groups against a store by script: what a cancelled, refused, lost or throttled call leads to.

What a condition lets go is the store's business: ``tests/conformance`` asks real ones.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from expiry.budget import Budget, Pace, WritePace
from expiry.groups import Check, Group, Groups
from expiry.rows import RowCandidate
from expiry.statements import Condition
from tests.unit.scripted_rows import PLENTY, Sleeper, key_of, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from expiry.outcomes import Result

DEAD = Condition.below("ttl", 1_000)
ABSENT = Condition.missing("pk")


class Store:
    """A client that answers each call as its script says, and deletes where that says nothing."""

    def __init__(self, *script: Any) -> None:
        self.script: deque[Any] = deque(script)
        self.calls: list[list[str]] = []  # the keys of each
        self.requests: list[Any] = []
        self.tokens: list[str] = []

    def transact_write_items(self, *, TransactItems: Any, ClientRequestToken: str) -> Any:  # noqa: N803 - boto3's
        keys = [next(iter(item.values()))["Key"]["pk"]["S"] for item in TransactItems]
        self.calls.append(keys)
        self.requests.append(TransactItems)
        self.tokens.append(ClientRequestToken)
        answer = self.script.popleft() if self.script else None
        if callable(answer):
            answer = answer(keys)
        if isinstance(answer, Exception):
            raise answer
        return {}


def cancelled(codes: dict[str, str]) -> Callable[[list[str]], Exception]:
    """Cancel a call: key → code; ``changed`` and ``gone`` are failed conditions."""

    def reason(key: str) -> dict[str, Any]:
        code = codes.get(key, "None")
        if code in {"changed", "gone"}:
            row = {"Item": key_of(key)} if code == "changed" else {}
            return {"Code": "ConditionalCheckFailed", "Message": "no", **row}
        return {"Code": code} if code == "None" else {"Code": code, "Message": "no"}

    def answer(keys: list[str]) -> Exception:
        error: Any = {
            "Error": {"Code": "TransactionCanceledException", "Message": "cancelled"},
            "ResponseMetadata": {"HTTPStatusCode": 400},
            "CancellationReasons": [reason(key) for key in keys],
        }
        return ClientError(error, "TransactWriteItems")

    return answer


def group(*keys: str, absent: Sequence[str] = ()) -> Group:
    """Return a group of rows."""
    deletes = tuple(RowCandidate(key_of(key), DEAD, "expired") for key in keys)
    return Group(deletes, tuple(Check(key_of(key), ABSENT) for key in absent))


def groups_of(
    store: Store, *, budget: Budget = PLENTY, pace: Pace | None = None, threads: int = 1
) -> Groups:
    """Make the groups of *store*'s table; no test waits for a retry."""
    sleeper = Sleeper()
    client: Any = store
    pace = pace or Pace(0, sleeper, sleeper.sleep)
    return Groups(client, "rows", ("pk",), budget=budget, pace=pace, threads=threads)


def told(found: list[list[Result[RowCandidate]]]) -> list[list[str]]:
    """Return the outcome of each row."""
    return [[str(result.outcome) for result in results] for results in found]


def delete(store: Store, *groups: Group) -> list[list[str]]:
    """Delete groups; return the outcome of each row."""
    return told(groups_of(store).delete(groups))


def test_groups_request_names_the_key_the_condition_and_wants_the_row() -> None:
    """The row must be there, so that what is gone does not count as deleted."""
    store = Store()

    delete(store, group("a", absent=["t"]))

    about = {"TableName": "rows", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    assert store.requests == [
        [
            {
                "Delete": {
                    **about,
                    "Key": {"pk": {"S": "a"}},
                    "ConditionExpression": "attribute_exists(#c0) AND #c1 < :c0",
                    "ExpressionAttributeNames": {"#c0": "pk", "#c1": "ttl"},
                    "ExpressionAttributeValues": {":c0": {"N": "1000"}},
                }
            },
            {
                "ConditionCheck": {
                    **about,
                    "Key": {"pk": {"S": "t"}},
                    "ConditionExpression": "attribute_not_exists(#c0)",
                    "ExpressionAttributeNames": {"#c0": "pk"},
                }
            },
        ]
    ]


def test_groups_none_makes_no_call() -> None:
    """Nothing to do is nothing done."""
    store = Store()

    assert delete(store) == []
    assert store.calls == []


def test_groups_are_packed_whole() -> None:
    """33 groups of three fill a call; the next group is not torn."""
    store = Store()
    groups = [group(*(f"{number} {row}" for row in "abc")) for number in range(34)]

    assert delete(store, *groups) == [["deleted"] * 3] * 34
    assert [len(call) for call in store.calls] == [99, 3]


def test_groups_cancelled_call_ends_who_is_at_fault_and_sends_the_others_together() -> None:
    """One call more, whatever the number of groups at fault."""
    store = Store(cancelled({"b": "changed", "d2": "changed"}))
    groups = [group("a"), group("b"), group("c", "c2"), group("d", "d2")]

    assert delete(store, *groups) == [["deleted"], ["changed"], ["deleted"] * 2, ["changed"] * 2]
    assert store.calls[1:] == [["a", "c", "c2"]]
    assert len(set(store.tokens)) == 2


def test_groups_details_tell_which_row_was_at_fault() -> None:
    """The log can answer "why" for each."""
    store = Store(cancelled({"b": "changed", "t": "changed"}))

    (first, second) = groups_of(store).delete([group("a", "b"), group("c", absent=["t"])])

    assert [result.detail for result in first] == [
        "what it goes together with has changed",
        "ConditionalCheckFailed: no",
    ]
    assert [result.detail for result in second] == [
        "what it goes together with has changed: ConditionalCheckFailed: no"
    ]


def test_groups_owner_gone_keeps_the_others_even_where_they_are_gone_too() -> None:
    """Each row has its own outcome."""
    store = Store(cancelled({"a": "gone", "c": "gone"}))

    assert delete(store, group("a", "b", "c")) == [["gone", "changed", "gone"]]
    assert len(store.calls) == 1


def test_groups_other_gone_is_left_out_of_the_next_try() -> None:
    """The owner and the rest go without it."""
    store = Store(cancelled({"b": "gone"}))

    assert delete(store, group("a", "b", "c")) == [["deleted", "gone", "deleted"]]
    assert store.calls[1:] == [["a", "c"]]


def test_groups_shared_check_that_fails_keeps_all_that_share_it() -> None:
    """One item in the call, many groups that it speaks for."""
    store = Store(cancelled({"t": "changed"}))
    groups = [group("a", absent=["t"]), group("b", absent=["t"]), group("c", absent=["u"])]

    assert delete(store, *groups) == [["changed"], ["changed"], ["deleted"]]
    assert store.calls == [["a", "t", "b", "c", "u"], ["c", "u"]]


@pytest.mark.parametrize(
    "code",
    [
        "TransactionConflict",
        "ThrottlingError",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "InternalServerError",
    ],
)
def test_groups_in_conflict_are_sent_apart_from_the_others(code: str) -> None:
    """Who is held up holds up nobody else."""
    store = Store(cancelled({"b": code}))

    assert delete(store, group("a"), group("b"), group("c")) == [["deleted"]] * 3
    assert store.calls[1:] == [["a", "c"], ["b"]]


def test_groups_in_conflict_for_good_fail_after_all_tries() -> None:
    """The others are done; the tries are bounded."""
    conflict = cancelled({"b": "TransactionConflict"})

    def conflicts(keys: list[str]) -> Exception | None:
        return conflict(keys) if "b" in keys else None

    store = Store(*[conflicts] * 30)
    found = groups_of(store).delete([group("b"), group("b2")])

    assert told(found) == [["failed"], ["deleted"]]
    assert "TransactionConflict" in found[0][0].detail
    assert found[0][0].detail.endswith("tries used up")
    assert len(store.calls) == 1 + 1 + 8  # together, the other alone, and its own tries


def test_groups_reason_of_another_kind_fails_its_group_alone() -> None:
    """One bad row never stops the others."""
    store = Store(cancelled({"b": "ItemCollectionSizeLimitExceeded"}))

    assert delete(store, group("a"), group("b", "b2")) == [["deleted"], ["failed"] * 2]


def test_groups_call_refused_is_halved_until_the_bad_group_is_alone() -> None:
    """The service does not say which group makes a call too large: it is found by halving."""

    def refuses_bad(keys: list[str]) -> Exception | None:
        return refusal("ValidationException", "too large") if "bad" in keys else None

    store = Store(*[refuses_bad] * 20)
    keys = ["a", "b", "bad", "c", "d", "e", "f", "g"]

    found = delete(store, *(group(key) for key in keys))

    assert found == [["failed" if key == "bad" else "deleted"] for key in keys]
    assert len(store.calls) == 7


def test_groups_denied_fail_at_once() -> None:
    """A role that lacks the action is refused once for each call, not for each group."""
    store = Store(*[refusal("AccessDeniedException", "not allowed")] * 9)

    found = groups_of(store).delete([group("a"), group("b")])

    assert told(found) == [["failed"], ["failed"]]
    assert "AccessDeniedException" in found[0][0].detail
    assert len(store.calls) == 1


@pytest.mark.parametrize(
    "error",
    [
        ReadTimeoutError(endpoint_url=""),
        refusal("InternalServerError", status=500),
        refusal("TransactionInProgressException"),
    ],
)
def test_groups_of_unknown_end_are_sent_again_as_they_were(error: Exception) -> None:
    """The same token and the same rows, so that the store knows the call again."""
    store = Store(error)

    assert delete(store, group("a"), group("b", "c")) == [["deleted"], ["deleted"] * 2]
    assert store.requests[0] == store.requests[1]
    assert store.tokens[0] == store.tokens[1]


def test_groups_whose_end_stays_unknown_fail_and_say_so() -> None:
    """Never deleted by assumption."""
    store = Store(*[ReadTimeoutError(endpoint_url="")] * 20)

    found = groups_of(store).delete([group("a")])

    assert told(found) == [["failed"]]
    assert found[0][0].detail.startswith("unsure")
    assert len(store.calls) == 8
    assert len(set(store.tokens)) == 1


def test_groups_gone_after_an_unknown_end_says_that_it_may_have_been_us() -> None:
    """A token is remembered for ten minutes only."""
    store = Store(ReadTimeoutError(endpoint_url=""), cancelled({"a": "gone"}))

    ((result,),) = groups_of(store).delete([group("a")])

    assert (result.outcome, result.detail) == (
        "gone",
        "an earlier try, whose end is not known, may have deleted it",
    )


def test_groups_cancelled_after_an_unknown_end_go_under_a_new_token() -> None:
    """Another set of rows under the old token would be refused as another call."""
    store = Store(ReadTimeoutError(endpoint_url=""), cancelled({"a": "changed"}))

    assert delete(store, group("a"), group("b")) == [["changed"], ["deleted"]]
    assert store.tokens[0] == store.tokens[1] != store.tokens[2]


def test_groups_call_throttled_is_tried_again() -> None:
    """Nothing of it was done."""
    store = Store(refusal("ThrottlingException"), refusal("RequestLimitExceeded"))

    assert delete(store, group("a")) == [["deleted"]]
    assert len(store.calls) == 3


def test_groups_without_time_are_not_tried() -> None:
    """What was not sent has failed, and says why."""
    store = Store()

    found = groups_of(store, budget=Budget(lambda: 100, reserve_s=10)).delete([group("a")])

    assert [(each.outcome, each.detail) for each in found[0]] == [
        ("failed", "not tried: no time left")
    ]
    assert store.calls == []


def test_groups_that_share_a_row_go_in_calls_of_their_own() -> None:
    """A transaction refuses a row that comes twice."""
    store = Store()

    assert delete(store, group("a", "x"), group("b", "x"), group("x")) == [
        ["deleted"] * 2,
        ["deleted"] * 2,
        ["deleted"],
    ]
    assert store.calls == [["a", "x"], ["b", "x"], ["x"]]


def test_groups_check_of_a_row_that_another_deletes_is_no_part_of_the_same_call() -> None:
    """They go one after the other, in the order in which they came."""
    store = Store()

    delete(store, group("token"), group("index", absent=["token"]))

    assert store.calls == [["token"], ["index", "token"]]


def test_groups_that_check_rows_of_two_calls_wait_for_both() -> None:
    """A row is in one call at a time, also one that is only looked at."""
    store = Store()
    first, second = (group(*(f"{t} {n}" for n in range(60)), absent=[t]) for t in ("t", "u"))

    delete(store, first, second, group("both", absent=["t", "u"]))

    assert [len(call) for call in store.calls] == [61, 61, 3]
    assert set(store.calls[2]) == {"both", "t", "u"}


def test_groups_that_share_nothing_go_at_the_same_time() -> None:
    """Two full calls, two threads: neither waits for the other's answer."""
    together = threading.Barrier(2, timeout=10)
    store = Store(*[lambda _: together.wait() and None] * 2)
    groups = [group(*(f"{number} {row}" for row in range(100))) for number in range(2)]

    found = groups_of(store, threads=2).delete(groups)

    assert told(found) == [["deleted"] * 100] * 2


def test_groups_book_twice_the_units_of_their_rows() -> None:
    """A transaction charges twice; the limit on write units knows it."""
    sleeper = Sleeper()
    pace = WritePace(10, sleeper, sleeper.sleep)
    groups = [group(*(f"{number} {row}" for row in range(50))) for number in range(3)]

    groups_of(Store(), pace=pace).delete(groups)

    assert sleeper.now_s == pytest.approx(20)  # 200 units before the second call


@pytest.mark.parametrize(
    ("faulty", "said"),
    [
        (Group(()), "deletes nothing"),
        (group("a", "a"), "twice"),
        (group("a", absent=["a"]), "twice"),
        (group(*map(str, range(101))), "101 rows"),
        (Group((RowCandidate(key_of("a"), Condition(()), "?"),)), "no condition"),
        (Group(group("a").deletes, (Check(key_of("t"), Condition(())),)), "no condition"),
    ],
)
def test_groups_that_no_transaction_can_take_are_refused_before_any_call(
    faulty: Group, said: str
) -> None:
    """A fault of ours: nothing is sent, not even the sound groups."""
    store = Store()

    with pytest.raises(ValueError, match=said):
        delete(store, group("z"), faulty)
    assert store.calls == []


def test_groups_fault_that_is_not_the_services_is_raised() -> None:
    """A bug is not an outcome."""
    with pytest.raises(TypeError):
        delete(Store(TypeError("bug")), group("a"))
