"""
An attributes table in memory, for counting calls on many index rows: fast, and as strict as AWS on
how much fits into a call. What safety rests on is shown on the embedded cloud, not here.
"""

from __future__ import annotations

import bisect
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.safety.index_stage import ACTOR, SYSTEM
from tests.safety.index_tokens import ACCESS, PROVIDER, TARGETS
from tests.safety.memory import (
    MOST_KEYS,
    MOST_STATEMENTS,
    PAGE_BYTES,
    TERM,
    Clients,
    holds,
    refuse,
    silent_clients,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.safety.stage import Item

NAME = "many_attributes"
MOST_ITEMS = 100  # of a transaction
HOUR_S = 3_600
HASH, SORT = "id", "bucket_name"
CONDITION = re.compile(
    r"attribute_not_exists ?\((?P<absent>#\w+)\)|attribute_exists ?\((?P<there>#\w+)\)"
    r"|begins_with ?\((?P<begins>#\w+), ?(?P<prefix>:\w+)\)"
    r"|(?P<name>#\w+) (?P<operator><>|=|<) (?P<value>:\w+)"
)


@dataclass
class IndexMemory:
    """The table; :meth:`__call__` is what a wire does instead of sending."""

    now_s: float
    name: str = NAME
    clients: Clients = field(default_factory=silent_clients)
    rows: dict[tuple[str, str], Item] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Keep each partition's rows in their order."""
        self.order: dict[str, list[str]] = {}

    def fill(self, items: list[Item]) -> None:
        """Put rows down."""
        for item in items:
            self.rows[place(item)] = item
        self.order = {}
        for partition, sort_key in sorted(self.rows):
            self.order.setdefault(partition, []).append(sort_key)

    def clock(self) -> float:
        """Return the time, which stands."""
        return self.now_s

    def __call__(self, call: Any, _: Any, request: dict[str, Any]) -> Any:
        """Answer a call."""
        name = "_" + re.sub(r"(?<!^)(?=[A-Z])", "_", call.operation).lower()
        answer: Callable[[dict[str, Any]], Any] = getattr(self, name)
        return answer(request)

    def _describe_table(self, _: dict[str, Any]) -> dict[str, Any]:
        kinds = {HASH: "HASH", SORT: "RANGE"}
        return {
            "Table": {
                "TableName": NAME,
                "KeySchema": [{"AttributeName": n, "KeyType": kind} for n, kind in kinds.items()],
                "AttributeDefinitions": [
                    {"AttributeName": name, "AttributeType": "S"} for name in kinds
                ],
                "ItemCount": len(self.rows),
                "TableSizeBytes": len(self.rows) * 300,
                "TableStatus": "ACTIVE",
            }
        }

    def _describe_time_to_live(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}

    def _query(self, request: dict[str, Any]) -> dict[str, Any]:
        terms = terms_of(request["KeyConditionExpression"], request)
        partition = next(value["S"] for name, _, value in terms if name == HASH)
        prefix = next((value["S"] for _, operator, value in terms if operator == "begins"), "")
        order = self.order.get(partition, [])
        after = request.get("ExclusiveStartKey", {}).get(SORT, {}).get("S")
        start = bisect.bisect_left(order, prefix)
        if after is not None:
            start = max(start, bisect.bisect_right(order, after))
        items: list[Item] = []
        size = 0
        for at in range(start, len(order)):
            if not order[at].startswith(prefix):
                break
            item = self.rows.get((partition, order[at]))
            if item is None:
                continue
            if size >= PAGE_BYTES or len(items) == request.get("Limit"):
                return _page(items, items[-1])
            items.append(item)
            size += sum(len(name) + len(str(*value.values())) for name, value in item.items())
        return _page(items, None)

    def _batch_get_item(self, request: dict[str, Any]) -> dict[str, Any]:
        keys = request["RequestItems"][NAME]["Keys"]
        refuse(len(keys) > MOST_KEYS, "ValidationException")
        found = [self.rows[place(key)] for key in keys if place(key) in self.rows]
        return {"Responses": {NAME: found}, "UnprocessedKeys": {}}

    def _get_item(self, request: dict[str, Any]) -> dict[str, Any]:
        row = self.rows.get(place(request["Key"]))
        return {"Item": row} if row else {}

    def _delete_item(self, request: dict[str, Any]) -> dict[str, Any]:
        self.rows.pop(place(request["Key"]), None)
        return {}

    def _batch_execute_statement(self, request: dict[str, Any]) -> dict[str, Any]:
        statements = request["Statements"]
        refuse(len(statements) > MOST_STATEMENTS, "ValidationException")
        return {"Responses": [self._execute(statement) for statement in statements]}

    def _execute(self, statement: dict[str, Any]) -> dict[str, Any]:
        _, _, where = statement["Statement"].partition(" WHERE ")
        where = where.removesuffix(" RETURNING ALL OLD *")
        values = iter(statement["Parameters"])
        terms = [
            (term["name"], term["operator"], None if "IS" in term["operator"] else next(values))
            for term in TERM.finditer(where)
        ]
        key = {name: value for name, _, value in terms if name in {HASH, SORT}}
        row = self.rows.get(place(key))
        if row is None:
            return {"TableName": NAME}
        if not all(holds(row.get(name), operator, value) for name, operator, value in terms):
            failed = {"Code": "ConditionalCheckFailed", "Message": "no", "Item": row}
            return {"Error": failed, "TableName": NAME}
        return {"Item": self.rows.pop(place(key)), "TableName": NAME}

    def _transact_write_items(self, request: dict[str, Any]) -> dict[str, Any]:
        items = [(kind, body) for item in request["TransactItems"] for kind, body in item.items()]
        refuse(len(items) > MOST_ITEMS, "ValidationException")
        refuse(not all(self._may(body) for _, body in items), "TransactionCanceledException")
        for kind, body in items:
            if kind == "Delete":
                del self.rows[place(body["Key"])]
        return {}

    def _may(self, body: dict[str, Any]) -> bool:
        row = self.rows.get(place(body["Key"]), {})
        terms = terms_of(body["ConditionExpression"], body)
        return all(holds(row.get(name), operator, value) for name, operator, value in terms)


def place(item: Any) -> tuple[str, str]:
    """Return a row's key as text."""
    return item[HASH]["S"], item[SORT]["S"]


def terms_of(expression: str, request: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """Return what an expression asks of which attribute."""
    names = request["ExpressionAttributeNames"]
    values = request.get("ExpressionAttributeValues", {})
    found: list[tuple[str, str, Any]] = []
    for term in CONDITION.finditer(expression):
        if term["absent"]:
            found.append((names[term["absent"]], "IS MISSING", None))
        elif term["there"]:
            found.append((names[term["there"]], "<>", None))
        elif term["begins"]:
            found.append((names[term["begins"]], "begins", values[term["prefix"]]))
        else:
            found.append((names[term["name"]], term["operator"], values[term["value"]]))
    return found


def _page(items: list[Item], last: Item | None) -> dict[str, Any]:
    page = {
        "Items": items,
        "Count": len(items),
        "ScannedCount": len(items),
        "ConsumedCapacity": {"TableName": NAME, "CapacityUnits": 1.0},
    }
    return page | ({"LastEvaluatedKey": {n: last[n] for n in (HASH, SORT)}} if last else {})


def attribute(partition: str, bucket: str, name: str, data: Any, ttl_s: float) -> Item:
    """Make a row as ActingWeb does."""
    words = {HASH: partition, SORT: f"{bucket}:{name}", "bucket": bucket, "name": name}
    item: Item = {key: {"S": word} for key, word in words.items()}
    return item | {"data": {"S": json.dumps(data)}, "ttl_timestamp": {"N": f"{ttl_s:.0f}"}}


def login(number: int, expires_s: float, *, token: bool, linked: bool = False) -> list[Item]:
    """Make an access token's rows, or its index row alone."""
    name, actor = f"aw_{number:08}", f"{ACTOR}{number % 100}"
    rows = [attribute(SYSTEM, ACCESS, name, actor, expires_s + 3 * HOUR_S)]
    if token:
        about = {"token": name, "expires_at": int(expires_s)}
        about |= {"google_token_key": f"google_{name}"} if linked else {}
        rows.append(attribute(actor, TARGETS[ACCESS], name, about, expires_s + HOUR_S))
    if linked:
        key = f"google_{name}"
        rows.append(attribute(actor, PROVIDER, key, {"access_token": "ya29"}, expires_s + HOUR_S))
    return rows


def many(count: int, now_s: float, *, kind: str) -> IndexMemory:
    """
    Make so many index rows: "orphans" (one in ten has its token), or "expired" with what is linked.
    """
    memory = IndexMemory(now_s)
    items: list[Item] = []
    for number in range(count):
        if kind == "expired":
            items += login(number, now_s - HOUR_S / 2, token=True, linked=True)
        else:
            living = number % 10 == 0
            expires_s = now_s + HOUR_S if living else now_s - 2 * HOUR_S
            items += login(number, expires_s, token=living)
    memory.fill(items)
    return memory
