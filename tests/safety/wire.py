"""
Stand between a run and its stores: count calls, die at one, let a writer in before one.

It wraps where boto3 makes a call, so paginators are seen too. The clients that tests use for
themselves are never wrapped.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

READS = frozenset(
    {
        "BatchGetItem",
        "DescribeTable",
        "DescribeTimeToLive",
        "GetBucketVersioning",
        "GetItem",
        "GetObject",
        "GetObjectTagging",
        "ListMultipartUploads",
        "ListObjectVersions",
        "ListObjectsV2",
        "ListParts",
        "Query",
        "Scan",
    }
)

Forward = Any
"""Makes the real call: ``forward(**request) -> answer``."""


class KilledError(BaseException):
    """The process ended here; nothing may catch it and go on."""


@dataclass(frozen=True, slots=True)
class Call:
    """One remote call of a run."""

    number: int  # from 0
    operation: str  # as the API names it
    request: dict[str, Any]

    @property
    def writes(self) -> bool:
        """Say whether it changes anything; what is not known to read is taken to write."""
        return self.operation not in READS


def pass_on(_: Call, forward: Forward, request: dict[str, Any]) -> Any:
    """Make the call as it is."""
    return forward(**request)


Disturbance = Callable[[Call, Forward, dict[str, Any]], Any]
"""What happens to a call on its way: it may be made, answered, changed or refused."""


@dataclass
class Wire:
    """One process's way to its stores: once dead, nothing goes through any more."""

    die_at: int | None = None
    die_after: bool = False  # after the call took effect, before its answer came
    before: Callable[[Call], None] = lambda _: None  # a writer's chance
    disturb: Disturbance = pass_on
    calls: list[Call] = field(default_factory=list)
    keep_requests: bool = True  # False: of many calls, their names alone
    dead: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @staticmethod
    def rewrite(_: Call, request: dict[str, Any]) -> dict[str, Any]:
        """Change nothing; a mutation puts another in its place, for all wires."""
        return request

    def wrap(self, client: Any) -> Any:
        """Return a client like *client* whose calls go through this wire."""
        wrapped = object.__new__(type(client))  # copy.copy() would ask the client for what it has
        wrapped.__dict__.update(client.__dict__)
        make = client._make_api_call  # noqa: SLF001 - the one place all calls of boto3 pass

        def make_api_call(operation: str, request: dict[str, Any]) -> Any:
            def forward(**changed: Any) -> Any:
                return make(operation, changed)

            return self._through(operation, request, forward)

        wrapped._make_api_call = make_api_call
        return wrapped

    def count(self) -> Counter[str]:
        """Return how often each operation was called."""
        return Counter(call.operation for call in self.calls)

    def writes(self) -> list[Call]:
        """Return the calls that may have changed something."""
        return [call for call in self.calls if call.writes]

    def _through(self, operation: str, request: dict[str, Any], forward: Forward) -> Any:
        with self._lock:
            self._end_if_dead()
            call = Call(len(self.calls), operation, request if self.keep_requests else {})
            self.calls.append(call)
            dies = call.number == self.die_at
            if dies and not self.die_after:
                self.dead = True
                self._end_if_dead()
            self.before(call)
            if dies:
                self.dead = True
        try:
            return self.disturb(call, forward, self.rewrite(call, request))
        finally:
            if dies:  # whatever the answer was, an error too: nobody is left to read it
                raise KilledError(f"after call {call.number}, {operation}")

    def _end_if_dead(self) -> None:
        if self.dead:
            raise KilledError(f"at call {self.die_at}")
