"""
Expired rows go when a test says so, only those that TTL would take, and the stream says who did it.

AWS: within days, rows whose TTL attribute is a Number, in the past and less than five years in the
past; the stream record carries ``userIdentity``, and TimeToLiveDeletedItemCount counts them. The
attribute's name cannot be changed while TTL is enabled. 1.5.33: sweeps each minute, takes any type
and any age, writes no stream record and no metric, and accepts another attribute name.
Upstream needs: these rules in ``_ttl_reaper``, and a switch for its thread.
"""

from __future__ import annotations

import contextvars
import time
from typing import Any

from tests.cloud import emulator
from tests.cloud.doors import door

FIVE_YEARS_S = 5 * 365 * 24 * 3600
# Lambda writes the members' names small, GetRecords large.
TO_LAMBDA = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
TO_GET_RECORDS = {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}

# Only the sweep's own removals: others go on beside it.
_by_ttl: contextvars.ContextVar[bool] = contextvars.ContextVar("by_ttl", default=False)


def apply() -> None:
    """Correct the service; ``clock`` has kept its timer from starting."""
    dynamodb = emulator.module("services.dynamodb")
    emulator.wrap(dynamodb, "_build_change_record", identifying)
    emulator.wrap(dynamodb, "_update_ttl", refusing_another_attribute)
    emulator.wrap(emulator.module("services.dynamodb_streams"), "_cap_page_bytes", naming)


def naming(cap: Any) -> Any:
    """Return *cap*, through which GetRecords' pages go, that names identities as that API does."""

    def cap_page_bytes(page: Any) -> Any:
        return cap(
            [{**r, "userIdentity": TO_GET_RECORDS} if "userIdentity" in r else r for r in page]
        )

    return cap_page_bytes


def refusing_another_attribute(update: Any) -> Any:
    """Return *update* that refuses to change the attribute of a TTL that is enabled."""

    def update_ttl(data: Any) -> Any:
        dynamodb = emulator.module("services.dynamodb")
        wanted = data.get("TimeToLiveSpecification", {})
        now = (
            dynamodb._ttl_settings.get(dynamodb._normalize_table_name(data.get("TableName"))) or {}
        )
        if now.get("TimeToLiveStatus") == "ENABLED":
            problem = None
            if wanted.get("AttributeName") != now["AttributeName"]:
                problem = (
                    "TimeToLive is active on a different AttributeName: current AttributeName is "
                    + now["AttributeName"]
                )
            elif wanted.get("Enabled"):
                problem = "TimeToLive is already enabled"
            if problem:
                refuse = emulator.module("core.responses").error_response_json
                return refuse("ValidationException", problem, 400)
        return update(data)

    return update_ttl


@door("sweep-ttl")
def sweep_ttl(at: float | None = None) -> dict[str, int]:
    """Remove what TTL would, as of a time, now by default; return the count for each table."""
    dynamodb = emulator.module("services.dynamodb")
    counts = {}
    for name, setting in list(dynamodb._ttl_settings.items()):
        table = dynamodb._tables.get(name)
        if table and setting.get("TimeToLiveStatus") == "ENABLED":
            with dynamodb._lock:
                counts[name] = sweep(name, table, setting["AttributeName"], at or time.time())
            if counts[name]:
                emulator.module("services.cloudwatch").record_metric(
                    "AWS/DynamoDB",
                    "TimeToLiveDeletedItemCount",
                    counts[name],
                    "Count",
                    {"TableName": name},
                )
    return counts


def sweep(name: str, table: Any, attribute: str, now_s: float) -> int:
    """Remove one table's expired rows, each with its stream record."""
    dynamodb = emulator.module("services.dynamodb")
    keys = [
        (hash_key, range_key)
        for hash_key, rows in list(table["items"].items())
        for range_key, item in list(rows.items())
        if expired(item.get(attribute), now_s)
    ]
    token = _by_ttl.set(True)
    try:
        for key in keys:
            dynamodb._emit_stream_event(name, "REMOVE", dynamodb._remove_item(table, *key), None)
    finally:
        _by_ttl.reset(token)
    return len(keys)


def expired(value: Any, now_s: float) -> bool:
    """Tell whether TTL would take a row with this value of its attribute."""
    number = (value or {}).get("N")
    return number is not None and now_s - FIVE_YEARS_S < float(number) <= now_s


def identifying(build: Any) -> Any:
    """Return *build* whose records say so when TTL removed the row."""

    def build_change_record(*about: Any) -> Any:
        identity = {"userIdentity": TO_LAMBDA} if _by_ttl.get() else {}
        return {**build(*about), **identity}

    return build_change_record
