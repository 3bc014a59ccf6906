"""
Read a rule's rows, page by page.

Calls: dynamodb:Query, eventually consistent: what is deleted is compared once more by the table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expiry.budget import ReadRate
from expiry.queries import BeginsWith, Query, QueryPlan
from index_cleanup.settings import TABLE_VARIABLE
from index_cleanup.templates import Fields, is_as

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from expiry.budget import Budget
    from expiry.scanning import Row
    from expiry.statements import Value
    from index_cleanup.context import Context, RuleReport
    from index_cleanup.rules import Rule

PAGE_ROWS = 1_000


def query(
    context: Context,
    rule: Rule,
    budget: Budget,
    after: Value | None,
    attributes: Iterable[str] = (),
) -> Query:
    """Return the query of a rule's rows behind the sort key *after*, with *attributes* as well."""
    table, scope = context.table, rule.scope
    prefix = BeginsWith(table.sort_key, {"S": scope.sort_prefix}) if scope.sort_prefix else None
    names = (*table.key_names, *rule.attributes, *attributes, *context.ttl_attributes)
    plan = QueryPlan(
        table=table.name,
        setting=TABLE_VARIABLE,
        attributes=names,
        partition=(table.hash_key, {"S": scope.partition}),
        page_rows=PAGE_ROWS,
        range=prefix,
    )
    start = {table.hash_key: {"S": scope.partition}, table.sort_key: after} if after else None
    unlimited = ReadRate(0, lambda: 0.0, lambda _: None)
    return Query(context.client, plan, budget, unlimited, start)


def matching(
    context: Context, report: RuleReport, rows: Sequence[Row]
) -> Iterator[tuple[int, Row, Fields]]:
    """Yield the rows that are the rule's with their place in the page; count all of them."""
    scope = report.rule.scope
    for place, row in enumerate(rows):
        if is_as(row, scope.where):
            report.listed += 1
            yield place, row, Fields(row, context.table.key_names, scope.json_attributes)
        else:
            report.unmatched += 1
