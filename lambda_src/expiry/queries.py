"""
Query one partition of a table or an index, page by page, within a budget.

Calls: dynamodb:Query. Never writes, never holds more than a page. Pages of one partition follow
one another, so there is one thread; whoever has many partitions runs many queries.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from expiry.calls import explained
from expiry.cursors import key_as_json
from expiry.scanning import PAGE_S, STOPPED_FOR_TIME, Page

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from mypy_boto3_dynamodb import DynamoDBClient

    from expiry.budget import Budget, ReadRate
    from expiry.statements import Key, Value


@dataclass(frozen=True, slots=True)
class Below:
    """Rows whose range key *name* is below *value*."""

    name: str
    value: Value
    expression: str = field(default="#r < :r", init=False)


@dataclass(frozen=True, slots=True)
class BeginsWith:
    """Rows whose range key *name*, a String or Binary, begins with *value*."""

    name: str
    value: Value
    expression: str = field(default="begins_with(#r, :r)", init=False)


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """What to read of a table or an index."""

    table: str
    setting: str  # names the table in the caller's settings, for errors
    attributes: tuple[str, ...]
    partition: tuple[str, Value]  # the hash key's name and value
    page_rows: int  # at most; DynamoDB ends a page at 1 MB in any case
    range: Below | BeginsWith | None = None
    index: str | None = None

    def request(self) -> dict[str, Any]:
        """Return what every call says alike; names go through placeholders: many are reserved."""
        shown = {f"#a{n}": name for n, name in enumerate(dict.fromkeys(self.attributes))}
        name, value = self.partition
        request: dict[str, Any] = {
            "TableName": self.table,
            "KeyConditionExpression": "#h = :h",
            "ProjectionExpression": ", ".join(shown),
            "ExpressionAttributeNames": {**shown, "#h": name},
            "ExpressionAttributeValues": {":h": value},
            "ReturnConsumedCapacity": "TOTAL",
            "Limit": self.page_rows,
        }
        if self.range:
            request["KeyConditionExpression"] += f" AND {self.range.expression}"
            request["ExpressionAttributeNames"]["#r"] = self.range.name
            request["ExpressionAttributeValues"][":r"] = self.range.value
        if self.index:
            request["IndexName"] = self.index
        return request


class Query:
    """
    One query, which can be left at any page and gone on with from its cursor.

    ``after`` moves once the caller asks for the next page, so a page that was not worked through
    comes again.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        plan: QueryPlan,
        budget: Budget,
        rate: ReadRate,
        after: Key | None = None,
    ) -> None:
        """Read nothing yet; begin behind the row *after*, or with the first."""
        self._client, self._plan, self._budget, self._rate = client, plan, budget, rate
        self.after = after
        self.complete = False  # every page was taken
        self.stopped: str | None = None

    def cursor(self) -> dict[str, Any] | None:
        """Return where a later query goes on, as JSON; None once all was read."""
        if self.complete:
            return None
        return {"after": key_as_json(self.after) if self.after else None}

    def pages(self) -> Generator[Page, None, None]:
        """
        Yield every page in its order; stop where the next might not come in time.

        Raises:
            StoreError: A call failed.
        """
        while not self.complete:
            delay_s, booked = self._rate.book()
            if not self._budget.allows(delay_s + PAGE_S):
                self.stopped = STOPPED_FOR_TIME
                return
            self._rate.wait(delay_s)
            answer = self._call()
            used = float(answer.get("ConsumedCapacity", {}).get("CapacityUnits", 0.0))
            self._rate.settle(booked, used)
            last_key: Key | None = answer.get("LastEvaluatedKey")
            rows = answer["Items"]
            scanned = int(answer.get("ScannedCount", len(rows)))
            yield Page(0, rows, scanned, used, last=last_key is None)
            self.after, self.complete = last_key, last_key is None

    def _call(self) -> Mapping[str, Any]:
        request = self._plan.request()
        if self.after:
            request["ExclusiveStartKey"] = self.after
        with explained("dynamodb:Query", f"table {self._plan.table}", setting=self._plan.setting):
            return self._client.query(**request)
