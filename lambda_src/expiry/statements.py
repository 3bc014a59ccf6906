"""
Write conditional PartiQL: one row by its whole key, and what must still hold of it.

Makes no call. Every value goes as a parameter. Conditions are joined by AND and nothing else:
where there is a choice there are two statements, so that each says which case it is. A condition
can be written as an expression, too, for transactions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any, Self

from expiry.attributes import type_of

TEXTS = 256  # kept: a run has a handful of them, for thousands of statements

Value = Mapping[str, Any]
"""A typed value: ``{"S": "x"}``."""

Key = Mapping[str, Value]
"""A row's whole key: attribute name → typed value."""

Identity = tuple[Any, ...]
"""A key that can be hashed and compared: the same for the numbers ``1`` and ``1.0``."""


class Comparison(Enum):
    """What can be asked of an attribute: as PartiQL writes it, and as an expression does."""

    BELOW = ("{name} < ?", "{name} < {value}")
    EQUAL = ("{name} = ?", "{name} = {value}")
    OTHER = ("{name} <> ?", "(attribute_not_exists({name}) OR {name} <> {value})")
    MISSING = ("{name} IS MISSING", "attribute_not_exists({name})")
    PRESENT = ("{name} IS NOT MISSING", "attribute_exists({name})")

    def __init__(self, partiql: str, expression: str) -> None:
        """Keep both ways of writing it."""
        self.partiql, self.expression = partiql, expression


Term = tuple[str, Comparison]
"""What is asked of which attribute; the value, where there is one, is a parameter."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A condition as TransactWriteItems takes it; names and values go through placeholders."""

    text: str
    names: Mapping[str, str]
    values: Mapping[str, Value]

    def as_request(self) -> dict[str, Any]:
        """Return the members of a request; the service refuses an empty map of values."""
        values = {"ExpressionAttributeValues": dict(self.values)} if self.values else {}
        names = {"ExpressionAttributeNames": dict(self.names)}
        return {"ConditionExpression": self.text, **names, **values}


@dataclass(frozen=True, slots=True)
class Condition:
    """
    What must still hold of a row, for PartiQL (after its key) and for expressions alike.

    >>> (Condition.below("ttl", 100) & Condition.missing("expiryRun")).text
    '"ttl" < ? AND "expiryRun" IS MISSING'
    """

    terms: tuple[Term, ...]
    parameters: tuple[Value, ...] = ()  # of the terms that have one, in their order

    @classmethod
    def below(cls, name: str, number: int) -> Self:
        """Hold while *name* is a Number below *number*; no other type is, nor is its absence."""
        return cls(((name, Comparison.BELOW),), ({"N": str(number)},))

    @classmethod
    def equal(cls, name: str, value: Value) -> Self:
        """Hold while *name* is *value*."""
        return cls(((name, Comparison.EQUAL),), (value,))

    @classmethod
    def other_than(cls, name: str, value: Value) -> Self:
        """Hold while *name* is not *value*; its absence counts as other."""
        return cls(((name, Comparison.OTHER),), (value,))

    @classmethod
    def missing(cls, name: str) -> Self:
        """Hold while there is no attribute *name*."""
        return cls(((name, Comparison.MISSING),))

    @classmethod
    def present(cls, name: str) -> Self:
        """Hold while there is an attribute *name*, of whatever type."""
        return cls(((name, Comparison.PRESENT),))

    @classmethod
    def same(cls, name: str, value: Value | None) -> Self:
        """Hold while *name* is as it was read: *value*, or absent where that is None."""
        return cls.missing(name) if value is None else cls.equal(name, value)

    def __and__(self, other: Condition) -> Condition:
        """Hold while both do."""
        return Condition((*self.terms, *other.terms), (*self.parameters, *other.parameters))

    @property
    def text(self) -> str:
        """Return the condition in PartiQL; its parameters stand in the order of their places."""
        return _partiql(self.terms)

    def expression(self) -> Expression:
        """Return the condition as an expression, which every attribute's name fits."""
        text, names, places = _expression(self.terms)
        return Expression(text, names, dict(zip(places, self.parameters, strict=True)))


@dataclass(frozen=True, slots=True)
class Statement:
    """A conditional DELETE or UPDATE of one row."""

    text: str
    parameters: tuple[Value, ...]
    key: Key
    # By these values (None: absent) a row shows that this very statement was applied. They are
    # looked at only after a try whose end is not known, where the condition then fails.
    applied: Mapping[str, Value | None] = field(default_factory=dict)

    @property
    def deletes(self) -> bool:
        """Say whether this removes the row."""
        return self.text.startswith("DELETE")

    def shown_by(self, row: Mapping[str, Value]) -> bool:
        """Say whether *row* is as this statement leaves it."""
        return bool(self.applied) and all(
            comparable(row.get(name)) == comparable(value) for name, value in self.applied.items()
        )


