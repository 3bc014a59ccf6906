"""
A PartiQL batch refuses the same key twice, and PartiQL's writes are in the stream.

AWS: ValidationException for the whole batch (DynamoDB Local says the same); a statement that
changes a row writes a stream record like any other write. 1.5.33: runs the statements one by one,
and PartiQL writes no record. Upstream needs: both, in ``_batch_execute_statement`` and in
``_partiql_insert``, ``_partiql_update`` and ``_partiql_delete``.
"""

from __future__ import annotations

import copy
from typing import Any

from tests.cloud import emulator

WRITES = ("_partiql_insert", "_partiql_update", "_partiql_delete")


def apply() -> None:
    """Look before the batch runs, and around each write."""
    dynamodb = emulator.module("services.dynamodb")
    emulator.wrap(dynamodb, "_batch_execute_statement", refusing_duplicates)
    for name in WRITES:
        emulator.wrap(dynamodb, name, recording)


def refusing_duplicates(execute: Any) -> Any:
    """Return *execute* that refuses a batch with the same key twice."""

    def batch_execute_statement(data: Any) -> Any:
        keys = [key for key in map(key_of, data.get("Statements") or []) if key]
        if len(keys) != len(set(keys)):
            refuse = emulator.module("core.responses").error_response_json
            text = "Provided list of item keys contains duplicates"
            return refuse("ValidationException", text, 400)
        return execute(data)

    return batch_execute_statement


def key_of(statement: Any) -> tuple[str, ...]:
    """Return the table and key that a statement names, nothing where it names none."""
    dynamodb = emulator.module("services.dynamodb")
    try:
        parsed = dynamodb._parse_partiql(statement["Statement"], statement.get("Parameters", []))
    except (ValueError, KeyError):
        return ()  # the statement's own error, in its place in the answer
    table = dynamodb._tables.get(parsed.get("table"))
    if not table:
        return ()
    equal = {name: value for name, op, value in parsed.get("conditions", []) if op == "="}
    equal |= parsed.get("item") or {}
    names = [name for name in (table["pk_name"], table["sk_name"]) if name]
    if not all(name in equal for name in names):
        return ()
    return (parsed["table"], *(repr(equal[name]) for name in names))


def recording(write: Any) -> Any:
    """Return *write* that puts what it changed into the table's stream."""

    def write_and_record(table: Any, parsed: Any, *more: Any) -> Any:
        dynamodb = emulator.module("services.dynamodb")
        before = copy.deepcopy(rows_of(table, parsed))
        answer = write(table, parsed, *more)
        after = rows_of(table, parsed)
        for key in before.keys() | after.keys():
            old, new = before.get(key), after.get(key)
            if old != new:
                kind = "REMOVE" if new is None else "INSERT" if old is None else "MODIFY"
                dynamodb._emit_stream_event(table["TableName"], kind, old, new)
        return answer

    return write_and_record


def rows_of(table: Any, parsed: Any) -> dict[str, Any]:
    """Return the rows of the one partition that a statement can touch, by range key."""
    dynamodb = emulator.module("services.dynamodb")
    equal = {name: value for name, op, value in parsed.get("conditions", []) if op == "="}
    value = (equal | (parsed.get("item") or {})).get(table["pk_name"])
    return dict(table["items"].get(dynamodb._extract_key_val(value), {})) if value else {}
