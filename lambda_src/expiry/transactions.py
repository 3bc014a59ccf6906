"""
One call's worth of groups, tried until each has its end or no try is left.

Calls: dynamodb:DeleteItem and ConditionCheckItem (TransactWriteItems). A call that was cancelled
changed nothing, and says which rows were at fault. A call whose end is not known is sent again as
it was, under the same token: the store then does nothing twice, and says how it ended.
"""

from __future__ import annotations

import threading
import uuid
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from expiry.batches import (
    CONDITION_FAILED,
    GONE_UNSURE,
    NOT_DONE_CODES,
    NOT_TRIED,
    SERVICE_ERRORS,
    UNDER_WAY,
    UNSURE,
    UNSURE_CODES,
)
from expiry.outcomes import Outcome, Result
from expiry.retries import Failure, failure_of
from expiry.statements import Condition, identity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from expiry.groups import Group
    from expiry.retries import Tries
    from expiry.rows import RowCandidate
    from expiry.statements import Identity, Key

UNITS_A_WRITE = 2  # a transaction charges twice what a single write does

CANCELLED = "TransactionCanceledException"
IN_PROGRESS = "TransactionInProgressException"  # an earlier try of the same call still runs
INVALID = "ValidationException"  # of the whole call, where one row of it may be the reason
NO_FAULT = "None"
RETRIED_CODES = NOT_DONE_CODES | UNSURE_CODES

OWNER = 0
OWNER_GONE = "the row that it belongs to is gone"
GROUP_CHANGED = "what it goes together with has changed"


@dataclass(slots=True)
class _Faults:
    """What a cancelled call says of one group."""

    gone: set[int] = field(default_factory=set)  # places of deletes
    changed: dict[int, str] = field(default_factory=dict)  # place → what the store told
    check: str = ""
    refused: str = ""
    later: str = ""  # nothing is wrong with it: throttled, or in conflict with somebody

    def add(self, place: int | None, reason: Mapping[str, Any]) -> None:
        """Take one item's reason; *place* is None for a check."""
        code, told = reason["Code"], f"{reason['Code']}: {reason.get('Message', '')}"
        if code in RETRIED_CODES:
            self.later = told
        elif code != CONDITION_FAILED:
            self.refused = told
        elif place is None:
            self.check = told
        elif "Item" in reason:
            self.changed[place] = told
        else:
            self.gone.add(place)


@dataclass(slots=True)
class _Standing:
    """How far one group has come."""

    group: Group
    gone: set[int] = field(default_factory=set)
    outcome: Outcome | None = None  # of all that are not gone
    detail: str = ""
    own: Mapping[int, str] = field(default_factory=dict)  # place → detail of that row alone
    why: str = NOT_TRIED  # it has not ended
    unsure: bool = False  # a try was made whose end is not known

    def end(self, outcome: Outcome, detail: str = "") -> None:
        """End all rows alike, but those that are gone."""
        self.outcome, self.detail = outcome, detail

    def judge(self, faults: _Faults) -> None:
        """End the group where a fault is its own, and leave out of it what is gone."""
        self.gone |= faults.gone
        if faults.refused:
            self.end(Outcome.FAILED, faults.refused)
        elif OWNER in self.gone:
            self.end(Outcome.CHANGED, OWNER_GONE)
        elif faults.changed or faults.check:
            self.own = faults.changed
            self.end(Outcome.CHANGED, f"{GROUP_CHANGED}: {faults.check}".removesuffix(": "))
        else:
            self.why = faults.later

    def results(self) -> list[Result[RowCandidate]]:
        """Return one result for each row; what has not ended has failed."""
        return [self._result(place, each) for place, each in enumerate(self.group.deletes)]

    def left(self) -> int:
        """Return how many rows have no end yet."""
        return 0 if self.outcome else len(self.group.deletes) - len(self.gone)

    def _result(self, place: int, candidate: RowCandidate) -> Result[RowCandidate]:
        if place in self.gone:
            return Result(candidate, Outcome.GONE, GONE_UNSURE if self.unsure else "")
        if self.outcome:
            return Result(candidate, self.outcome, self.own.get(place, self.detail))
        unsaid = self.unsure and not self.why.startswith(UNSURE)
        return Result(candidate, Outcome.FAILED, f"{UNSURE}: {self.why}" if unsaid else self.why)


@dataclass(frozen=True, slots=True)
class _Item:
    """One item of a call, and whose it is: groups that check the same share it."""

    request: Mapping[str, Any]
    owners: list[tuple[int, int | None]]  # group, and its delete; None: it is a check


@dataclass(frozen=True, slots=True)
class _Call:
    """Groups that are sent together; sent again, it is the same call to the store."""

    places: tuple[int, ...]
    token: str = field(default_factory=lambda: str(uuid.uuid4()))


