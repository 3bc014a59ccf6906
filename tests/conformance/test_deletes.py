"""Conditional deletes: nothing that is alive goes, and every statement tells its own fate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.conformance.conftest import Table

pytestmark = pytest.mark.conformance

NOW = {"N": "1000"}
DEAD = {"expires_at": {"N": "999"}}
ALIVE = {"expires_at": {"N": "1001"}}


def delete_if_expired(table: Table, key: str, extra: str = "") -> dict[str, Any]:
    """Return the statement that deletes a row only while it is expired."""
    condition = '"pk"=? AND "sk"=? AND "expires_at" < ?'
    return {
        "Statement": f'DELETE FROM "{table.name}" WHERE {condition}{extra}',  # noqa: S608 - our own names
        "Parameters": [{"S": key}, {"S": "row"}, NOW],
    }


def run(table: Table, *statements: dict[str, Any]) -> list[dict[str, Any]]:
    """Run a batch; return its responses, one for each statement in their order."""
    found: list[dict[str, Any]] = table.client.batch_execute_statement(Statements=list(statements))[
        "Responses"
    ]
    return found


def codes(responses: list[dict[str, Any]]) -> list[str]:
    """Return each response's error code, "" for a success."""
    return [response.get("Error", {}).get("Code", "") for response in responses]


def refusal(call: Any, **request: Any) -> str:
    """Return the code of the error in which a call has to end."""
    with pytest.raises(ClientError) as caught:
        call(**request)
    return str(caught.value.response["Error"]["Code"])


def test_partiql_delete_condition_false_keeps_the_row(table: Table) -> None:
    """A living row survives, and the statement says ConditionalCheckFailed."""
    table.put("alive", **ALIVE)

    assert codes(run(table, delete_if_expired(table, "alive"))) == ["ConditionalCheckFailed"]
    assert table.get("alive") is not None


def test_partiql_batch_one_failure_lets_the_others_go_on(table: Table) -> None:
    """Each statement has its own error, in the order in which they were sent."""
    table.put("dead", "dead too", **DEAD)
    table.put("alive", **ALIVE)
    keys = ("dead", "alive", "dead too")

    responses = run(table, *(delete_if_expired(table, key) for key in keys))

    assert codes(responses) == ["", "ConditionalCheckFailed", ""]
    assert table.keys() == {"alive"}


def test_partiql_delete_missing_row_is_no_error(table: Table) -> None:
    """A row that is gone already is a success without an item."""
    (response,) = run(table, delete_if_expired(table, "gone"))

    assert "Error" not in response
    assert "Item" not in response


def test_partiql_delete_missing_attribute_keeps_the_row(table: Table) -> None:
    """A row without the attribute of the condition survives: unknown means keep."""
    table.put("plain")

    assert codes(run(table, delete_if_expired(table, "plain"))) == ["ConditionalCheckFailed"]
    assert table.keys() == {"plain"}


@pytest.mark.parametrize("value", [{"S": "1"}, {"BOOL": True}, {"NULL": True}, {"L": []}])
def test_partiql_delete_other_type_keeps_the_row(table: Table, value: dict[str, Any]) -> None:
    """A value of another type is never smaller than a number."""
    table.put("odd", expires_at=value)

    run(table, delete_if_expired(table, "odd"))

    assert table.keys() == {"odd"}


def test_partiql_delete_is_missing_protects_a_locked_row(table: Table) -> None:
    """A condition on an attribute's absence is honoured."""
    table.put("locked", lock={"S": "job"}, **DEAD)
    table.put("free", **DEAD)
    extra = ' AND "lock" IS MISSING'

    responses = run(table, *(delete_if_expired(table, key, extra) for key in ("locked", "free")))

    assert codes(responses) == ["ConditionalCheckFailed", ""]
    assert table.keys() == {"locked"}


def test_execute_statement_returning_all_old_returns_the_row(table: Table) -> None:
    """RETURNING ALL OLD * tells a deletion from a row that was gone."""
    table.put("dead", **DEAD)
    statement = delete_if_expired(table, "dead", " RETURNING ALL OLD *")

    first, second = (table.client.execute_statement(**statement)["Items"] for _ in range(2))

    assert [item["expires_at"] for item in first] == [{"N": "999"}]
    assert second == []


