"""
What a store does on a bad day, played on a wire: as AWS documents it, on top of real answers.

Each fault is for one call, and says whether it fits that call; where not, the call is made as is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from tests.safety.wire import Call, Disturbance, Forward

SERVER_ERROR = 500
SOME = slice(0, None, 2)  # which of a batch is refused: each other one, beginning with the first


def error(code: str, status: int = 400) -> ClientError:
    """Make what boto3 raises."""
    about: Any = {
        "Error": {"Code": code, "Message": "played by a test"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(about, "Operation")


def throttled(_: Call, __: Forward, ___: dict[str, Any]) -> Any:
    """Refuse the call for load, after all of the SDK's retries."""
    raise error("ThrottlingException")


def lost_answer(_: Call, forward: Forward, request: dict[str, Any]) -> Any:
    """Do it, and answer with a server error."""
    forward(**request)
    raise error("InternalServerError", SERVER_ERROR)


def done_twice(_: Call, forward: Forward, request: dict[str, Any]) -> Any:
    """Do it, lose the answer, and let the SDK send it again; the second answer says so."""
    forward(**request)
    answer = forward(**request)
    again = {**answer.get("ResponseMetadata", {}), "RetryAttempts": 1}
    return {**answer, "ResponseMetadata": again}


def partly(call: Call, forward: Forward, request: dict[str, Any]) -> Any:
    """Refuse some of a batch for load, and do the others; what is no batch is done."""
    played = {
        "BatchExecuteStatement": _some_statements,
        "BatchGetItem": _some_keys,
        "DeleteObjects": _some_objects,
    }.get(call.operation)
    return played(forward, request) if played else forward(**request)


def _some_statements(forward: Forward, request: dict[str, Any]) -> Any:
    statements = request["Statements"]
    refused = set(range(len(statements))[SOME])
    rest = [each for number, each in enumerate(statements) if number not in refused]
    answers = iter(forward(**{**request, "Statements": rest})["Responses"]) if rest else iter(())
    throttle = {"Error": {"Code": "ThrottlingError", "Message": "played by a test"}}
    found = [throttle if n in refused else next(answers) for n in range(len(statements))]
    return {"Responses": found}


def _some_keys(forward: Forward, request: dict[str, Any]) -> Any:
    [(table, asked)] = request["RequestItems"].items()
    keys = asked["Keys"]
    refused = {table: {**asked, "Keys": keys[SOME]}}
    rest = [key for key in keys if key not in keys[SOME]]
    if not rest:
        return {"Responses": {table: []}, "UnprocessedKeys": refused}
    answer = forward(**{**request, "RequestItems": {table: {**asked, "Keys": rest}}})
    return {**answer, "UnprocessedKeys": refused}


def _some_objects(forward: Forward, request: dict[str, Any]) -> Any:
    objects = request["Delete"]["Objects"]
    rest = [each for each in objects if each not in objects[SOME]]
    answer: dict[str, Any] = {}
    if rest:
        answer = forward(**{**request, "Delete": {**request["Delete"], "Objects": rest}})
    slow = [
        {"Key": each["Key"], "Code": "SlowDown", "Message": "played by a test"}
        for each in objects[SOME]
    ]
    return {**answer, "Errors": [*answer.get("Errors", ()), *slow]}


@dataclass
class EmptyPages:
    """Before each real page of a scan comes an empty one that says where to go on."""

    starts: list[Any] = field(default_factory=list)

    def __call__(self, call: Call, forward: Forward, request: dict[str, Any]) -> Any:
        """Answer a first asking with an empty page; a second one as the store does."""
        if call.operation != "Scan":
            return forward(**request)
        asked = request.get("ExclusiveStartKey", {})
        (name, value), *_ = asked.items() if asked else [("", {})]
        if name == "" or not str(value.get("S", "")).startswith("empty page "):
            self.starts.append(asked)
            after = {KEY: {"S": f"empty page {len(self.starts) - 1}"}}
            return {"Items": [], "Count": 0, "ScannedCount": 0, "LastEvaluatedKey": after}
        start = self.starts[int(value["S"].removeprefix("empty page "))]
        real = {k: v for k, v in request.items() if k != "ExclusiveStartKey"}
        return forward(**real, **({"ExclusiveStartKey": start} if start else {}))


KEY = "uploadSessionId"

KINDS: dict[str, Disturbance] = {
    "throttled": throttled,
    "lost answer": lost_answer,
    "done twice": done_twice,
    "partly": partly,
}


@dataclass
class BadDay:
    """Faults for certain calls of a run, by number; scans may have empty pages throughout."""

    faults: dict[int, str]
    empty_pages: bool = False
    pages: EmptyPages = field(default_factory=EmptyPages)

    def __call__(self, call: Call, forward: Forward, request: dict[str, Any]) -> Any:
        """Play the fault of this call, if it has one."""
        if call.number in self.faults:
            return KINDS[self.faults[call.number]](call, forward, request)
        return self.pages(call, forward, request) if self.empty_pages else forward(**request)
