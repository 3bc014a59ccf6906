"""
Rows in memory, spoken to as through the low-level client, with faults by script.

It knows the conditions that the engine writes and no others, records each call, and refuses what
the service refuses: 26 statements, 101 keys, a key twice.
"""

from __future__ import annotations

import re
import threading
from collections import Counter, deque
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, ReadTimeoutError

from expiry.budget import Budget, Pace
from expiry.rows import Rows
from expiry.statements import comparable, identity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from expiry.scanning import Row
    from expiry.statements import Identity, Key

TABLE = "sessions"
PLENTY = Budget(lambda: 3_600_000, reserve_s=10)


class Fault(Enum):
    """What goes wrong with a whole call."""

    THROTTLED = "throttled"
    BROKEN_BEFORE = "a server error, nothing was done"
    BROKEN_AFTER = "a server error, all was done"
    LOST = "all was done, the answer was lost"
    SENT_TWICE = "the SDK has sent it twice, both were done"
    DENIED = "denied"


def row(key: str, **attributes: Any) -> dict[str, Any]:
    """Make a row; a number becomes N, a text S."""
    typed = {
        name: {"N": str(value)} if isinstance(value, int) else {"S": value}
        for name, value in attributes.items()
    }
    return {"pk": {"S": key}, **typed}


def key_of(key: str) -> Key:
    """Return the key of a row."""
    return {"pk": {"S": key}}