class Transaction:
    """Groups that fit into one call; no row of one is in another but as the same check."""

    def __init__(
        self,
        client: DynamoDBClient,
        table: str,
        key_names: tuple[str, ...],
        groups: Sequence[Group],
        tries: Callable[[], Tries],
    ) -> None:
        """Send nothing yet."""
        self._client, self._table, self._key_names, self._tries = client, table, key_names, tries
        self._lock = threading.Lock()
        self._standings = [_Standing(group) for group in groups]
        self._waiting = deque([_Call(tuple(range(len(groups))))])

    def results(self) -> list[list[Result[RowCandidate]]]:
        """Return each group's results, in order; at any time, also while a call still hangs."""
        with self._lock:
            return [standing.results() for standing in self._standings]

    def __call__(self) -> None:
        """Send what has not ended until all has, or no try is left."""
        tries = self._tries()
        while self._waiting:
            call = self._waiting[0]
            items = self._items(call)
            if not tries.another(writes=UNITS_A_WRITE * len(items)):
                break
            left = self._left()
            self._send(call, items)
            if self._left() < left:
                tries.progressed()
        with self._lock:
            for standing in self._standings:
                if standing.outcome is None and standing.why != NOT_TRIED:
                    standing.why += f"; {tries.ended}"

    def _left(self) -> int:
        return sum(standing.left() for standing in self._standings)

    def _items(self, call: _Call) -> list[_Item]:
        items: dict[Identity, _Item] = {}
        there = Condition.present(self._key_names[0])  # else what is gone would count as deleted
        for place in call.places:
            standing = self._standings[place]
            for number, each in enumerate(standing.group.deletes):
                if number not in standing.gone:
                    request = {"Delete": self._action(each.key, there & each.condition)}
                    items[self._identity(each.key)] = _Item(request, [(place, number)])
            for check in standing.group.checks:
                request = {"ConditionCheck": self._action(check.key, check.condition)}
                shared = items.setdefault(self._identity(check.key), _Item(request, []))
                shared.owners.append((place, None))
        return list(items.values())

    def _identity(self, key: Key) -> Identity:
        return identity(key, self._key_names)

    def _action(self, key: Key, condition: Condition) -> dict[str, Any]:
        return {
            "TableName": self._table,
            "Key": dict(key),
            **condition.expression().as_request(),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }

    def _send(self, call: _Call, items: list[_Item]) -> None:
        standings = [self._standings[place] for place in call.places]
        with self._lock:
            for standing in standings:
                standing.why = UNDER_WAY
        request: Any = [item.request for item in items]
        try:
            self._client.transact_write_items(TransactItems=request, ClientRequestToken=call.token)
        except SERVICE_ERRORS as error:
            with self._lock:
                self._take_failure(call, items, error)
            return
        with self._lock:
            self._waiting.popleft()
            for standing in standings:
                standing.end(Outcome.DELETED)

    def _take_failure(self, call: _Call, items: list[_Item], error: Exception) -> None:
        answer: Mapping[str, Any] = error.response if isinstance(error, ClientError) else {}
        code = answer.get("Error", {}).get("Code")
        reasons = answer.get("CancellationReasons", [])
        if code == CANCELLED and any(map(_at_fault, reasons)) and len(reasons) == len(items):
            self._take_reasons(call, items, reasons)
            return
        failure = Failure.UNSURE if code == IN_PROGRESS else failure_of(error)
        if failure is None:
            raise error
        for place in call.places:
            standing = self._standings[place]
            standing.unsure |= failure is Failure.UNSURE
            standing.why = f"{failure.value}: {error}"
        if failure is Failure.REFUSED:
            self._refuse(call, splits=code in {INVALID, CANCELLED})

    def _take_reasons(
        self, call: _Call, items: list[_Item], reasons: Sequence[Mapping[str, Any]]
    ) -> None:
        """End the groups at fault; send those in conflict apart from the others."""
        faults: dict[int, _Faults] = {place: _Faults() for place in call.places}
        for item, reason in zip(items, reasons, strict=True):
            if _at_fault(reason):
                for place, number in item.owners:
                    faults[place].add(number, reason)
        for place, found in faults.items():
            self._standings[place].judge(found)
        left = [place for place in call.places if self._standings[place].outcome is None]
        later = tuple(place for place in left if faults[place].later)
        at_once = tuple(place for place in left if not faults[place].later)
        self._replace(at_once, later)

    def _refuse(self, call: _Call, *, splits: bool) -> None:
        """End groups that are refused; of several, look first which it is for."""
        places = call.places
        if splits and len(places) > 1:
            self._replace(places[: len(places) // 2], places[len(places) // 2 :])
            return
        self._waiting.popleft()
        for place in places:
            self._standings[place].end(Outcome.FAILED, self._standings[place].why)

    def _replace(self, *calls: tuple[int, ...]) -> None:
        """Send these groups, each tuple by a call, in place of the first call."""
        self._waiting.popleft()
        self._waiting.extendleft(_Call(places) for places in reversed(calls) if places)


def _at_fault(reason: Mapping[str, Any]) -> bool:
    return str(reason.get("Code", NO_FAULT)) != NO_FAULT
