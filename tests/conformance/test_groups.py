"""
The engine's own groups on real stores: all rows of a group go, or none does.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from expiry.budget import Budget, Pace
from expiry.groups import Check, Group, Groups
from expiry.rows import RowCandidate
from expiry.statements import Condition
from tests.conformance.test_deletes import ALIVE, DEAD

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.conformance.conftest import Table

pytestmark = pytest.mark.conformance

PLENTY = Budget(lambda: 3_600_000, reserve_s=10)
EXPIRED = Condition.below("expires_at", 1_000)
ABSENT = Condition.missing("pk")
RACES = 10


class Counting:
    """A client that counts its transactions, and loses the answers of the first *lost*."""

    def __init__(self, client: Any, lost: int = 0) -> None:
        self._client, self._lost = client, lost
        self.sizes: list[int] = []

    def transact_write_items(self, **request: Any) -> Any:
        """Call; lose the answer after the store has acted, as at a timeout."""
        self.sizes.append(len(request["TransactItems"]))
        answer = self._client.transact_write_items(**request)
        if len(self.sizes) > self._lost:
            return answer
        raise self._client.exceptions.InternalServerError(
            {"Error": {"Code": "InternalServerError"}, "ResponseMetadata": {"HTTPStatusCode": 500}},
            "TransactWriteItems",
        )


def groups_of(table: Table, client: Any = None, threads: int = 4) -> Groups:
    """Return the groups of *table*, as a handler makes them."""
    pace = Pace(0, time.monotonic, time.sleep)
    return Groups(
        client or table.client,
        table.name,
        ("pk", "sk"),
        budget=PLENTY,
        pace=pace,
        threads=threads,
    )


def key_of(key: str) -> dict[str, Any]:
    """Return the whole key of a row."""
    return {"pk": {"S": key}, "sk": {"S": "row"}}


def group(*keys: str, absent: Sequence[str] = (), condition: Condition = EXPIRED) -> Group:
    """Return a group of rows, all under one condition, with rows that must be absent."""
    deletes = tuple(RowCandidate(key_of(key), condition, "expired") for key in keys)
    return Group(deletes, tuple(Check(key_of(key), ABSENT) for key in absent))


def outcomes(table: Table, *groups: Group, client: Any = None) -> list[list[str]]:
    """Delete groups; return each row's outcome."""
    found = groups_of(table, client).delete(groups)
    return [[str(result.outcome) for result in results] for results in found]


def test_groups_delete_all_of_a_group_or_nothing(table: Table) -> None:
    """One living row keeps its whole group, whichever it is, and no other group."""
    table.put("a1", "a2", "a3", "b1", "b2", "c1", "c2", **DEAD)
    table.put("b2", "c1", **ALIVE)

    found = outcomes(table, group("a1", "a2", "a3"), group("b1", "b2"), group("c1", "c2"))

    assert found == [["deleted"] * 3, ["changed"] * 2, ["changed"] * 2]
    assert table.keys() == {"b1", "b2", "c1", "c2"}


@pytest.mark.parametrize(
    ("condition", "goes", "stays"),
    [
        (Condition.equal("run", {"S": "me"}), {"run": {"S": "me"}}, {"run": {"S": "you"}}),
        (Condition.equal("run", {"S": "me"}), {"run": {"S": "me"}}, {}),
        (Condition.equal("n", {"N": "1"}), {"n": {"N": "1.0"}}, {"n": {"S": "1"}}),
        (Condition.other_than("s", {"S": "up"}), {"s": {"S": "new"}}, {"s": {"S": "up"}}),
        (Condition.other_than("s", {"S": "up"}), {}, {"s": {"S": "up"}}),
        (Condition.missing("run"), {}, {"run": {"S": "you"}}),
        (Condition.missing("run"), {}, {"run": {"NULL": True}}),
        (Condition.present("run"), {"run": {"NULL": True}}, {}),
        (Condition.below("t", 5), {"t": {"N": "4.999"}}, {"t": {"N": "5"}}),
        (Condition.below("t", 5), {"t": {"N": "-1"}}, {"t": {"S": "4"}}),
        (Condition.below("t", 5), {"t": {"N": "4"}}, {}),
        (Condition.same("data", None), {}, {"data": {"S": ""}}),
        (Condition.same("data", {"S": '{"a": 1}'}), {"data": {"S": '{"a": 1}'}}, {}),
    ],
)
def test_groups_each_condition_says_in_a_transaction_what_it_says_in_partiql(
    table: Table, condition: Condition, goes: dict[str, Any], stays: dict[str, Any]
) -> None:
    """Both ways of writing a condition let the same row go, and keep the same."""
    from tests.conformance.test_rows import outcomes as singly  # noqa: PLC0415 - beside its peer

    for key in ("goes", "goes too"):
        table.put(key, **goes)
    for key in ("stays", "stays too"):
        table.put(key, **stays)

    alike = [group(key, condition=condition) for key in ("goes", "stays")]
    assert outcomes(table, *alike) == [["deleted"], ["changed"]]
    assert singly(table, "goes too", "stays too", condition=condition) == ["deleted", "changed"]
    assert table.keys() == {"stays", "stays too"}


def test_groups_check_fails_where_the_target_is_there(table: Table) -> None:
    """An index row goes only while its target is absent, at the very moment of the delete."""
    table.put("index 1", "index 2", **DEAD)
    table.put("target 2", **ALIVE)

    found = outcomes(
        table, group("index 1", absent=["target 1"]), group("index 2", absent=["target 2"])
    )

    assert found == [["deleted"], ["changed"]]
    assert table.keys() == {"index 2", "target 2"}


