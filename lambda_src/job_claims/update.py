"""
Write one conditional UpdateItem, and read the row that refused it.

Calls: dynamodb:UpdateItem. Every name and value goes through a placeholder. A refused condition
brings the row as it is, so nobody has to ask again who won.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from expiry.calls import explained

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

Value = dict[str, Any]
Row = dict[str, Value]

CONDITION_FAILED = "ConditionalCheckFailedException"


def text(value: str) -> Value:
    """Return *value* as DynamoDB types it."""
    return {"S": value}


def number(value: int) -> Value:
    """Return *value* as DynamoDB types it."""
    return {"N": str(value)}


def moment(value_s: float) -> Value:
    """Return a moment as DynamoDB types it, to the millisecond."""
    return {"N": f"{value_s:.3f}"}


@dataclass(slots=True)
class Expression:
    """Text with placeholders, and what they stand for; for one request."""

    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)

    def name(self, attribute: str) -> str:
        """Return the placeholder of *attribute*."""
        for known, stands_for in self.names.items():
            if stands_for == attribute:
                return known
        place = f"#n{len(self.names)}"
        self.names[place] = attribute
        return place

    def value(self, value: Value) -> str:
        """Return the placeholder of *value*."""
        for known, stands_for in self.values.items():
            if stands_for == value:
                return known
        place = f":v{len(self.values)}"
        self.values[place] = value
        return place

    def missing(self, attribute: str) -> str:
        """Hold while there is no *attribute*."""
        return f"attribute_not_exists({self.name(attribute)})"

    def equal(self, attribute: str, value: Value) -> str:
        """Hold while *attribute* is *value*."""
        return f"{self.name(attribute)} = {self.value(value)}"

    def below(self, attribute: str, limit: int) -> str:
        """Hold while *attribute* is a Number below *limit*; no other type is, nor its absence."""
        return f"{self.name(attribute)} < {self.value(number(limit))}"

    def above(self, attribute: str, limit: int) -> str:
        """Hold while *attribute* is a Number above *limit*; no other type is, nor its absence."""
        return f"{self.name(attribute)} > {self.value(number(limit))}"


@dataclass(frozen=True, slots=True)
class Written:
    """The row after a write, or the row that refused it (None: there is none)."""

    applied: bool
    row: Row | None


class Table:
    """One table, written row by row."""

    def __init__(self, client: DynamoDBClient, name: str, setting: str) -> None:
        """Write to *name*, which comes from the variable *setting*."""
        self._client, self._name, self._setting = client, name, setting

    def get(self, key: Mapping[str, Value]) -> Row | None:
        """Read a row consistently; None where there is none."""
        with explained("dynamodb:GetItem", f"table {self._name}", setting=self._setting):
            answer: Any = self._client.get_item(
                TableName=self._name, Key=dict(key), ConsistentRead=True
            )
        row: Row | None = answer.get("Item")
        return row

    def put(self, row: Row, key: str) -> Written:
        """Store *row* unless there is one with its *key*, which then is returned."""
        request: Any = {
            "TableName": self._name,
            "Item": row,
            "ConditionExpression": "attribute_not_exists(#k)",
            "ExpressionAttributeNames": {"#k": key},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        with explained("dynamodb:PutItem", f"table {self._name}", setting=self._setting):
            try:
                self._client.put_item(**request)
            except ClientError as error:
                return _refused(error)
        return Written(applied=True, row=row)

    def update(  # noqa: PLR0913 - the parts of one UpdateItem
        self,
        key: Mapping[str, Value],
        expression: Expression,
        *,
        condition: str,
        assign: Mapping[str, str] | None = None,
        add: Mapping[str, str] | None = None,
        delete: Mapping[str, str] | None = None,
        remove: Sequence[str] = (),
        returned: str = "ALL_NEW",
    ) -> Written:
        """
        Set and remove attributes of a row while *condition* holds.

        Args:
            assign: Attribute → an operand made with *expression*.
            add: Set → elements to put in.
            delete: Set → elements to take out; a set that is empty then is gone.
            remove: Attributes; those that are not there are no error.
            returned: ALL_NEW or ALL_OLD, the row to give back where the write was applied.

        Raises:
            StoreError: The call failed for another reason than its condition.
        """
        clauses = {
            "SET": [f"{expression.name(name)} = {what}" for name, what in (assign or {}).items()],
            "ADD": [f"{expression.name(name)} {what}" for name, what in (add or {}).items()],
            "DELETE": [f"{expression.name(name)} {what}" for name, what in (delete or {}).items()],
            "REMOVE": [expression.name(name) for name in remove],
        }
        request: Any = {
            "TableName": self._name,
            "Key": dict(key),
            "UpdateExpression": " ".join(
                f"{verb} {', '.join(parts)}" for verb, parts in clauses.items() if parts
            ),
            "ConditionExpression": condition,
            "ExpressionAttributeNames": expression.names,
            "ExpressionAttributeValues": expression.values,
            "ReturnValues": returned,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        with explained("dynamodb:UpdateItem", f"table {self._name}", setting=self._setting):
            try:
                answer: Any = self._client.update_item(**request)
            except ClientError as error:
                return _refused(error)
        return Written(applied=True, row=answer.get("Attributes"))


def _refused(error: ClientError) -> Written:
    """Return the row that refused a write; raise anything else."""
    if error.response.get("Error", {}).get("Code") != CONDITION_FAILED:
        raise error
    answer: Any = error.response
    return Written(applied=False, row=answer.get("Item") or None)
