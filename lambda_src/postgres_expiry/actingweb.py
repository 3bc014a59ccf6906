"""
ActingWeb's own rules on its table ``attributes``, in SQL: sessions, SPA and MCP tokens, index rows.

An index row points at a token of an actor. A token that has died goes with the provider's row that
it owns and with its index row; an index row whose token is gone goes alone. ActingWeb writes a
token before its index row, so that a token once absent stays absent. What has no expiry that can
be read is kept, and counted. Names of rows are bearer tokens: none is ever logged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from expiry.errors import CapExceededError, MismatchError
from postgres_expiry.deletion import Batch, Work, one_row, walk
from postgres_expiry.lifetimes import REUSE_S, Lifetimes
from postgres_expiry.predicates import CUTOFF, Doomed, Order, rendered

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from postgres_expiry.deletion import Means, Tally
    from postgres_expiry.preflight import Target

PARTITION = "'_actingweb_oauth2'"
KEY = ("id", "bucket_name")
LINK_FIELD = "google_token_key"  # of a token: the name of the row that it owns
COLUMNS = {
    "id": ("character varying", "text"),
    "bucket_name": ("character varying", "text"),
    "bucket": ("character varying", "text"),
    "name": ("character varying", "text"),
    "data": ("jsonb",),
    "ttl_timestamp": ("bigint", "integer", "numeric"),
}
ROWS_OF_ENTRY = 3  # an index row, its token, the provider's row of that
LEAST_JUDGED = 100  # index rows: of fewer, that all are orphans proves no wrong table


@dataclass(frozen=True, slots=True)
class IndexRule:
    """Index rows, and what they point at."""

    name: str
    index_bucket: str
    target_bucket: str
    counts_as: str
    linked_bucket: str = ""  # of rows that a target owns; none has an empty bucket
    reused: bool = False  # a used one is held for two days only


@dataclass(frozen=True, slots=True)
class ExpiredRule:
    """Rows of the system's partition that say themselves when they end."""

    name: str
    bucket: str
    field: str  # of the JSON in ``data``
    plus_s: int
    counts_as: str


INDEX_RULES = (
    IndexRule(
        "mcp_access_tokens",
        "_access_token_index",
        "mcp_tokens",
        "access_tokens",
        linked_bucket="mcp_google_tokens",
    ),
    IndexRule(
        "mcp_refresh_tokens",
        "_refresh_token_index",
        "mcp_refresh_tokens",
        "refresh_tokens",
        reused=True,
    ),
    IndexRule(
        "mcp_auth_codes",
        "_auth_code_index",
        "mcp_auth_codes",
        "auth_codes",
        linked_bucket="mcp_google_tokens",
    ),
)


def expired_rules(lifetimes: Lifetimes) -> tuple[ExpiredRule, ...]:
    """Return the rules of rows that carry their own proof."""
    return (
        ExpiredRule(
            "oauth_sessions",
            "_oauth_sessions",
            "created_at",
            lifetimes.oauth_session_s,
            "oauth_sessions",
        ),
        ExpiredRule("spa_access_tokens", "spa_access_tokens", "expires_at", 0, "spa_tokens"),
        ExpiredRule("spa_refresh_tokens", "spa_refresh_tokens", "expires_at", 0, "spa_tokens"),
    )


RULE_NAMES = (
    *(rule.name for rule in INDEX_RULES),
    *(rule.name for rule in expired_rules(Lifetimes())),
)


def check(target: Target) -> None:
    """
    See that the table is ActingWeb's.

    Raises:
        MismatchError: A column is missing, or of another type, or the key is another.
    """
    facts = target.facts
    problems = [
        f"{name} is {facts.columns[name].type if name in facts.columns else 'missing'},"
        f" and must be {' or '.join(kinds)}"
        for name, kinds in COLUMNS.items()
        if name not in facts.columns or facts.columns[name].type.partition("(")[0] not in kinds
    ]
    if facts.primary_key != KEY:
        problems.append(f"the primary key is {', '.join(facts.primary_key)}, not {', '.join(KEY)}")
    if problems:
        raise MismatchError(
            f"preflight, nothing was deleted: {facts.relation} is not ActingWeb's table:"
            f" {'; '.join(problems)}"
        )


def number(data: str, field: str) -> str:
    """Write a number of JSON as SQL; null where it is none, or no time that can be."""
    return f"({rendered('json_number', data=data, field=field)})"


def literal(text: str) -> str:
    """Write a text of this file for SQL."""
    return "'" + text.replace("'", "''") + "'"


