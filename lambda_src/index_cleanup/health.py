"""
Say how the table does: how large it is, and how much of the dead is still in it.

Makes no call: DynamoDB publishes no metric of a table's items or size, but DescribeTable, which
the run has called, says both (as of the last six hours or so); the backlog is the run's own count.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

    from index_cleanup.context import RuleReport
    from index_cleanup.table import Table


@dataclass(frozen=True, slots=True)
class Health:
    """What a run has seen of its table; an alarm rests on each number."""

    item_count: int
    table_bytes: int
    ttl_enabled: bool  # on the attribute that the rules look at
    expired_backlog: int  # dead rows that the run found and left; all of them in a dry run

    @classmethod
    def of(cls, table: Table, reports: Iterable[RuleReport]) -> Self:
        """Put together what the table said at the beginning, and what the rules have left."""
        backlog = sum(report.backlog for report in reports)
        return cls(table.item_count, table.size_bytes, table.ttl_enabled, backlog)

    def as_dict(self) -> dict[str, int | bool]:
        """Return it for the result."""
        return {
            "itemCount": self.item_count,
            "tableBytes": self.table_bytes,
            "ttlEnabled": self.ttl_enabled,
            "expiredBacklog": self.expired_backlog,
        }

    def metrics(self) -> dict[str, int]:
        """Return the numbers under the names that ``metrics.json`` has."""
        return {
            "ItemCount": self.item_count,
            "TableBytes": self.table_bytes,
            "ExpiredBacklog": self.expired_backlog,
        }
