"""
The expiry with conditions taken away, and the quick proof that finds it out.

Conditions are taken out of the statements on their way, so that Python and pg_cron, which share
them, are held to the same. A rewriting that finds nothing to take away fails its test.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.safety import postgres_proofs as proofs
from tests.safety import postgres_races as races

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.safety.postgres_drive import Stage
    from tests.safety.postgres_wire import Rewrite


@dataclass(frozen=True, slots=True)
class Mutation:
    """Some conditions less."""

    name: str
    rewrite: Rewrite
    proof: Callable[[Stage, Rewrite], list[str]]


def without(pattern: str, instead: str = "") -> Rewrite:
    """Put *instead* in the place of whatever *pattern* matches."""
    place = re.compile(pattern, re.DOTALL)

    def change(text: str) -> str:
        return place.sub(instead, text)

    return change


def all_of(*rewrites: Rewrite) -> Rewrite:
    """Do one after the other."""

    def change(text: str) -> str:
        for rewrite in rewrites:
            text = rewrite(text)
        return text

    return change


def unasked(in_part: str, place_from: str) -> Rewrite:
    """Do not ask again, in one part of the batch, whether its rows are still due."""
    return without(
        rf"({in_part}\b.*?array\(select \w+ from {place_from}.*?\)\)\s+and ).*?(\n    (?:for|ret))",
        r"\1true\2",
    )


NO_LOCK = without(r"for update skip locked")
NOT_WHEN_LOCKED = unasked("locked as", "page")
NOT_WHEN_DELETED = unasked("deleted as", "locked")
FROM_THE_START = without(r'and (\("expires_at", "id"\) > \(.*?\)\))', r"and (\1 or true)")

MUTATIONS = (
    Mutation(
        "batch: asks nothing again, and locks nothing",
        all_of(NOT_WHEN_LOCKED, NOT_WHEN_DELETED, NO_LOCK),
        races.lost_by_any,
    ),
    Mutation(
        "batch: asks again before the lock alone",
        all_of(NOT_WHEN_DELETED, NO_LOCK),
        races.lost_by_any,
    ),
    Mutation(
        "batch: waits for locks",
        without(" skip locked"),
        proofs.held_rows_do_not_stop_the_others,
    ),
    Mutation("batch: takes no lock", NO_LOCK, proofs.held_rows_do_not_stop_the_others),
    Mutation(
        "batch: begins again at the first row",
        FROM_THE_START,
        proofs.held_rows_do_not_stop_the_others,
    ),
    Mutation(
        "batch: goes on beyond the expiry, not the key",
        without(
            r'\("expires_at", "id"\) > \((cast\(.*?\)), (cast\(.*?\))\)',
            r'"expires_at" > \1 and \2 is not null',
        ),
        proofs.world_ends_well,
    ),
    Mutation(
        "batch: has no limit", without(r"limit cast", "limit 1000 + cast"), proofs.limit_is_kept
    ),
    Mutation("batch: takes what inherits", without("from only", "from"), proofs.world_ends_well),
    Mutation(
        "rule: condition",
        without(r'"kind" = cast\((\S+) as text\)', r"cast(\1 as text) is not null"),
        proofs.world_ends_well,
    ),
    Mutation("rule: grace", without(r"- 3600\b", "- 0"), proofs.world_ends_well),
    Mutation("rule: lifetime", without(r"- 86400\b", "- 0"), proofs.world_ends_well),
    Mutation("clocks: skew", without(r"- 60\b", "- 0"), proofs.world_ends_well),
    Mutation(
        "foreign keys: what is referred to stays",
        without(r"not exists \(select from .*?\)", "true"),
        proofs.world_ends_well,
    ),
)

# Three things each keep a renewed row: its lock, and being asked again after either step.
ENOUGH = {
    "the lock": all_of(NOT_WHEN_LOCKED, NOT_WHEN_DELETED),
    "asking again in the delete": all_of(NOT_WHEN_LOCKED, NO_LOCK),
}
