"""
The plan bound to its tables: types, and how each row that matters hangs on a record.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from expiry.postgres.catalog import TableFacts
    from expiry.postgres.names import Relation
    from soft_delete_purge.plan import Plan


@dataclass(frozen=True, slots=True)
class Bound:
    """A plan that preflight has accepted, and what the catalog says of its tables."""

    plan: Plan
    facts: Mapping[Relation, TableFacts]