def test_partiql_delete_returned_on_failure_is_the_living_row(table: Table) -> None:
    """ReturnValuesOnConditionCheckFailure brings the row that refused."""
    table.put("alive", **ALIVE)
    statement = delete_if_expired(table, "alive")
    statement["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD"

    (response,) = run(table, statement)

    assert response["Error"]["Item"]["expires_at"] == ALIVE["expires_at"]


@pytest.mark.parametrize("where", ['"pk"=?', '"expires_at" < ?'])
def test_partiql_delete_without_the_full_key_is_refused(table: Table, where: str) -> None:
    """No statement deletes more than one row."""
    table.put("dead", **DEAD)
    value = {"S": "dead"} if "pk" in where else NOW
    statement = f'DELETE FROM "{table.name}" WHERE {where}'  # noqa: S608 - our own names

    call = table.client.execute_statement
    assert refusal(call, Statement=statement, Parameters=[value]) == "ValidationException"
    assert table.keys() == {"dead"}


def test_partiql_batch_of_26_is_refused(table: Table) -> None:
    """25 statements are the most; a batch above deletes nothing."""
    keys = [f"k{number}" for number in range(26)]
    table.put(*keys, **DEAD)
    statements = [delete_if_expired(table, key) for key in keys]

    call = table.client.batch_execute_statement
    assert refusal(call, Statements=statements) == "ValidationException"
    assert len(table.keys()) == 26
    assert codes(run(table, *statements[:25])) == [""] * 25


def test_partiql_batch_same_key_twice_is_refused(table: Table) -> None:
    """
    Duplicates refuse the batch.

    What became of its rows is not told: DynamoDB Local answers with the error and has deleted them.
    So no batch may ever hold a key twice.
    """
    table.put("dead", "other", **DEAD)
    keys = ("dead", "other", "dead")

    call = table.client.batch_execute_statement
    statements = [delete_if_expired(table, key) for key in keys]
    assert refusal(call, Statements=statements) == "ValidationException"


@pytest.mark.parametrize("count", [25, 26])
def test_batch_write_takes_25(table: Table, count: int) -> None:
    """25 writes are the most."""
    keys = [{"pk": {"S": f"k{number}"}, "sk": {"S": "row"}} for number in range(count)]
    requests = [{"PutRequest": {"Item": key}} for key in keys]
    items = {table.name: requests}

    if count == 25:
        table.client.batch_write_item(RequestItems=items)
        assert len(table.keys()) == 25
    else:
        call = table.client.batch_write_item
        assert refusal(call, RequestItems=items) == "ValidationException"


@pytest.mark.parametrize("count", [100, 101])
def test_batch_get_takes_100(table: Table, count: int) -> None:
    """100 reads are the most."""
    keys = [{"pk": {"S": f"k{number}"}, "sk": {"S": "row"}} for number in range(count)]
    table.put("k7")
    items = {table.name: {"Keys": keys}}

    if count == 100:
        found = table.client.batch_get_item(RequestItems=items)["Responses"][table.name]
        assert [item["pk"]["S"] for item in found] == ["k7"]
    else:
        call = table.client.batch_get_item
        assert refusal(call, RequestItems=items) == "ValidationException"


def test_transaction_failed_check_deletes_nothing(table: Table) -> None:
    """A condition on one row guards the deletion of another."""
    table.put("index", "target")
    key = {"pk": {"S": "index"}, "sk": {"S": "row"}}
    target = {"pk": {"S": "target"}, "sk": {"S": "row"}}
    absent = {
        "TableName": table.name,
        "Key": target,
        "ConditionExpression": "attribute_not_exists(pk)",
    }
    items = [{"ConditionCheck": absent}, {"Delete": {"TableName": table.name, "Key": key}}]

    call = table.client.transact_write_items
    assert refusal(call, TransactItems=items) == "TransactionCanceledException"
    assert table.keys() == {"index", "target"}


def test_delete_item_condition_on_missing_row_fails(table: Table) -> None:
    """DeleteItem, unlike PartiQL, fails where the row is gone."""
    call = table.client.delete_item
    request: dict[str, Any] = {
        "TableName": table.name,
        "Key": {"pk": {"S": "gone"}, "sk": {"S": "row"}},
        "ConditionExpression": "expires_at < :now",
        "ExpressionAttributeValues": {":now": NOW},
    }

    assert refusal(call, **request) == "ConditionalCheckFailedException"
