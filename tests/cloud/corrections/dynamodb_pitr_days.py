"""
Point-in-time recovery remembers for how many days.

AWS: ``RecoveryPeriodInDays``, 35 unless it was set. 1.5.33: forgets it, so a table with another
number never has an empty second plan. Upstream needs: to store the field.
"""

from __future__ import annotations

import json
from typing import Any

from tests.cloud import emulator

DEFAULT_DAYS = 35


def apply() -> None:
    """Keep the number beside the emulator's own switch."""
    dynamodb = emulator.module("services.dynamodb")
    days = emulator.module("core.responses").AccountRegionScopedDict()

    def name_of(data: Any) -> Any:
        return dynamodb._normalize_table_name(data.get("TableName"))

    def keeping(update: Any) -> Any:
        def update_continuous_backups(data: Any) -> Any:
            wanted = data.get("PointInTimeRecoverySpecification", {})
            if "RecoveryPeriodInDays" in wanted:
                days[name_of(data)] = wanted["RecoveryPeriodInDays"]
            return told(update(data), days.get(name_of(data)))

        return update_continuous_backups

    def telling(describe: Any) -> Any:
        return lambda data: told(describe(data), days.get(name_of(data)))

    emulator.wrap(dynamodb, "_update_continuous_backups", keeping)
    emulator.wrap(dynamodb, "_describe_continuous_backups", telling)


def told(answer: Any, days: int | None) -> Any:
    """Return an answer with the days in it, where recovery is on."""
    status, headers, body = answer
    found = json.loads(body)
    about = found.get("ContinuousBackupsDescription", {}).get("PointInTimeRecoveryDescription", {})
    if about.get("PointInTimeRecoveryStatus") == "ENABLED":
        about["RecoveryPeriodInDays"] = days or DEFAULT_DAYS
    return status, headers, json.dumps(found).encode()
