"""
Record what interrupted a container, or that its worker died: each message once.

Calls: dynamodb:PutItem. The same message again brings the record that is there, whatever the
second call says, so that all who tell of it tell the same.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from job_claims.update import number, text

if TYPE_CHECKING:
    from collections.abc import Callable

    from job_claims.endings import Claim
    from job_claims.request import InterruptionRequest, TimeoutRequest
    from job_claims.settings import RecordSettings
    from job_claims.update import Row, Table, Value

KEY = "messageId"
TTL = "ttl"
TIMEOUT_PREFIX = "timeout"  # a message may have interrupted a job, and die itself: two records


class Records:
    """The table of interruptions."""

    def __init__(
        self, table: Table, settings: RecordSettings, wall_clock: Callable[[], float]
    ) -> None:
        """Record in *table*."""
        self._table, self._settings, self._wall_clock = table, settings, wall_clock

    def interruption(self, request: InterruptionRequest) -> tuple[dict[str, Any], bool]:
        """Return the record of an interruption, and whether this call made it."""
        record = {
            KEY: request.message_id,
            "interruptedContainer": request.interrupted_container,
            "newThreadId": request.new_thread_id,
            "reason": request.reason,
        }
        return self._kept(record)

    def timeout(self, request: TimeoutRequest, claim: Claim | None) -> tuple[dict[str, Any], bool]:
        """
        Return the record of a worker's death, with the claim as it was when first told.

        There is one for each claim: a message that was sent anew, and whose worker died anew, has
        another fence. A claim that is not the worker's any more is not its to tell of.
        """
        record: dict[str, Any] = {
            KEY: f"{TIMEOUT_PREFIX}#{request.holder.fence}#{request.message_id}",
            "interruptedContainer": request.holder.container_id,
            "fence": request.holder.fence,
            "projectUserId": str(request.key),
            "reason": request.error.get("Error", ""),
            "cause": request.error.get("Cause", ""),
            "claim": snapshot(claim) if claim and claim.holder == request.holder else None,
        }
        if request.execution_id:
            record["executionId"] = request.execution_id
        return self._kept(record)

    def _kept(self, record: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        now_s = int(self._wall_clock())
        record |= {
            "recordId": record_id(record),
            "timestamp": now_s,
            TTL: now_s + self._settings.retention_s,
        }
        written = self._table.put(_row(record), KEY)
        return _record(written.row or {}), written.applied


def snapshot(claim: Claim) -> dict[str, Any]:
    """Return a claim as messages and records hold it."""
    return {
        "containerId": claim.container_id,
        "threadId": claim.thread_id,
        "messageId": claim.message_id,
        "claimedAt": claim.claimed_at_s,
        "expiresAt": claim.expires_at_s,
        "fence": claim.fence,
    }


def record_id(record: dict[str, Any]) -> str:
    """Return an id that is the same whenever the same message is told of."""
    return hashlib.sha256(record[KEY].encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _row(record: dict[str, Any]) -> Row:
    return {name: _typed(value) for name, value in record.items()}


def _typed(value: Any) -> Value:
    if value is None:
        return {"NULL": True}
    if isinstance(value, dict):
        return {"M": _row(value)}
    return number(value) if isinstance(value, int) else text(value)


def _record(row: Row) -> dict[str, Any]:
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Value) -> Any:
    if "M" in value:
        return _record(value["M"])
    return int(value["N"]) if "N" in value else value.get("S")
