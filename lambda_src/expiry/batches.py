"""
One batch of statements or of reads, tried until each has its end or no try is left.

Calls: dynamodb:PartiQLDelete and PartiQLUpdate (BatchExecuteStatement), dynamodb:BatchGetItem.
Sends again only what the store says was not done, or what is safe to do twice: a conditional
statement is, because its condition is looked at again. What a batch has found can be read at any
time, also while its call still hangs.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from expiry.calls import explained
from expiry.retries import NO_TIME, Failure, Tries, failure_of
from expiry.statements import Identity, Key, Statement, identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

    from expiry.scanning import Row

SERVICE_ERRORS = (ClientError, BotoCoreError, ResponseParserError)
TRANSIENT = frozenset({Failure.NOT_DONE, Failure.UNSURE})
CONDITION_FAILED = "ConditionalCheckFailed"
NOT_DONE_CODES = frozenset(
    {
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "ThrottlingError",
        "TransactionConflict",
    }
)
UNSURE_CODES = frozenset({"InternalServerError"})

NOT_TRIED = f"not tried: {NO_TIME}"
UNSURE = Failure.UNSURE.value
UNDER_WAY = f"{UNSURE}: the call had not ended when time was up"
GONE_UNSURE = "an earlier try, whose end is not known, may have deleted it"
DONE_BEFORE = "an earlier try, whose end was not known, had been applied"


class Effect(StrEnum):
    """How a statement ended."""

    DONE = "done"  # the store says that it was applied
    CHANGED = "changed"  # the condition no longer holds: somebody won, the row stays as it is
    GONE = "gone"  # there is no such row any more
    FAILED = "failed"  # refused, unsure after all tries, or not tried: the detail says which


@dataclass(frozen=True, slots=True)
class Answer:
    """One statement's end."""

    statement: Statement
    effect: Effect
    # Done: as it was before. Changed, or done by an earlier try: as it is now.
    row: Row | None = None
    detail: str = ""  # the store's code and message, or why the end is not known

    @property
    def unsure(self) -> bool:
        """Say whether a failed statement may have been applied all the same."""
        return self.effect is Effect.FAILED and self.detail.startswith(UNSURE)


class Writing:
    """Up to 25 statements of different keys."""

    def __init__(
        self,
        client: DynamoDBClient,
        statements: Sequence[Statement],
        tries: Callable[[], Tries],
    ) -> None:
        """Send nothing yet."""
        self._client, self._tries = client, tries
        self._statements = statements
        self._lock = threading.Lock()
        self._ended: dict[int, Answer] = {}
        self._unsure: set[int] = set()  # a try was made whose end is not known
        self._why = dict.fromkeys(range(len(statements)), NOT_TRIED)  # it has not ended

    def answers(self) -> list[Answer]:
        """Return one answer each, in order; what has not ended has failed."""
        with self._lock:
            return [
                self._ended.get(place) or self._failed(place)
                for place in range(len(self._statements))
            ]

    def __call__(self) -> None:
        """Send what has not ended until all has, or no try is left."""
        tries = self._tries()
        while (places := self._open()) and tries.another(writes=len(places)):
            self._send(places)
        with self._lock:
            for place in self._open():
                if self._why[place] != NOT_TRIED:
                    self._why[place] += f"; {tries.ended}"

    def _failed(self, place: int) -> Answer:
        why = self._why[place]
        if place in self._unsure and not why.startswith(UNSURE):
            why = f"{UNSURE}: {why}"
        return Answer(self._statements[place], Effect.FAILED, None, why)

    def _open(self) -> list[int]:
        return [place for place in range(len(self._statements)) if place not in self._ended]

    def _send(self, places: list[int]) -> None:
        with self._lock:
            self._why.update(dict.fromkeys(places, UNDER_WAY))
        requests = [_request(self._statements[place]) for place in places]
        try:
            answer = self._client.batch_execute_statement(Statements=requests)
        except SERVICE_ERRORS as error:
            self._take_failure(error, places)
            return
        sent_again = answer.get("ResponseMetadata", {}).get("RetryAttempts", 0) > 0
        with self._lock:
            if sent_again:  # by the SDK: its first try may have been applied
                self._unsure.update(places)
            for place, response in zip(places, answer["Responses"], strict=True):
                self._take(place, response)

    def _take_failure(self, error: Exception, places: list[int]) -> None:
        failure = failure_of(error)
        if failure is None:
            raise error
        with self._lock:
            if failure is Failure.UNSURE:
                self._unsure.update(places)
            for place in places:
                self._why[place] = f"{failure.value}: {error}"
                if failure is Failure.REFUSED:
                    self._refuse(place, str(error))

    def _take(self, place: int, response: Mapping[str, Any]) -> None:
        statement, error = self._statements[place], response.get("Error")
        if error is None:
            row = response.get("Item")
            if statement.deletes and row is None:
                detail = GONE_UNSURE if place in self._unsure else ""
                self._end(place, Effect.GONE, detail=detail)
            else:
                self._end(place, Effect.DONE, row)
            return
        code, told = error.get("Code", ""), f"{error.get('Code')}: {error.get('Message', '')}"
        if code == CONDITION_FAILED:
            self._take_refusal(place, error.get("Item"), told)
        elif code in NOT_DONE_CODES | UNSURE_CODES:
            if code in UNSURE_CODES:
                self._unsure.add(place)
            self._why[place] = told
        else:
            self._refuse(place, told)

    def _take_refusal(self, place: int, row: Row | None, told: str) -> None:
        if row is None:
            self._end(place, Effect.GONE, detail=told)
        elif place in self._unsure and self._statements[place].shown_by(row):
            self._end(place, Effect.DONE, row, DONE_BEFORE)
        else:
            self._end(place, Effect.CHANGED, row, told)

    def _refuse(self, place: int, why: str) -> None:
        self._why[place] = why
        self._ended[place] = self._failed(place)

    def _end(self, place: int, effect: Effect, row: Row | None = None, detail: str = "") -> None:
        self._ended[place] = Answer(self._statements[place], effect, row, detail)