def deletion(table: str, key: Key, condition: Condition) -> Statement:
    """Delete the row of *key* while *condition* holds; the answer has the row that went."""
    text = _deletion(table, tuple(key), condition.text)
    return Statement(text, (*key.values(), *condition.parameters), key)


def update(
    table: str,
    key: Key,
    condition: Condition,
    *,
    put: Mapping[str, Value],
    remove: Sequence[str] = (),
) -> Statement:
    """Set and remove attributes of the row of *key* while *condition* holds; never make a row."""
    text = _update(table, tuple(key), condition.text, tuple(put), tuple(remove))
    parameters = (*put.values(), *key.values(), *condition.parameters)
    return Statement(text, parameters, key, {**put, **dict.fromkeys(remove)})


def identity(key: Key, names: Sequence[str]) -> Identity:
    """Return what tells *key* from others; *key* may be a whole row."""
    return tuple(comparable(key[name]) for name in names)


def comparable(value: Value | None) -> Any:
    """Return a value that equals another's when DynamoDB holds the two for the same."""
    if value is None:
        return None
    kind = type_of(value)
    if kind == "N":
        return kind, Decimal(value["N"])
    return kind, bytes(value["B"]) if kind == "B" else value[kind]


@lru_cache(maxsize=TEXTS)
def quoted(name: str) -> str:
    """Return *name* as a PartiQL identifier."""
    return '"' + name.replace('"', '""') + '"'


@lru_cache(maxsize=TEXTS)
def faults(text: str, table: str, key_names: tuple[str, ...]) -> str:
    """Say why *text* must not be sent, "" where it may: no delete without a condition, ever."""
    found = re.fullmatch(
        r"(?:(?P<delete>DELETE FROM)|UPDATE) (?P<table>\S+) .*?\bWHERE (?P<where>.+?)"
        r"(?P<returning> RETURNING ALL OLD \*)?",
        text,
        re.DOTALL,
    )
    if found is None:
        return "is neither DELETE FROM … WHERE … nor UPDATE … WHERE …"
    if found["table"] != quoted(table):
        return f"is not on {quoted(table)}"
    terms = [re.sub(r"\s+", "", term) for term in re.split(r"\bAND\b", found["where"])]
    keys = {f"{quoted(name)}=?" for name in key_names}
    if not keys <= set(terms):
        return f"does not name the whole key {', '.join(key_names)}"
    if set(terms) == keys:
        return "has no condition beyond its key"
    if found["delete"] and not found["returning"]:
        return "does not say RETURNING ALL OLD *, so a row deleted and a row gone look the same"
    return ""


@lru_cache(maxsize=TEXTS)
def _partiql(terms: tuple[Term, ...]) -> str:
    return " AND ".join(test.partiql.format(name=quoted(name)) for name, test in terms)


@lru_cache(maxsize=TEXTS)
def _expression(terms: tuple[Term, ...]) -> tuple[str, dict[str, str], tuple[str, ...]]:
    """Return the text, what its names stand for, and its values' places in their order."""
    places = {name: f"#c{n}" for n, name in enumerate(dict.fromkeys(name for name, _ in terms))}
    texts: list[str] = []
    values: list[str] = []
    for name, test in terms:
        value = f":c{len(values)}"
        texts.append(test.expression.format(name=places[name], value=value))
        if "{value}" in test.expression:
            values.append(value)
    return " AND ".join(texts), {place: name for name, place in places.items()}, tuple(values)


@lru_cache(maxsize=TEXTS)
def _deletion(table: str, key: tuple[str, ...], condition: str) -> str:
    where = f"WHERE {_matches(key)} AND {condition}"
    return f"DELETE FROM {quoted(table)} {where} RETURNING ALL OLD *"  # noqa: S608 - names quoted


@lru_cache(maxsize=TEXTS)
def _update(
    table: str, key: tuple[str, ...], condition: str, put: tuple[str, ...], remove: tuple[str, ...]
) -> str:
    changes = [f"SET {quoted(name)}=?" for name in put]
    changes += [f"REMOVE {quoted(name)}" for name in remove]
    where = f"WHERE {_matches(key)} AND {condition}"
    return f"UPDATE {quoted(table)} {' '.join(changes)} {where} RETURNING ALL OLD *"


def _matches(key: Sequence[str]) -> str:
    return " AND ".join(f"{quoted(name)}=?" for name in key)