class ScriptedRows:
    """The client and the table at once."""

    def __init__(self, rows: Sequence[Row] = (), key_names: tuple[str, ...] = ("pk",)) -> None:
        self.key_names = key_names
        self.rows = {identity(each, key_names): dict(each) for each in rows}
        self.calls: list[tuple[str, Any]] = []
        self.faults: deque[Fault | None] = deque()  # one a call
        self.codes: deque[str | None] = deque()  # one a statement
        self.code_of: dict[Identity, str] = {}  # of every statement on a key
        self.unprocessed: deque[int] = deque()  # one a read: how many keys it leaves
        self.before: Callable[[], None] = lambda: None
        self.together = 0  # calls at the same time
        self.most_together = 0
        self._lock = threading.Lock()

    def sent(self) -> list[list[Mapping[str, Any]]]:
        """Return the statements of each call."""
        return [request for action, request in self.calls if action == "batch_execute_statement"]

    def batch_execute_statement(self, *, Statements: list[Any]) -> dict[str, Any]:  # noqa: N803 - boto3's
        with self._lock:
            self.calls.append(("batch_execute_statement", Statements))
            fault = self.faults.popleft() if self.faults else None
            self.together += 1
            self.most_together = max(self.most_together, self.together)
        self.before()
        with self._lock:
            self.together -= 1
            _refuse_before(fault)
            keys = [self._parsed(each)[1] for each in Statements]
            if len(keys) > 25 or len(set(keys)) < len(keys):
                raise refusal("ValidationException")
            if fault is Fault.SENT_TWICE:
                [self._one(each) for each in Statements]
            responses = [self._one(each) for each in Statements]
            _refuse_after(fault)
        tried = 1 if fault is Fault.SENT_TWICE else 0
        return {"Responses": responses, "ResponseMetadata": {"RetryAttempts": tried}}

    def batch_get_item(self, *, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803 - boto3's
        with self._lock:
            self.calls.append(("batch_get_item", RequestItems))
            fault = self.faults.popleft() if self.faults else None
            left = self.unprocessed.popleft() if self.unprocessed else 0
            _refuse_before(fault)
            _refuse_after(fault)
            asked = RequestItems[TABLE]
            keys, names = asked["Keys"], asked["ExpressionAttributeNames"]
            shown = [names[place] for place in asked["ProjectionExpression"].split(", ")]
            places = [identity(key, self.key_names) for key in keys]
            if len(keys) > 100 or len(set(places)) < len(places) or not asked["ConsistentRead"]:
                raise refusal("ValidationException")
            done, again = keys[left:], keys[:left]
            found = [self.rows.get(identity(key, self.key_names)) for key in done]
        items = [{name: each[name] for name in shown if name in each} for each in found if each]
        unprocessed = {TABLE: {**asked, "Keys": again}} if again else {}
        return {"Responses": {TABLE: items}, "UnprocessedKeys": unprocessed}

    def _one(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        changes, place, conditions = self._parsed(sent)
        code = self.code_of.get(place) or (self.codes.popleft() if self.codes else None)
        if code == "InternalServerError after":
            self._apply(changes, place, conditions)
            code = "InternalServerError"
        if code:
            return {"Error": {"Code": code, "Message": "no"}}
        return self._apply(changes, place, conditions)

    def _apply(self, changes: Any, place: Identity, conditions: list[Any]) -> dict[str, Any]:
        old = self.rows.get(place)
        if old is None and changes is None:
            return {}
        if old is None or not all(_holds(old.get(name), *rest) for name, *rest in conditions):
            error = {"Code": "ConditionalCheckFailed", "Message": "no"}
            return {"Error": {**error, "Item": old} if old else error}
        if changes is None:
            del self.rows[place]
        else:
            new = {name: value for name, value in {**old, **changes}.items() if value}
            self.rows[place] = new
        return {"Item": old}

    def _parsed(self, sent: Mapping[str, Any]) -> tuple[Any, Identity, list[Any]]:
        """Return changes (None: delete), the key and the conditions of a statement."""
        head, where = sent["Statement"].removesuffix(" RETURNING ALL OLD *").split(" WHERE ")
        values = iter(sent["Parameters"])
        changes = None
        if head.startswith("UPDATE"):
            changes = {name: next(values) for name in re.findall(r'SET "(\w+)"=\?', head)}
            changes |= dict.fromkeys(re.findall(r'REMOVE "(\w+)"', head))
        terms = []
        for term in where.split(" AND "):
            name, op = re.fullmatch(r'"(\w+)" ?(.+)', term).groups()  # type: ignore[union-attr]
            terms.append((name, op, next(values) if "?" in op else None))
        key = {name: value for name, _, value in terms[: len(self.key_names)]}
        place = identity(key, self.key_names)  # type: ignore[arg-type]
        return changes, place, terms[len(self.key_names) :]


def _holds(found: Any, op: str, wanted: Any) -> bool:
    match op:
        case "< ?":
            return bool(found) and "N" in found and Decimal(found["N"]) < Decimal(wanted["N"])
        case "= ?":
            return bool(comparable(found) == comparable(wanted))
        case "<> ?":
            return bool(comparable(found) != comparable(wanted))
        case "IS MISSING":
            return found is None
    raise refusal("ValidationException", op)


def refusal(code: str, text: str = "no", status: int = 400) -> ClientError:
    """Make the error that boto3 raises for a service's *code*."""
    metadata: Any = {"HTTPStatusCode": status}
    error: Any = {"Error": {"Code": code, "Message": text}, "ResponseMetadata": metadata}
    return ClientError(error, "Operation")


def _refuse_before(fault: Fault | None) -> None:
    if fault is Fault.THROTTLED:
        raise refusal("ProvisionedThroughputExceededException")
    if fault is Fault.BROKEN_BEFORE:
        raise refusal("InternalServerError", status=500)
    if fault is Fault.DENIED:
        raise refusal("AccessDeniedException")


def _refuse_after(fault: Fault | None) -> None:
    if fault is Fault.BROKEN_AFTER:
        raise refusal("InternalServerError", status=500)
    if fault is Fault.LOST:
        raise ReadTimeoutError(endpoint_url="")


class Sleeper:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self.now_s += seconds


def rows_of(
    client: Any,
    *,
    budget: Budget = PLENTY,
    sleeper: Sleeper | None = None,
    requests_per_s: float = 0,
    threads: int = 1,
    key_names: tuple[str, ...] = ("pk",),
) -> Rows:
    """Make the rows of *client*'s table; no test waits for a retry."""
    sleeper = sleeper or Sleeper()
    pace = Pace(requests_per_s, sleeper, sleeper.sleep)
    return Rows(client, TABLE, key_names, budget=budget, pace=pace, threads=threads)


def counted(found: Sequence[Any]) -> Counter[str]:
    """Count results by outcome, or answers by effect."""
    return Counter(str(getattr(each, "outcome", getattr(each, "effect", None))) for each in found)