def _request(statement: Statement) -> Any:
    return {
        "Statement": statement.text,
        "Parameters": list(statement.parameters),
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to read of each row."""

    table: str
    setting: str  # names the table in the caller's settings, for errors
    key_names: tuple[str, ...]
    attributes: tuple[str, ...]

    def request(self, keys: Iterable[Key]) -> Any:
        """Ask for *keys*; names go through placeholders: many are reserved."""
        names = dict.fromkeys((*self.key_names, *self.attributes))
        places = {f"#a{n}": name for n, name in enumerate(names)}
        asked = {
            "Keys": list(keys),
            "ConsistentRead": True,
            "ProjectionExpression": ", ".join(places),
            "ExpressionAttributeNames": places,
        }
        return {self.table: asked}


class Reading:
    """Up to 100 keys, each once, read consistently."""

    def __init__(
        self,
        client: DynamoDBClient,
        wanted: Wanted,
        keys: Mapping[Identity, Key],
        tries: Callable[[], Tries],
    ) -> None:
        """Read nothing yet."""
        self._client, self._wanted, self._tries = client, wanted, tries
        self._lock = threading.Lock()
        self._left = dict(keys)
        self._rows: dict[Identity, Row] = {}

    def found(self) -> tuple[dict[Identity, Row], set[Identity]]:
        """Return the rows, and what is not known."""
        with self._lock:
            return dict(self._rows), set(self._left)

    def __call__(self) -> None:
        """
        Read until every key is answered, or no try is left.

        Raises:
            StoreError: The service refuses, and would again.
        """
        tries = self._tries()
        while self._left and tries.another():
            answer = self._call()
            if answer is not None and self._take(answer):
                tries.progressed()

    def _call(self) -> Any:
        """Return an answer, None where another try may bring one."""
        request = self._wanted.request(self._left.values())
        table = f"table {self._wanted.table}"
        with explained("dynamodb:BatchGetItem", table, setting=self._wanted.setting):
            try:
                return self._client.batch_get_item(RequestItems=request)
            except SERVICE_ERRORS as error:
                if failure_of(error) in TRANSIENT:
                    return None
                raise

    def _take(self, answer: Mapping[str, Any]) -> bool:
        """Take what was read; say whether anything was."""
        table, names = self._wanted.table, self._wanted.key_names
        rows = answer.get("Responses", {}).get(table, [])
        again = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
        with self._lock:
            before = len(self._left)
            self._rows.update({identity(row, names): row for row in rows})
            self._left = {identity(key, names): key for key in again}
            return len(self._left) < before