def test_groups_row_that_is_gone_is_never_counted_as_deleted(table: Table) -> None:
    """Not even where its condition would hold of nothing, as that of a missing attribute does."""
    table.put("other", **DEAD)

    found = outcomes(
        table,
        group("gone", condition=Condition.missing("ttl")),
        group("other", condition=Condition.missing("ttl")),
    )

    assert found == [["gone"], ["deleted"]]


def test_groups_owner_gone_keeps_what_belonged_to_it(table: Table) -> None:
    """A token that was replaced meanwhile may have handed its row on."""
    table.put("provider", **DEAD)

    assert outcomes(table, group("token", "provider")) == [["gone", "changed"]]
    assert table.keys() == {"provider"}


def test_groups_belonging_gone_lets_the_owner_go(table: Table) -> None:
    """What another has removed already holds nobody up."""
    table.put("token", "second", **DEAD)

    assert outcomes(table, group("token", "provider", "second")) == [["deleted", "gone", "deleted"]]
    assert table.keys() == set()


def test_groups_that_share_a_row_go_one_after_the_other(table: Table) -> None:
    """A row shared by two groups goes with the first; the second goes without it."""
    table.put("a", "b", "c", "shared", **DEAD)

    found = outcomes(table, group("a", "shared"), group("b", "shared"), group("c"), group("c"))

    assert found == [["deleted", "deleted"], ["deleted", "gone"], ["deleted"], ["gone"]]
    assert table.keys() == set()


def test_groups_that_check_the_same_row_share_the_check(table: Table) -> None:
    """150 index rows of one target take two calls, not 150."""
    keys = [f"index {number}" for number in range(150)]
    table.put(*keys, **DEAD)
    client = Counting(table.client)

    found = outcomes(table, *(group(key, absent=["target"]) for key in keys), client=client)

    assert found == [["deleted"]] * 150
    assert sorted(client.sizes) == [52, 100]


def test_groups_of_many_are_exact_and_take_few_calls(table: Table) -> None:
    """Groups at fault cost one call more for each call they were in, not one for each group."""
    dead = {f"dead {n}" for n in range(100)}
    alive = {f"alive {n}" for n in range(10)}
    table.put(*dead, *(f"{key} linked" for key in dead | alive), **DEAD)
    table.put(*alive, **ALIVE)
    keys = sorted(dead | alive, key=lambda key: key[-1])
    client = Counting(table.client)

    found = outcomes(table, *(group(key, f"{key} linked") for key in keys), client=client)

    assert found == [["deleted" if key in dead else "changed"] * 2 for key in keys]
    assert table.keys() == alive | {f"{key} linked" for key in alive}
    assert len(client.sizes) <= 2 * 3


def test_groups_sent_again_after_they_were_applied_know_it(table: Table) -> None:
    """The token tells the store that it is the same call: deleted once, and answered so."""
    table.put("a", "b", **DEAD)
    client = Counting(table.client, lost=1)

    assert outcomes(table, group("a", "b"), client=client) == [["deleted", "deleted"]]
    assert client.sizes == [2, 2]


def test_groups_sent_again_spare_what_was_made_anew(table: Table) -> None:
    """A row that came back after a lost answer lives: the second try is no second delete."""
    table.put("a", **DEAD)

    class MadeAnew(Counting):
        def transact_write_items(self, **request: Any) -> Any:
            if self.sizes:
                table.put("a", **DEAD)
            return super().transact_write_items(**request)

    assert outcomes(table, group("a"), client=MadeAnew(table.client, lost=1)) == [["deleted"]]
    assert table.keys() == {"a"}


@pytest.mark.parametrize("row", ["token", "provider"])
def test_groups_against_writers_never_split_a_group(table: Table, row: str) -> None:
    """Whoever renews a row at the same time keeps the whole group, or finds all of it gone."""
    for number in range(RACES):
        table.put(f"token {number}", f"provider {number}", **DEAD)

    def renew(number: int) -> bool:
        update = {
            "TableName": table.name,
            "Key": key_of(f"{row} {number}"),
            "UpdateExpression": "SET expires_at = :alive",
            "ConditionExpression": "attribute_exists(pk)",
            "ExpressionAttributeValues": {":alive": ALIVE["expires_at"]},
        }
        while True:
            try:
                table.client.update_item(**update)
            except table.client.exceptions.TransactionConflictException:
                continue  # the transaction is at this very row: its writers try again
            except table.client.exceptions.ConditionalCheckFailedException:
                return False
            return True

    with ThreadPoolExecutor(RACES) as pool:
        renewals = [pool.submit(renew, number) for number in range(RACES)]
        wanted = [group(f"token {number}", f"provider {number}") for number in range(RACES)]
        found = outcomes(table, *wanted)

    for number, renewal in enumerate(renewals):
        both = {f"token {number}", f"provider {number}"}
        assert (table.keys() & both, found[number]) == (
            (both, ["changed"] * 2) if renewal.result() else (set(), ["deleted"] * 2)
        )


def test_transaction_refuses_what_the_engine_never_sends(table: Table) -> None:
    """101 items, or one row twice, are refused as a whole: nothing of them is done."""
    table.put("k", **DEAD)

    def delete(key: str) -> dict[str, Any]:
        return {"Delete": {"TableName": table.name, "Key": key_of(key)}}

    for items in ([delete(f"k{n}") for n in range(100)] + [delete("k")], [delete("k")] * 2):
        with pytest.raises(table.client.exceptions.ClientError) as refused:
            table.client.transact_write_items(TransactItems=items)
        assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert table.keys() == {"k"}
