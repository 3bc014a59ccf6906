"""
Parse the rules: where rows are, what proves that they are dead, and what goes with them.

Makes no call. Every fault of every rule is named at once; a key that is not known is one, because
a misspelt restriction would widen what is deleted. What is null counts as left out, as Terraform
writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from index_cleanup.proofs import Proof
from index_cleanup.templates import DEFAULT_SEPARATOR, KeyTemplate, Path, Template

if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT_GRACE_S = 3_600  # of index rows; expired rows say themselves when they end
LONGEST_S = 10 * 366 * 86_400


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
Refuse: TypeAlias = Callable[[str], None]


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


class Members:
    """
    One object of the rules' JSON, which remembers what was asked of it.

    What is wrong is told to ``refuse``; then a placeholder comes back, so that parsing goes on.
    """

    def __init__(
        self,
        body: object,
        lifetimes: Mapping[str, int],
        refuse: Refuse,
        outer: Members | None = None,
    ) -> None:
        """Read *body*; paths and templates in it are read as *outer* says."""
        self.refuse, self._lifetimes, self._asked = refuse, lifetimes, set[str]()
        if not isinstance(body, dict):
            refuse(f"must be an object, not {body!r}")
        entries = body if isinstance(body, dict) else {}
        self._body = {str(name): value for name, value in entries.items() if value is not None}
        self.json_attributes: frozenset[str] = (
            outer.json_attributes if outer else frozenset(self._list("json_attributes", str))
        )
        self.separator: str = (
            outer.separator if outer else self.text("separator", DEFAULT_SEPARATOR)
        )

    def refuse_unknown(self) -> None:
        """Refuse every member that nobody has asked for."""
        for name in self._body.keys() - self._asked:
            self.refuse(f"{name} is not known here; known: {', '.join(sorted(self._asked))}")

    def text(self, name: str, default: str) -> str:
        """Return text; where it is left out or empty, the *default*."""
        return self._typed(name, str, "", "text") or default

    def boolean(self, name: str, *, default: bool) -> bool:
        """Return a truth value."""
        value: bool = self._typed(name, bool, default, "true or false")
        return value

    def seconds(self, name: str, default: int) -> int:
        """Return whole seconds, or those of the lifetimes that are named; a list is summed."""
        value = self._get(name)
        if value is None:
            return default
        parts = value if isinstance(value, list) else [value]
        known = [self._lifetimes.get(part, -1) if isinstance(part, str) else part for part in parts]
        if not all(type(part) is int and 0 <= part <= LONGEST_S for part in known):
            names = ", ".join(self._lifetimes) or "none"
            self.refuse(f"{name} must be whole seconds or the name of a lifetime ({names})")
            return default
        return sum(known)

    def optional_seconds(self, name: str) -> int | None:
        """Return seconds, None where they are left out."""
        return None if self._get(name) is None else self.seconds(name, 0)

    def texts(self, name: str) -> dict[str, str]:
        """Return an object of texts."""
        found: dict[str, Any] = self._typed(name, dict, {}, "an object of texts")
        if not all(isinstance(text, str) for text in found.values()):
            self.refuse(f"{name} must be an object of texts")
            return {}
        return found

    def path(self, name: str) -> Path | None:
        """Return a path, None where it is left out."""
        text = self.text(name, "")
        return Path.parse(text, self.json_attributes) if text else None

    def proofs(self, name: str) -> tuple[Proof, ...]:
        """Return the proofs of a list."""
        return tuple(self._proof(members) for members in self._objects(name))

    def key_template(self, name: str) -> KeyTemplate:
        """Return how a key follows."""
        return self._key_template(self._object(name, self._get(name)))

    def key_templates(self, name: str) -> tuple[KeyTemplate, ...]:
        """Return how several keys follow."""
        return tuple(self._key_template(members) for members in self._objects(name))

    def _proof(self, members: Members) -> Proof:
        at = members.path("at")
        if at is None:
            members.refuse("at is missing: the attribute that holds the moment")
        wanted = members._typed("when", dict, {}, "an object of values")
        when = tuple(
            (Path.parse(path, self.json_attributes), _wanted(value))
            for path, value in wanted.items()
        )
        proof = Proof(at or Path("?"), members.seconds("plus_s", 0), when)
        members.refuse_unknown()
        return proof

    def _key_template(self, members: Members) -> KeyTemplate:
        found = KeyTemplate(
            members._template("hash_key"),
            members._template("sort_key"),
            members.texts("where"),
        )
        members.refuse_unknown()
        return found

    def _template(self, name: str) -> Template:
        text = self.text(name, "")
        if not text:
            self.refuse(f"{name} is missing: a template of the other row's key")
        try:
            return Template.parse(text, self.json_attributes, self.separator)
        except ValueError as error:
            self.refuse(f"{name}: {error}")
            return Template(())

    def _objects(self, name: str) -> Iterable[Members]:
        for place, value in enumerate(self._list(name, dict)):
            yield self._object(f"{name}[{place}]", value)

    def _object(self, name: str, value: object) -> Members:
        def refuse(problem: str) -> None:
            self.refuse(f"{name}: {problem}")

        return Members(value, self._lifetimes, refuse, self)

    def _list(self, name: str, kind: type) -> list[Any]:
        found: list[Any] = self._typed(name, list, [], "a list")
        if not all(isinstance(value, kind) for value in found):
            self.refuse(f"{name} must be a list of {kind.__name__}")
            return []
        return found

    def _typed(self, name: str, kind: type, default: Any, words: str) -> Any:
        value = self._get(name)
        if value is None:
            return default
        if not isinstance(value, kind):
            self.refuse(f"{name} must be {words}, not {value!r}")
            return default
        return value

    def _get(self, name: str) -> Any:
        self._asked.add(name)
        return self._body.get(name)


def _wanted(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
