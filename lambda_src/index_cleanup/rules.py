"""
Parse the rules: where rows are, what proves that they are dead, and what goes with them.

Makes no call. Every fault of every rule is named at once; a key that is not known is one, because
a misspelt restriction would widen what is deleted. What is null counts as left out, as Terraform
writes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from index_cleanup.members import Members, Refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from index_cleanup.proofs import Proof
    from index_cleanup.templates import KeyTemplate, Path

DEFAULT_GRACE_S = 3_600  # of index rows; expired rows say themselves when they end


@dataclass(frozen=True, slots=True)
class Scope:
    """Which rows a rule is about."""

    partition: str
    sort_prefix: str  # empty: the entire partition, and the rule says so
    where: Mapping[str, str]  # attribute → text, of every row read: the composite key can collide
    json_attributes: frozenset[str]
    separator: str
    secret_key: bool  # the sort key is a secret: logs show its hash


@dataclass(frozen=True, slots=True)
class OrphanRule:
    """Index rows that go when their target is gone, and with a target that has expired."""

    name: str
    scope: Scope
    target: KeyTemplate
    target_written_first: bool  # so that a target once absent stays absent
    grace_s: int
    created_at: Path | None
    target_expired: tuple[Proof, ...]
    target_linked: tuple[KeyTemplate, ...]
    counts_as: str
    target_ttl_from: tuple[Proof, ...]  # for a backfill: the first that speaks
    ttl_after_target_s: int | None  # for a backfill: an index row's TTL follows its target's

    @property
    def attributes(self) -> tuple[str, ...]:
        """Return what is read of an index row, keys and TTL left out."""
        created = {self.created_at.attribute} if self.created_at else set()
        return tuple(sorted({*self.scope.where, *self.target.attributes, *created}))

    @property
    def target_attributes(self) -> tuple[str, ...]:
        """Return what is read of a target, keys and TTL left out."""
        proofs = {name for proof in self.target_expired for name in proof.attributes}
        links = {name for linked in self.target_linked for name in linked.attributes}
        return tuple(sorted({*self.target.where, *proofs, *links}))


@dataclass(frozen=True, slots=True)
class ExpiredRule:
    """Rows whose own value says when they end, and what goes with them."""

    name: str
    scope: Scope
    expires: tuple[Proof, ...]  # any of them
    linked: tuple[KeyTemplate, ...]
    grace_s: int
    counts_as: str
    ttl_from: tuple[Proof, ...]  # for a backfill: the first that speaks

    @property
    def attributes(self) -> tuple[str, ...]:
        """Return what is read of a row, keys and TTL left out."""
        proofs = {name for proof in self.expires for name in proof.attributes}
        links = {name for linked in self.linked for name in linked.attributes}
        return tuple(sorted({*self.scope.where, *proofs, *links}))


Rule: TypeAlias = OrphanRule | ExpiredRule


def parse_rules(raw: object, lifetimes: Mapping[str, int], refuse: Refuse) -> dict[str, Rule]:
    """
    Return the rules by name; *refuse* is told every fault, and the faulty rules are left out.

    Args:
        raw: Rule name → rule, as JSON has it.
        lifetimes: Names that a ``plus_s`` may use in place of a number, with their seconds.
        refuse: Takes one fault as text.
    """
    if not isinstance(raw, dict) or not raw:
        refuse("RULES must be a JSON object of rule name to rule, with at least one rule")
        return {}
    rules = {}
    for name, body in raw.items():
        problems: list[str] = []
        rule = _rule(name, Members(body, lifetimes, problems.append))
        for problem in problems:
            refuse(f"rule {name}: {problem}")
        if rule is not None and not problems:
            rules[name] = rule
    return rules


def _rule(name: str, members: Members) -> Rule | None:
    match members.text("kind", ""):
        case "orphan":
            rule: Rule = _orphan(name, members)
        case "expired":
            rule = _expired(name, members)
        case _:
            members.refuse("kind must be orphan or expired")
            return None
    members.refuse_unknown()
    return rule


def _scope(members: Members) -> Scope:
    scope = Scope(
        partition=members.text("partition", ""),
        sort_prefix=members.text("sort_prefix", ""),
        where=members.texts("where"),
        json_attributes=members.json_attributes,
        separator=members.separator,
        secret_key=members.boolean("secret_key", default=False),
    )
    if not scope.partition:
        members.refuse("partition is missing")
    if members.boolean("entire_partition", default=False) == bool(scope.sort_prefix):
        members.refuse("needs sort_prefix, or else entire_partition = true; never both")
    return scope


def _orphan(name: str, members: Members) -> OrphanRule:
    rule = OrphanRule(
        name=name,
        scope=_scope(members),
        target=members.key_template("target"),
        target_written_first=members.boolean("target_written_first", default=False),
        grace_s=members.seconds("grace_s", DEFAULT_GRACE_S),
        created_at=members.path("created_at"),
        target_expired=members.proofs("target_expired"),
        target_linked=members.key_templates("target_linked"),
        counts_as=members.text("counts_as", name),
        target_ttl_from=members.proofs("target_ttl_from"),
        ttl_after_target_s=members.optional_seconds("ttl_after_target_s"),
    )
    if rule.grace_s and rule.created_at is None:
        members.refuse("grace_s needs created_at, which says how old an index row is; or set it 0")
    return rule


def _expired(name: str, members: Members) -> ExpiredRule:
    rule = ExpiredRule(
        name=name,
        scope=_scope(members),
        expires=members.proofs("expires"),
        linked=members.key_templates("linked"),
        grace_s=members.seconds("grace_s", 0),
        counts_as=members.text("counts_as", name),
        ttl_from=members.proofs("ttl_from"),
    )
    if not rule.expires:
        members.refuse("expires is missing: the values that prove that a row has expired")
    return rule
