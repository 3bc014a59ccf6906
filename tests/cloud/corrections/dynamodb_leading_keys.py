"""
IAM knows which partitions a call names.

AWS: ``dynamodb:LeadingKeys`` holds the hash key's value of every row that a call names, PartiQL
included; a scan names none. 1.5.33: the key is always absent, so a condition on it is untested.
Upstream needs: this in ``dynamodb_service_context``.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from tests.cloud import emulator

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "dynamodb:LeadingKeys"
EQUAL = re.compile(r"(#?\w+)\s*=\s*(:\w+)")

Attribute = dict[str, str]


def apply() -> None:
    """Add the key to the context of each check."""
    emulator.wrap(emulator.module("core.iam_actions"), "dynamodb_service_context", adding)


def adding(context: Any) -> Any:
    """Return *context* with the leading keys."""

    def dynamodb_service_context(body: bytes) -> Any:
        found = context(body)
        try:
            data = json.loads(body or b"{}")
        except ValueError:
            return found
        keys = {next(iter(value.values())) for value in named(data) if value}
        return {**found, KEY: sorted(keys)} if keys else found

    return dynamodb_service_context


def named(data: dict[str, Any]) -> Iterator[Attribute | None]:
    """Yield the hash key of each row that a request names."""
    yield of_row(data)
    if "KeyConditionExpression" in data:
        yield of_query(data)
    for requests in (data.get("RequestItems") or {}).items():
        yield from of_batch(*requests)
    for item in data.get("TransactItems") or []:
        for operation in item.values():
            yield of_row(operation)
    statements = data.get("Statements") or data.get("TransactStatements") or []
    for statement in [*statements, *([data] if "Statement" in data else [])]:
        yield of_statement(statement)


def hash_key_of(table: Any) -> str:
    """Return the name of a table's hash key, "" for an unknown table."""
    dynamodb = emulator.module("services.dynamodb")
    found = dynamodb._tables.get(dynamodb._normalize_table_name(table)) if table else None
    return found["pk_name"] if found else ""


def of_row(request: dict[str, Any]) -> Attribute | None:
    """Return the hash key of a request on one row."""
    row = request.get("Key") or request.get("Item") or {}
    found: Attribute | None = row.get(hash_key_of(request.get("TableName")))
    return found


def of_query(request: dict[str, Any]) -> Attribute | None:
    """Return the hash key that a query asks for."""
    wanted = hash_key_of(request.get("TableName"))
    for name, value in EQUAL.findall(request["KeyConditionExpression"]):
        if (request.get("ExpressionAttributeNames") or {}).get(name, name) == wanted:
            found: Attribute | None = request["ExpressionAttributeValues"].get(value)
            return found
    return None


def of_batch(table: str, requests: Any) -> Iterator[Attribute | None]:
    """Yield the hash keys of one table's part of a batch, of reads or of writes."""
    if isinstance(requests, dict):
        rows = requests.get("Keys") or []
    else:
        rows = [row for each in requests for kind in each.values() for row in kind.values()]
    for row in rows:
        yield row.get(hash_key_of(table))


def of_statement(statement: dict[str, Any]) -> Attribute | None:
    """Return the hash key that a PartiQL statement names."""
    dynamodb = emulator.module("services.dynamodb")
    try:
        parsed = dynamodb._parse_partiql(statement["Statement"], statement.get("Parameters", []))
    except (ValueError, KeyError):
        return None
    equal = {name: value for name, op, value in parsed.get("conditions", []) if op == "="}
    found: Attribute | None = (equal | (parsed.get("item") or {})).get(
        hash_key_of(parsed.get("table"))
    )
    return found