class Cleanup:
    """The preset's rules on one table; nothing else here runs a statement."""

    def __init__(self, target: Target, lifetimes: Lifetimes, *, dry_run: bool) -> None:
        """Take the table, which ``check`` has seen."""
        self._target, self._lifetimes, self._dry_run = target, lifetimes, dry_run
        self._table = target.facts.relation.sql

    def expired(self, rule: ExpiredRule) -> Doomed:
        """Write the rows of *rule* that are due."""
        mine = f"id = {PARTITION} and bucket = {literal(rule.bucket)}"
        ends = f"{number('data', rule.field)} + {rule.plus_s}"
        return Doomed(
            relation=self._target.facts.relation,
            due=(
                f"{mine} and (coalesce(ttl_timestamp < {CUTOFF}, false)"
                f" or coalesce({ends} < {CUTOFF}, false))"
            ),
            order=self.order,
        )

    def count_unknown(self, means: Means, rule: ExpiredRule) -> int:
        """Count the rows of *rule* that say nowhere when they end."""
        due = (
            f"id = {PARTITION} and bucket = {literal(rule.bucket)}"
            f" and ttl_timestamp is null and {number('data', rule.field)} is null"
        )
        statement = self.expired(rule).count(due)
        unknown, _ = means.link.attempt(one_row(statement, {}))
        return int(unknown)

    @property
    def order(self) -> Order:
        """Return the primary key as the order of batches."""
        columns = self._target.facts.columns
        return Order(KEY, tuple(columns[name].type for name in KEY))

    def sweep(self, means: Means, rule: IndexRule, tally: Tally, batch_size: int) -> None:
        """
        Remove what *rule* finds; a dry run only counts.

        Raises:
            CapExceededError: Not one target is there, though there are many index rows.
            DatabaseError: A batch failed for good.
        """
        found = self._judged(means, rule)
        orphans, dead = found["absent"] + found["stale"], found["dead"]
        tally.unknown += found["unknown"] + found["unreadable"]
        if self._dry_run:
            tally.listed += orphans + dead
            tally.would_delete += orphans + dead
            tally.counted = {"index_entries": orphans, rule.counts_as: dead}
            return
        tally.counted = {"index_entries": 0, rule.counts_as: 0}
        if orphans + dead:
            self._delete(means, rule, tally, batch_size)

    def _judged(self, means: Means, rule: IndexRule) -> Mapping[str, int]:
        names = ("listed", "with_target", "absent", "stale", "dead", "unknown", "unreadable")
        values = self.values(rule, after="", limit="")
        row = means.link.attempt(
            one_row(rendered("count_index", **values), {"cutoff": means.cutoff})
        )
        found = dict(zip(names, (int(count) for count in row), strict=True))
        if found["listed"] > LEAST_JUDGED and not found["with_target"]:
            reason = (
                f"rule {rule.name}: no index row has a target; correct the table, or look whether"
                " the targets were deleted by mistake"
            )
            raise CapExceededError(found["listed"], 0, reason)
        return found

    def _delete(self, means: Means, rule: IndexRule, tally: Tally, batch_size: int) -> None:
        first = rendered("delete_index_batch", **self.values(rule, after="", limit=LIMIT))
        after = "and entry.bucket_name > cast(:after_0 as text)"
        further = rendered("delete_index_batch", **self.values(rule, after=after, limit=LIMIT))

        def ask(rows: int, cursor: Mapping[str, str]) -> Batch:
            entries_wanted = max(1, rows // ROWS_OF_ENTRY)
            parameters = {"cutoff": means.cutoff, "batch_size": entries_wanted, **cursor}
            work = one_row(further if cursor else first, parameters)
            answer = means.link.attempt(work, writes=True)
            listed, candidates, targets, links, entries, orphaned, expired, last = answer
            tally.listed += candidates
            tally.deleted += entries
            tally.changed += candidates - entries
            tally.counted["index_entries"] += orphaned
            tally.counted[rule.counts_as] += expired
            gone = targets + links + entries
            tally.rows += gone
            return Batch(listed == entries_wanted, gone, {"after_0": last})

        walk(means, batch_size, tally, Work(ask, least=ROWS_OF_ENTRY))

    def values(self, rule: IndexRule, *, after: str, limit: str) -> dict[str, str]:
        """Fill the templates of index rows."""
        expires = number("target.data", "expires_at")
        dead = f"{expires} < {CUTOFF}"
        if rule.reused:
            used = number("target.data", "used_at")
            dead = f"{dead} or target.data -> 'used' = 'true' and {used} + {REUSE_S} < {CUTOFF}"
        values = {
            "table": self._table,
            "partition": PARTITION,
            "index_bucket": literal(rule.index_bucket),
            "target_bucket": literal(rule.target_bucket),
            "linked_bucket": literal(rule.linked_bucket),
            "link_field": literal(LINK_FIELD),
            "target_dead": f"({dead})",
            "target_known": f"({expires} is not null or target.ttl_timestamp is not null)",
            "cutoff": CUTOFF,
            "after": after,
            "limit": limit,
        }
        return values | {"index_page": rendered("index_page", **values)}


LIMIT = "limit cast(:batch_size as bigint)"


def counts(tallies: Mapping[str, Tally], lifetimes: Lifetimes) -> dict[str, object]:
    """Return the result in the shape that ActingWeb's own cleanup has."""
    mcp = {"access_tokens": 0, "refresh_tokens": 0, "auth_codes": 0, "index_entries": 0}
    flat = {"oauth_sessions": 0, "spa_tokens": 0}
    for word, count in _counted(tallies, lifetimes):
        if word in mcp:
            mcp[word] += count
        else:
            flat[word] += count
    return {**flat, "mcp_tokens": mcp}


def _counted(tallies: Mapping[str, Tally], lifetimes: Lifetimes) -> Iterator[tuple[str, int]]:
    for index_rule in INDEX_RULES:
        if index_rule.name in tallies:
            yield from tallies[index_rule.name].counted.items()
    for rule in expired_rules(lifetimes):
        if rule.name in tallies:
            tally = tallies[rule.name]
            yield rule.counts_as, tally.deleted + tally.would_delete
