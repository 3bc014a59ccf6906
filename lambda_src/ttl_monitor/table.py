"""
Look at the monitored table before its rows: keys, size, and whether TTL is on as configured.

Calls: dynamodb:DescribeTable, dynamodb:DescribeTimeToLive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from expiry.calls import explained
from expiry.errors import MismatchError
from ttl_monitor.settings import ID_VARIABLE, TABLE_VARIABLE, Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ON = frozenset({"ENABLED", "ENABLING"})  # enabling takes up to an hour and needs nobody


@dataclass(frozen=True, slots=True)
class Table:
    """The table as DescribeTable shows it; its counts are about six hours old."""

    name: str
    keys: tuple[str, ...]  # hash key first
    item_id: str
    item_count: int
    size_bytes: int
    status: str


@dataclass(frozen=True, slots=True)
class TimeToLive:
    """TTL as it is set on the table, against what the monitor was told."""

    status: str
    attribute: str | None
    configured_attribute: str
    reason: str | None  # what is wrong and what to change; None: nothing

    @property
    def misconfigured(self) -> bool:
        """Whether someone has to change something."""
        return self.reason is not None


def describe(client: DynamoDBClient, settings: Settings) -> Table:
    """
    Describe the table and find the attribute that carries the user.

    Raises:
        MismatchError: The id attribute is not a key of the table: only keys are read.
        StoreError: The table is not there, or the role may not look.
    """
    with explained("dynamodb:DescribeTable", f"table {settings.table}", setting=TABLE_VARIABLE):
        found = client.describe_table(TableName=settings.table)["Table"]
    by_type = {key["KeyType"]: key["AttributeName"] for key in found["KeySchema"]}
    keys = tuple(by_type[kind] for kind in ("HASH", "RANGE") if kind in by_type)
    item_id = settings.item_id_attribute or keys[0]
    if item_id not in keys:
        raise MismatchError(
            f"{ID_VARIABLE} is {item_id}, which is no key of table {settings.table}; "
            f"set it to one of its keys ({', '.join(keys)}), or leave it out for {keys[0]}"
        )
    return Table(
        name=settings.table,
        keys=keys,
        item_id=item_id,
        item_count=found.get("ItemCount", 0),
        size_bytes=found.get("TableSizeBytes", 0),
        status=found.get("TableStatus", "UNKNOWN"),
    )


def time_to_live(client: DynamoDBClient, settings: Settings) -> TimeToLive:
    """Compare the table's TTL with the settings; a difference is a finding, not an error."""
    with explained(
        "dynamodb:DescribeTimeToLive", f"table {settings.table}", setting=TABLE_VARIABLE
    ):
        answer = client.describe_time_to_live(TableName=settings.table)
    found = answer["TimeToLiveDescription"]
    status = found.get("TimeToLiveStatus", "DISABLED")
    attribute = found.get("AttributeName")
    reason = None
    if status not in ON:
        reason = f"TTL is {status} on table {settings.table}: enable it on {settings.ttl_attribute}"
    elif attribute != settings.ttl_attribute:
        reason = (
            f"TTL works on {attribute}, and the monitor was told {settings.ttl_attribute}: "
            f"set TTL_ATTRIBUTE to {attribute}, or move the table's TTL"
        )
    return TimeToLive(status, attribute, settings.ttl_attribute, reason)
