"""The claims about AWS that deleting rows in groups rests on."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.aws.test_claims import is_denied, once_granted

if TYPE_CHECKING:
    from tests.aws.conftest import Place

SMALL = {
    "ConditionExpression": "attribute_exists(#k) AND #n < :five",
    "ExpressionAttributeNames": {"#k": "pk", "#n": "n"},
    "ExpressionAttributeValues": {":five": {"N": "5"}},
    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
}
ABSENT = {"ConditionExpression": "attribute_not_exists(pk)"}


def put(place: Place, key: str, number: int) -> dict[str, Any]:
    """Write a row; return it."""
    row = {"pk": {"S": key}, "n": {"N": str(number)}}
    place.dynamodb.put_item(TableName=place.name, Item=row)
    return row


def there(place: Place, key: str) -> bool:
    """Say whether a row is there."""
    found = place.dynamodb.get_item(
        TableName=place.name, Key={"pk": {"S": key}}, ConsistentRead=True
    )
    return "Item" in found


def transact(
    dynamodb: Any, place: Place, *keys: str, absent: str = "", token: str = ""
) -> list[dict[str, Any]]:
    """Delete small rows together while *absent* is; return why not, nothing where it was done."""
    about = {"TableName": place.name}
    items = [{"Delete": {**about, "Key": {"pk": {"S": key}}, **SMALL}} for key in keys]
    if absent:
        items.append({"ConditionCheck": {**about, "Key": {"pk": {"S": absent}}, **ABSENT}})
    try:
        dynamodb.transact_write_items(
            TransactItems=items, ClientRequestToken=token or secrets.token_hex(8)
        )
    except ClientError as error:
        answer: Any = error.response
        reasons: list[dict[str, Any]] = answer.get("CancellationReasons", [])
        if not reasons:
            raise
        return reasons
    return []


def test_transaction_cancelled_says_which_rows_and_returns_them(place: Place) -> None:
    """All conditions are looked at; a row that is gone has none to return."""
    put(place, "small", 1)
    big = put(place, "big", 9)

    found = transact(place.dynamodb, place, "small", "big", "gone", absent="small too")

    codes = ["None", "ConditionalCheckFailed", "ConditionalCheckFailed", "None"]
    assert [reason["Code"] for reason in found] == codes
    assert [reason.get("Item") for reason in found] == [None, big, None, None]
    assert there(place, "small")


def test_transaction_sent_again_under_its_token_does_nothing_twice(place: Place) -> None:
    """A row that came back in between stays, and the answer is that of the first time."""
    put(place, "again", 1)
    token = secrets.token_hex(8)

    assert transact(place.dynamodb, place, "again", token=token) == []
    put(place, "again", 1)
    assert transact(place.dynamodb, place, "again", token=token) == []
    assert there(place, "again")


def test_role_deletes_in_a_transaction_and_not_by_itself(place: Place) -> None:
    """`dynamodb:EnclosingOperation` refuses the single delete, which needs no condition."""
    dynamodb = place.as_role("dynamodb")
    put(place, "pinned", 9)

    found = once_granted(lambda: transact(dynamodb, place, "pinned"), bool)
    assert [reason["Code"] for reason in found] == ["ConditionalCheckFailed"]
    with pytest.raises(ClientError, match="AccessDenied"):
        dynamodb.delete_item(TableName=place.name, Key={"pk": {"S": "pinned"}})
    assert is_denied(lambda: [str(reason) for reason in transact(dynamodb, place, "free")])
    assert there(place, "pinned")


def test_partiql_condition_that_a_key_is_there_finds_no_missing_row(place: Place) -> None:
    """What a delete always asks beside its evidence is no fault, and brings no row to life."""
    text = f'DELETE FROM "{place.name}" WHERE "pk"=? AND "pk" IS NOT MISSING RETURNING ALL OLD *'  # noqa: S608

    def delete(key: str) -> dict[str, Any]:
        request = {"Statement": text, "Parameters": [{"S": key}]}
        (found,) = place.dynamodb.batch_execute_statement(Statements=[request])["Responses"]
        return dict(found)

    row = put(place, "present", 1)
    assert delete("present")["Item"] == row
    assert delete("present").keys() & {"Item", "Error"} == set()
