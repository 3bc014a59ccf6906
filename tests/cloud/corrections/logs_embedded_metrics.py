"""
Log lines in the embedded metric format become metrics.

AWS: a log event that is a JSON object with ``_aws.CloudWatchMetrics`` puts each named value into
CloudWatch, once for each dimension set that the line names, and for no other. 1.5.33: keeps the
line, makes no metric; so an alarm on our own metrics never sees one.
Upstream needs: this, in ``_append_log_events``, through which PutLogEvents and functions write.
"""

from __future__ import annotations

import json
import time
from typing import Any

from tests.cloud import emulator


def apply() -> None:
    """Read every event that is appended to a stream."""
    emulator.wrap(emulator.module("services.cloudwatch_logs"), "_append_log_events", publishing)


def publishing(append: Any) -> Any:
    """Return *append* that publishes the metrics which the events carry."""

    def append_log_events(stream: Any, events: Any) -> None:
        append(stream, events)
        for event in events:
            message = event["message"]
            if '"CloudWatchMetrics"' in message:
                publish(message)

    return append_log_events


def publish(message: str) -> None:
    """Store the metrics of one line; a line that is not the format is only a line."""
    try:
        line = json.loads(message)
        metadata = line["_aws"]
        at_s = metadata.get("Timestamp", time.time() * 1000) / 1000
        for directive in metadata["CloudWatchMetrics"]:
            store(line, directive, at_s)
    except (ValueError, KeyError, TypeError):
        return


def store(line: dict[str, Any], directive: dict[str, Any], at_s: float) -> None:
    """Store one directive: each metric under each dimension set."""
    put = emulator.module("services.cloudwatch")._store_datum
    for names in directive.get("Dimensions") or [[]]:
        dimensions = {name: str(line[name]) for name in names}
        for metric in directive["Metrics"]:
            value = line[metric["Name"]]
            values = value if isinstance(value, list) else [value]
            put(
                directive["Namespace"],
                metric["Name"],
                dimensions,
                at_s,
                metric.get("Unit", "None"),
                None,
                values,
                None,
                None,
            )
