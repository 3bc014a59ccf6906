"""
Rows taken plainly: the client returns what boto3's own reading returns, to the last value.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from expiry import clients
from expiry.plain_rows import take_plainly

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUESTS: dict[str, dict[str, Any]] = {
    "scan": {"TableName": "sessions"},
    "query": {"TableName": "sessions", "KeyConditionExpression": "pk = :pk"},
    "batch_get_item": {"RequestItems": {"sessions": {"Keys": [{"pk": {"S": "a"}}]}}},
    "batch_execute_statement": {"Statements": [{"Statement": "SELECT"}]},
}
VALUES = st.recursive(
    st.text().map(lambda text: {"S": text})
    | st.integers().map(lambda number: {"N": str(number)})
    | st.booleans().map(lambda value: {"BOOL": value})
    | st.just({"NULL": True})
    | st.binary(max_size=6).map(lambda value: {"B": value.hex() * 2})  # such hex is base64 too
    | st.lists(st.text(), min_size=1, max_size=3).map(lambda texts: {"SS": texts}),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda values: {"L": values})
        | st.dictionaries(st.text(), inner, max_size=3).map(lambda values: {"M": values})
    ),
    max_leaves=6,
)
NAMES = st.text(min_size=1, max_size=4) | st.sampled_from(["B", "BS", "pk", "Items"])
ROWS = st.lists(st.dictionaries(NAMES, VALUES, max_size=4), max_size=4)


class Raw:
    """A body as it comes from the wire."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._body


class Answers:
    """Answers every request of two clients, one of which takes rows plainly."""

    def __init__(self) -> None:
        self.body, self.status = b"", 200
        self.usual, self.plain = self._client(), take_plainly(self._client())

    def _client(self) -> Any:
        client: Any = boto3.client(
            "dynamodb",
            region_name="eu-west-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",  # noqa: S106 - nothing is sent
        )
        client.meta.events.register("before-send.dynamodb.*", self._answer)
        return client

    def _answer(self, request: Any, **_: Any) -> Any:
        headers: Any = {}
        return AWSResponse(request.url, self.status, headers, Raw(self.body))

    def both(self, operation: str, answer: Any) -> tuple[Any, Any]:
        """Return what the two clients make of *answer*."""
        self.body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        return tuple(
            getattr(client, operation)(**REQUESTS[operation]) for client in (self.usual, self.plain)
        )


ANSWERS = Answers()


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(ROWS)
def test_plain_rows_are_what_boto3_returns(rows: list[Any]) -> None:
    """Any value of any type, of any name, in each operation, with all else of the answer."""
    more = {"ConsumedCapacity": {"CapacityUnits": 1.5}, "Count": 2, "ScannedCount": 3}
    statements = [{"TableName": "sessions", "Item": row} for row in rows]
    error = {"Code": "ConditionalCheckFailed", "Message": "no", "Item": rows[0] if rows else {}}
    answers: dict[str, Any] = {
        "scan": {"Items": rows, "LastEvaluatedKey": {"pk": {"S": "a"}}, **more},
        "query": {"Items": rows, **more},
        "batch_get_item": {
            "Responses": {"sessions": rows},
            "UnprocessedKeys": {"sessions": {"Keys": [{"pk": {"S": "b"}}]}},
        },
        "batch_execute_statement": {"Responses": [*statements, {"Error": error}]},
    }
    for operation, answer in answers.items():
        usual, plain = ANSWERS.both(operation, answer)

        assert plain == usual
        assert plain


def test_plain_binary_is_bytes() -> None:
    """A key of type Binary can be sent back as it came."""
    _, plain = ANSWERS.both("scan", {"Items": [{"pk": {"B": "AP8="}}], "Count": 1})

    assert plain["Items"] == [{"pk": {"B": b"\x00\xff"}}]


@pytest.mark.parametrize("body", [b'{"Items": [{"pk": {"\\u0042": "AP8="}}]}', b"{}", b"[]", b""])
def test_plain_rows_of_an_odd_answer_are_left_to_boto3(body: bytes) -> None:
    """Whatever it makes of it, this makes of it, too."""
    ends = []
    for client in (ANSWERS.usual, ANSWERS.plain):
        ANSWERS.body = body
        try:
            ends.append(repr(client.scan(TableName="sessions")))
        except (AttributeError, TypeError) as error:
            ends.append(repr(error))

    assert ends[0] == ends[1]


def test_plain_rows_leave_an_error_an_error() -> None:
    """The code and message come from boto3."""
    answers = Answers()
    answers.status = 400
    answers.body = json.dumps({"__type": "x#AccessDeniedException", "message": "no"}).encode()

    with pytest.raises(ClientError, match="AccessDeniedException"):
        answers.plain.scan(TableName="sessions")


def test_plain_rows_are_taken_without_boto3() -> None:
    """They do not go through it value by value: else all this is for nothing."""
    walked: list[int] = []
    answers = Answers()

    def look(response_dict: dict[str, Any], **_: Any) -> None:
        walked.append(len(response_dict["body"]))

    for client in (answers.usual, answers.plain):
        client.meta.events.register_last("before-parse.dynamodb.Scan", look)
    answers.both("scan", {"Items": [{"pk": {"S": "a"}}] * 1_000, "Count": 1_000})

    assert walked[0] > 20_000
    assert walked[1] < 100


def test_client_of_a_handler_takes_rows_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every handler has it, by the one way in which clients are made."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "eu-west-1")
    client: Any = clients.dynamodb(threads=1)
    walked: list[int] = []

    def look(response_dict: dict[str, Any], **_: Any) -> None:
        walked.append(len(response_dict["body"]))

    def answer(request: Any, **_: Any) -> Any:
        headers: Any = {}
        return AWSResponse(request.url, 200, headers, Raw(b'{"Items": [{"pk": {"S": "a"}}]}'))

    client.meta.events.register("before-send.dynamodb.*", answer)
    client.meta.events.register_last("before-parse.dynamodb.Scan", look)

    assert client.scan(TableName="sessions")["Items"] == [{"pk": {"S": "a"}}]
    assert walked == [len(b"{}")]
