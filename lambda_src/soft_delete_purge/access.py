"""
Judge whether the role may do what the plan needs, before it does any of it.

Makes no call.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from expiry.postgres.names import Relation
    from soft_delete_purge.paths import Bound

WORDS = ("SELECT", "UPDATE", "DELETE")


def needed(bound: Bound, *, dry_run: bool) -> dict[Relation, set[str]]:
    """Return what a run does to each table; SELECT … FOR UPDATE asks for UPDATE."""
    found: defaultdict[Relation, set[str]] = defaultdict(set)
    for relation in bound.facts:
        found[relation].add("SELECT")
    if not dry_run:
        found[bound.plan.root.relation] |= {"UPDATE", "DELETE"}
        for node in bound.nodes:
            found[node.relation].add("UPDATE")
        for shared in bound.plan.shared:
            found[shared.relation] |= {"UPDATE", "DELETE"}
    return found


def grants(bound: Bound, *, dry_run: bool) -> Iterator[str]:
    """Say which GRANTs are missing, and where a policy would hide rows."""
    closed = {
        relation.schema
        for relation, facts in bound.facts.items()
        if not facts.privileges.schema_usage
    }
    for schema in sorted(closed):
        yield f"the user may not use the schema: GRANT USAGE ON SCHEMA {schema}"
    for relation, words in needed(bound, dry_run=dry_run).items():
        facts = bound.facts[relation]
        lacking = [
            word for word in WORDS if word in words and not getattr(facts.privileges, word.lower())
        ]
        if lacking:
            what = ", ".join(lacking)
            yield f"the user lacks {what} on {relation}: GRANT {what} ON {relation}"
        if facts.row_security:
            yield f"row security hides rows of {relation} from the user: GRANT it BYPASSRLS"
