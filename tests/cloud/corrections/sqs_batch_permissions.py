"""
SQS's batches are allowed by the action of what they hold.

AWS: SendMessageBatch needs ``sqs:SendMessage``, DeleteMessageBatch ``sqs:DeleteMessage``,
ChangeMessageVisibilityBatch ``sqs:ChangeMessageVisibility``; there are no actions of their own.
1.5.33: asks for ``sqs:SendMessageBatch``, so a right role is denied.
Upstream needs: the three names in ``extract_iam_action``.
"""

from __future__ import annotations

from typing import Any

from tests.cloud import emulator

BATCHES = {
    f"sqs:{action}Batch": f"sqs:{action}"
    for action in ("SendMessage", "DeleteMessage", "ChangeMessageVisibility")
}


def apply() -> None:
    """Name the action of what a batch holds."""
    emulator.wrap(emulator.module("core.iam_actions"), "extract_iam_action", of_one)


def of_one(named: Any) -> Any:
    """Return *named* that knows no batches."""

    def extract_iam_action(*request: Any, **more: Any) -> Any:
        action = named(*request, **more)
        return BATCHES.get(action, action)

    return extract_iam_action
