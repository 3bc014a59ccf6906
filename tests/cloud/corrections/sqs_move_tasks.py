"""
Dead letters can be moved: StartMessageMoveTask.

AWS: moves the messages of a dead-letter queue, which some queue's redrive policy must name, to the
destination; they are new there: their receive count begins again. 1.5.33: the action is missing.
Here the move is done when the call returns, and a destination must be given.
Upstream needs: the action.
"""

from __future__ import annotations

import json
import time
from typing import Any

from tests.cloud import emulator


def apply() -> None:
    """Register the action."""
    emulator.module("services.sqs")._HANDLERS["StartMessageMoveTask"] = start_message_move_task


def start_message_move_task(data: dict[str, Any], _url: str) -> dict[str, Any]:
    """Move every message of the source that somebody could receive now."""
    sqs = emulator.module("services.sqs")
    arn = data.get("SourceArn", "")
    source, target = sqs._queue_by_arn(arn), sqs._queue_by_arn(data.get("DestinationArn", ""))
    if source is None or target is None:
        raise sqs._Err(
            "ResourceNotFoundException", "The resource that you specified doesn't exist."
        )
    if arn not in dead_letter_queues(sqs):
        raise sqs._Err("InvalidParameterValue", "Source queue must be configured as a DLQ.")
    now = time.time()
    moved = [message for message in source["messages"] if message.get("visible_at", 0) <= now]
    source["messages"] = [message for message in source["messages"] if message not in moved]
    for message in moved:
        again = {"receipt_handle": None, "receive_count": 0, "first_receive_at": None}
        target["messages"].append({**message, **again, "visible_at": now})
    return {"TaskHandle": arn}


def dead_letter_queues(sqs: Any) -> set[str]:
    """Return the ARNs that redrive policies name."""
    policies = (queue["attributes"].get("RedrivePolicy") for queue in sqs._queues.values())
    return {json.loads(policy)["deadLetterTargetArn"] for policy in policies if policy}
