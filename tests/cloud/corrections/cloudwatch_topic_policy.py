"""
An alarm reaches a topic only if the topic's policy lets CloudWatch publish.

AWS: a topic's own policy that does not name cloudwatch.amazonaws.com keeps its alarms from
everybody, and the alarm's history says that the action failed. 1.5.33: delivers whatever the policy
says, so an alarm that nobody would ever see looks delivered.
Upstream needs: ``sns.topic_policy_allows`` in ``_dispatch_alarm_actions``.
"""

from __future__ import annotations

import json
import time
from typing import Any

from tests.cloud import emulator

SERVICE = "cloudwatch.amazonaws.com"
ACTIONS = {
    "ALARM": "AlarmActions",
    "OK": "OKActions",
    "INSUFFICIENT_DATA": "InsufficientDataActions",
}


def apply() -> None:
    """Ask the topic before each delivery."""
    cloudwatch = emulator.module("services.cloudwatch")
    emulator.wrap(cloudwatch, "_dispatch_alarm_actions", asking)


def asking(dispatch: Any) -> Any:
    """Return *dispatch* that leaves out topics which refuse CloudWatch."""

    def dispatch_alarm_actions(alarm: Any, old: str, new: str, reason: str) -> None:
        field = ACTIONS[new]
        actions = alarm.get(field) or []
        refusing = [arn for arn in actions if refuses(arn, alarm["AlarmArn"])]
        if alarm.get("ActionsEnabled", True):
            for arn in refusing:
                record_failure(alarm, arn)
        dispatch({**alarm, field: [a for a in actions if a not in refusing]}, old, new, reason)

    return dispatch_alarm_actions


def refuses(action: str, alarm: str) -> bool:
    """Tell whether an action is a topic whose policy does not let CloudWatch publish."""
    if ":sns:" not in action:
        return False
    account, _ = emulator.current_scope()
    allows = emulator.module("services.sns").topic_policy_allows
    return not allows(action, SERVICE, alarm, account)


def record_failure(alarm: Any, topic: str) -> None:
    """Write into the alarm's history that an action failed."""
    cloudwatch = emulator.module("services.cloudwatch")
    error = f"CloudWatch Alarms is not authorized to perform: SNS:Publish on resource: {topic}"
    about = {"actionState": "Failed", "notificationResource": topic, "error": error}
    cloudwatch._history_entries().append(
        {
            "AlarmName": alarm["AlarmName"],
            "AlarmType": "CompositeAlarm" if "AlarmRule" in alarm else "MetricAlarm",
            "Timestamp": cloudwatch._ts_iso(time.time()),
            "HistoryItemType": "Action",
            "HistorySummary": f"Failed to execute action {topic}",
            "HistoryData": json.dumps(about),
        }
    )
