"""
Take DynamoDB's rows as they come, which boto3 would walk through value by value.

Makes no call. Rows come as JSON in the very form in which the client returns them, but for Binary,
which is base64. So on the client's own event they are taken out of an answer that holds no Binary;
the rest, and every other answer, is left to boto3.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ROWS = {
    "BatchExecuteStatement": "Responses",
    "BatchGetItem": "Responses",
    "Query": "Items",
    "Scan": "Items",
}
"""Operation → the member of its answer that holds rows and nothing but text."""

_DONE = 200
_BINARY = (b'"B"', b'"BS"', b"\\u004", b"\\u005")  # also where a letter is written by its number


def take_plainly(client: DynamoDBClient) -> DynamoDBClient:
    """Let *client* take rows so; return it."""
    for operation in ROWS:
        client.meta.events.register_first(f"before-parse.dynamodb.{operation}", _take)
    return client


def _take(
    operation_model: Any,
    response_dict: dict[str, Any],
    customized_response_dict: dict[str, Any],
    **_: Any,
) -> None:
    """Move the rows from the body to what boto3 adds to its own reading of the rest."""
    body = response_dict["body"]
    if response_dict["status_code"] != _DONE or any(each in body for each in _BINARY):
        return
    try:
        answer = json.loads(body)
    except ValueError:  # boto3 knows what to say
        return
    member = ROWS[operation_model.name]
    if isinstance(answer, dict) and member in answer:
        customized_response_dict[member] = answer.pop(member)
        response_dict["body"] = json.dumps(answer).encode()
