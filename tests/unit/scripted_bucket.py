"""
S3 about one bucket, spoken to as through boto3's client, that answers what a test has written down.

Requests are held against botocore's own model, so a member that S3 does not take fails the test.
It records each call. What it is not told to answer is an error of the test.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any
from unittest import mock

import botocore.session
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

from expiry.bucket import Bucket
from expiry.budget import Budget, Pace

NAME = "uploads"
OWNER = "111122223333"
ENDLESS = Budget(lambda: 3_600_000, reserve_s=10)

Answer = Mapping[str, Any] | Exception | Callable[[dict[str, Any]], Mapping[str, Any]]


@cache
def model() -> Any:
    """Return what botocore knows of S3."""
    return botocore.session.get_session().get_service_model("s3")


def refusal(code: str, text: str = "no", status: int = 400) -> ClientError:
    """Make the error that boto3 raises for a service's *code*."""
    about = {"HTTPStatusCode": status}
    answer: Any = {"Error": {"Code": code, "Message": text}, "ResponseMetadata": about}
    return ClientError(answer, "Operation")


def moment(seconds: float) -> datetime:
    """Return a time as boto3 gives it."""
    return datetime.fromtimestamp(seconds, UTC)


class ScriptedS3:
    """The client; answers of one operation are given one after the other."""

    def __init__(self, **answers: Sequence[Answer]) -> None:
        """Answer calls of each operation, as boto3 names it, with what is listed."""
        self.answers = defaultdict(list, {name: list(each) for name, each in answers.items()})
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.meta = mock.Mock(service_model=model())

    def requests(self, operation: str) -> list[dict[str, Any]]:
        """Return the requests of one operation, in their order."""
        return [request for name, request in self.calls if name == operation]

    def __getattr__(self, operation: str) -> Any:
        """Return the method of an operation."""
        if operation.startswith("_"):
            raise AttributeError(operation)
        return lambda **request: self._answer(operation, request)

    def _answer(self, operation: str, request: dict[str, Any]) -> Mapping[str, Any]:
        api = "".join(word.capitalize() for word in operation.split("_"))
        shape = model().operation_model(api).input_shape
        report = ParamValidator().validate(request, shape)
        assert not report.has_errors(), report.generate_report()
        self.calls.append((operation, request))
        if not self.answers[operation]:
            raise AssertionError(f"call {len(self.calls)} was not expected: {operation}({request})")
        answer = self.answers[operation].pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.now_s = 0.0
        self.slept_s: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds
        self.slept_s.append(seconds)

    def budget(self, seconds: float) -> Budget:
        """Return a budget of *seconds* from the beginning, with no reserve."""
        return Budget(lambda: int((seconds - self.now_s) * 1_000), reserve_s=0)


def bucket_of(client: Any, clock: Clock | None = None, requests_per_s: float = 0) -> Bucket:
    """Return the bucket that *client* speaks to."""
    clock = clock or Clock()
    pace = Pace(requests_per_s, lambda: clock.now_s, clock.sleep)
    return Bucket(client, NAME, OWNER, pace)
