"""
PartiQL is allowed by its own actions, on the tables that its statements name.

AWS: each statement of ExecuteStatement, BatchExecuteStatement and ExecuteTransaction needs
``dynamodb:PartiQLSelect``, ``PartiQLInsert``, ``PartiQLUpdate`` or ``PartiQLDelete`` on its table
or index. 1.5.33: asks for ``dynamodb:BatchExecuteStatement`` on ``*``, so a right role is denied.
Upstream needs: this in ``dynamodb_transaction_checks``.
"""

from __future__ import annotations

import json
import re
from typing import Any

from tests.cloud import emulator

STATEMENTS = {
    "dynamodb:ExecuteStatement": None,
    "dynamodb:BatchExecuteStatement": "Statements",
    "dynamodb:ExecuteTransaction": "TransactStatements",
}
STATEMENT = re.compile(
    r"""\s*(?P<verb>SELECT|INSERT|UPDATE|DELETE|EXISTS)\b
        (?:.*?\b(?:FROM|INTO)\b)?\s*
        (?:"(?P<quoted>[^"]+)"|(?P<bare>[\w.-]+))
        (?:\."(?P<index>[^"]+)")?""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


def apply() -> None:
    """Add PartiQL to the calls that are checked item by item."""
    emulator.wrap(
        emulator.module("core.iam_actions"), "dynamodb_transaction_checks", with_statements
    )


def with_statements(checks: Any) -> Any:
    """Return *checks* that knows statements, too."""

    def dynamodb_transaction_checks(action: str, body: bytes, region: str, account: str) -> Any:
        if action not in STATEMENTS:
            return checks(action, body, region, account)
        member = STATEMENTS[action]
        data = json.loads(body or b"{}")
        statements = data.get(member) or [] if member else [data]
        return [needs(each.get("Statement", ""), region, account) for each in statements]

    return dynamodb_transaction_checks


def needs(statement: str, region: str, account: str) -> tuple[str, str]:
    """Return the action and resource that a statement needs; an unreadable one needs them all."""
    found = STATEMENT.match(statement)
    if not found:
        return "dynamodb:PartiQLUnknown", "*"
    verb = found["verb"].capitalize().replace("Exists", "Select")
    table = found["quoted"] or found["bare"]
    index = f"/index/{found['index']}" if found["index"] else ""
    arn = (
        table if table.startswith("arn:") else f"arn:aws:dynamodb:{region}:{account}:table/{table}"
    )
    return f"dynamodb:PartiQL{verb}", arn + index
