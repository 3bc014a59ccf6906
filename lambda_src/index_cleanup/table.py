"""
Look at the table before its rows: its keys, its TTL, its size, and whether one Region writes it.

Calls: dynamodb:DescribeTable, dynamodb:DescribeTimeToLive.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from expiry.calls import explained
from expiry.errors import MismatchError
from index_cleanup.settings import TABLE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_dynamodb import DynamoDBClient

    from index_cleanup.settings import Settings

TTL_NAMED = frozenset({"ENABLED", "ENABLING"})


@dataclass(frozen=True, slots=True)
class Table:
    """What a run needs to know of its table."""

    name: str
    key_names: tuple[str, str]  # both Strings
    ttl_attribute: str | None  # None: nothing goes by TTL
    ttl_enabled: bool
    item_count: int
    size_bytes: int

    @property
    def hash_key(self) -> str:
        """Return the name of the partition's attribute."""
        return self.key_names[0]

    @property
    def sort_key(self) -> str:
        """Return the name of the sort key's attribute."""
        return self.key_names[1]


def describe(client: DynamoDBClient, settings: Settings) -> Table:
    """
    Make sure that rules can hold for the table, and return what it says of itself.

    Raises:
        MismatchError: Its keys are no Strings, or it has no sort key; or it is written in several
            Regions, where a condition holds in one of them only.
        StoreError: The table is not there, or the role may not look.
    """
    name = settings.table
    with explained("dynamodb:DescribeTable", f"table {name}", setting=TABLE_VARIABLE):
        found = client.describe_table(TableName=name)["Table"]
    _refuse_replicas(found, settings)
    attribute, enabled = _ttl(client, settings)
    return Table(
        name=name,
        key_names=_key_names(found, name),
        ttl_attribute=attribute,
        ttl_enabled=enabled,
        item_count=int(found.get("ItemCount", 0)),
        size_bytes=int(found.get("TableSizeBytes", 0)),
    )


def _key_names(found: Mapping[str, Any], name: str) -> tuple[str, str]:
    kinds = {each["AttributeName"]: each["AttributeType"] for each in found["AttributeDefinitions"]}
    keys = {each["KeyType"]: each["AttributeName"] for each in found["KeySchema"]}
    if set(keys) != {"HASH", "RANGE"} or {kinds[key] for key in keys.values()} != {"S"}:
        raise MismatchError(
            f"table {name} must have a hash key and a sort key, both Strings, for rules to name"
            f" partitions and prefixes; correct {TABLE_VARIABLE}"
        )
    return keys["HASH"], keys["RANGE"]


def _refuse_replicas(found: Mapping[str, Any], settings: Settings) -> None:
    regions = [replica.get("RegionName", "?") for replica in found.get("Replicas", ())]
    if regions and not settings.single_writer_region:
        raise MismatchError(
            f"table {settings.table} has replicas ({', '.join(regions)}): a delete's condition does"
            " not see what another Region writes; set SINGLE_WRITER_REGION where only this one does"
        )


def _ttl(client: DynamoDBClient, settings: Settings) -> tuple[str | None, bool]:
    """Return the attribute that settings, table, or preset say; and whether TTL looks at it."""
    name = settings.table
    with explained("dynamodb:DescribeTimeToLive", f"table {name}", setting=TABLE_VARIABLE):
        said = client.describe_time_to_live(TableName=name).get("TimeToLiveDescription", {})
    enabled = said.get("TimeToLiveStatus") in TTL_NAMED
    described = said.get("AttributeName") if enabled else None
    chosen = settings.ttl_attribute or described or settings.default_ttl_attribute
    return chosen, enabled and described == chosen
