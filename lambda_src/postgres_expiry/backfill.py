"""
Give rows of ActingWeb's that lack a TTL the one that their own times say.

For the rollout on a table that was filled before TTLs were written. A row gets what ActingWeb would
have written, an hour of skew included; one that has no readable time stays as it is. Index rows
and rows that a token owns come last: theirs is the token's and the index buffer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from expiry.postgres.names import quoted
from postgres_expiry.actingweb import (
    INDEX_RULES,
    KEY,
    LINK_FIELD,
    PARTITION,
    ExpiredRule,
    IndexRule,
    expired_rules,
    literal,
    number,
)
from postgres_expiry.deletion import Batch, Work, one_row, walk
from postgres_expiry.lifetimes import REUSE_S, TTL_SKEW_S, Lifetimes
from postgres_expiry.predicates import Order, rendered

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from postgres_expiry.deletion import Means, Tally
    from postgres_expiry.preflight import Target


@dataclass(frozen=True, slots=True)
class Filling:
    """Rows without a TTL, and the TTL that they get; both SQL over a row of the table."""

    name: str
    scope: str
    ttl: str


def fillings(target: Target, lifetimes: Lifetimes) -> Iterator[Filling]:
    """Return what there is to fill, targets before the index rows that point at them."""
    for rule in expired_rules(lifetimes):
        scope = f"id = {PARTITION} and bucket = {literal(rule.bucket)}"
        times = dict.fromkeys([(rule.field, rule.plus_s), ("created_at", _life(rule, lifetimes))])
        yield Filling(rule.name, scope, _ttl("data", *times))
    for index in INDEX_RULES:
        scope = f"bucket = {literal(index.target_bucket)}"
        yield Filling(index.name, scope, _target_ttl("data", index, lifetimes))
    for index in INDEX_RULES:
        pointed = {
            "table": target.facts.relation.sql,
            "entry": quoted(target.facts.relation.name),
            "target_bucket": literal(index.target_bucket),
            # In a dry run the targets have not been filled yet.
            "ttl": _target_ttl("target.data", index, lifetimes),
            "buffer_s": lifetimes.index_buffer_s,
        }
        if index.linked_bucket:
            ttl = rendered("owner_ttl", link_field=literal(LINK_FIELD), **pointed)
            scope = f"bucket = {literal(index.linked_bucket)}"
            yield Filling(f"{index.name}_linked", scope, f"({ttl})")
        scope = f"id = {PARTITION} and bucket = {literal(index.index_bucket)}"
        yield Filling(f"{index.name}_index", scope, f"({rendered('target_ttl', **pointed)})")


def _target_ttl(data: str, index: IndexRule, lifetimes: Lifetimes) -> str:
    ttl = _ttl(data, ("expires_at", 0), ("created_at", _life(index, lifetimes)))
    if not index.reused:
        return ttl
    held = f"{number(data, 'used_at')} + {REUSE_S + TTL_SKEW_S}"
    return f"coalesce(case when {data} -> 'used' = 'true' then cast({held} as bigint) end, {ttl})"


def _life(rule: ExpiredRule | IndexRule, lifetimes: Lifetimes) -> int:
    return int(getattr(lifetimes, f"{rule.name.removesuffix('s')}_s"))


def _ttl(data: str, *times: tuple[str, int]) -> str:
    """Write the TTL by the first of *times* (a field, and seconds after it) that a row has."""
    each = (
        f"cast({number(data, field)} + {plus_s + TTL_SKEW_S} as bigint)" for field, plus_s in times
    )
    return f"coalesce({', '.join(each)})"


def fill(means: Means, target: Target, filling: Filling, tally: Tally, batch_size: int) -> None:
    """
    Fill batch by batch; what was filled is in the tally as ``counted["backfilled"]``.

    Raises:
        DatabaseError: A batch failed for good.
    """
    order = Order(KEY, tuple(target.facts.columns[name].type for name in KEY))
    values = {
        "table": target.facts.relation.sql,
        "scope": filling.scope,
        "ttl": filling.ttl,
        "order": order.forwards,
        "order_backwards": order.backwards,
        "last": order.last,
        "batch_size": "cast(:batch_size as bigint)",
    }
    first = rendered("backfill_batch", after="", **values)
    further = rendered("backfill_batch", after=order.after, **values)
    tally.counted["backfilled"] = 0

    def ask(rows: int, cursor: Mapping[str, str]) -> Batch:
        statement = further if cursor else first
        parameters = {"batch_size": rows, **cursor}
        work = one_row(statement, parameters)
        listed, updated, *last = means.link.attempt(work, writes=True)
        tally.listed += listed
        tally.counted["backfilled"] += updated
        tally.changed += listed - updated
        return Batch(listed == rows, updated, order.cursor(last))

    walk(means, batch_size, tally, Work(ask))


def count(means: Means, target: Target, filling: Filling, tally: Tally) -> None:
    """Count what ``fill`` would fill."""
    statement = rendered(
        "count_expired",
        table=target.facts.relation.sql,
        due=f"ttl_timestamp is null and {filling.scope} and {filling.ttl} is not null",
        expires="cast(null as bigint)",
    )
    due, _ = means.link.attempt(one_row(statement, {}))
    tally.listed += due
    tally.counted["backfilled"] = due
