"""
Read what a row says, and derive another row's key from it.

Makes no call. What cannot be read is None, never a guess: a key that is derived wrongly names a
row that is not there, and that would look like a proof.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Self

from expiry.attributes import type_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from expiry.scanning import Row
    from expiry.statements import Key

HASH_KEY, SORT_KEY = "hash_key", "sort_key"  # in a template: the table's own, whatever their names
DEFAULT_SEPARATOR = ":"

_HOLE = re.compile(r"\{([^{}\[\]]+)(?:\[(\d+)(:)?\])?\}")


@dataclass(frozen=True, slots=True)
class Path:
    """An attribute, or a value inside one that holds JSON: ``data.expires_at``."""

    attribute: str
    inner: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str, json_attributes: Collection[str]) -> Self:
        """Split *text* at its dots only where it begins with one of *json_attributes*."""
        first, *inner = text.split(".")
        return cls(first, tuple(inner)) if inner and first in json_attributes else cls(text)


class Fields:
    """One row's values, by path; JSON is decoded once."""

    def __init__(
        self, row: Row, key_names: tuple[str, ...], json_attributes: Collection[str]
    ) -> None:
        """Decode nothing yet."""
        self.row = row
        self._key_names, self._json_attributes = key_names, json_attributes
        self._decoded: dict[str, Any] = {}

    def value(self, path: Path) -> Any:
        """Return text, a number, a truth value, a list or an object; None where there is none."""
        value = self._attribute(path.attribute)
        for name in path.inner:
            value = value.get(name) if isinstance(value, dict) else None
        return value

    def number(self, path: Path) -> Decimal | None:
        """Return a finite number above 0, None for anything else: 0 is nobody's moment."""
        value = self.value(path)
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            return None
        try:
            number = Decimal(value)
        except (InvalidOperation, ValueError):
            return None
        return number if number.is_finite() and number > 0 else None

    def text(self, path: Path) -> str | None:
        """Return text that is not empty, or a whole number as text; None for anything else."""
        value = self.value(path)
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return str(value)
        return value if isinstance(value, str) and value else None

    def key_text(self, which: str) -> str | None:
        """Return the hash or the sort key, where it is a String."""
        place = 0 if which == HASH_KEY else 1
        if place >= len(self._key_names):
            return None
        text: str | None = self.row.get(self._key_names[place], {}).get("S")
        return text

    def _attribute(self, name: str) -> Any:
        if name not in self._decoded:
            self._decoded[name] = self._decode(name)
        return self._decoded[name]

    def _decode(self, name: str) -> Any:
        typed = self.row.get(name)
        if not typed:
            return None
        kind = type_of(typed)
        if name in self._json_attributes:
            return _from_json(typed[kind]) if kind == "S" else None
        match kind:
            case "N":
                return Decimal(typed["N"])
            case "S" | "BOOL":
                return typed[kind]
        return None


@dataclass(frozen=True, slots=True)
class Template:
    """Text with holes: ``mcp_tokens:{sort_key[1:]}``, ``{data}``, ``{data.google_token_key}``."""

    pieces: tuple[str | Hole, ...]

    @classmethod
    def parse(cls, text: str, json_attributes: Collection[str], separator: str) -> Self:
        """
        Read a template.

        Raises:
            ValueError: A brace is no hole, or an attribute other than ``sort_key`` has an index.
        """
        pieces: list[str | Hole] = []
        end = 0
        for match in _HOLE.finditer(text):
            pieces.append(text[end : match.start()])
            pieces.append(Hole.parse(match, json_attributes, separator))
            end = match.end()
        pieces.append(text[end:])
        if any(isinstance(piece, str) and re.search(r"[{}]", piece) for piece in pieces):
            raise ValueError(f"{text!r} has a brace that is no {{attribute}} or {{sort_key[n:]}}")
        return cls(tuple(piece for piece in pieces if piece != ""))

    @property
    def attributes(self) -> frozenset[str]:
        """Return the attributes that have to be read to fill it, the keys left out."""
        return frozenset(
            piece.path.attribute
            for piece in self.pieces
            if isinstance(piece, Hole) and piece.path is not None
        )

    def fill(self, fields: Fields) -> str | None:
        """Return the text, None where a hole has nothing to fill it."""
        filled = [piece.fill(fields) if isinstance(piece, Hole) else piece for piece in self.pieces]
        return None if any(piece is None for piece in filled) else "".join(map(str, filled))


@dataclass(frozen=True, slots=True)
class Hole:
    """A place in a template: a value of the row, or parts of its sort key."""

    path: Path | None  # None: a key
    key: str = ""
    separator: str = DEFAULT_SEPARATOR
    first: int | None = None  # part of the sort key, counted from 0; None: the whole
    rest: bool = False  # that part and all behind it

    @classmethod
    def parse(cls, match: re.Match[str], json_attributes: Collection[str], separator: str) -> Self:
        """Read one hole."""
        name, index, rest = match.groups()
        if index is not None and name != SORT_KEY:
            raise ValueError(f"{match[0]} takes parts of something other than {SORT_KEY}")
        if name in {HASH_KEY, SORT_KEY}:
            first = None if index is None else int(index)
            return cls(None, name, separator, first, rest is not None)
        return cls(Path.parse(name, json_attributes))

    def fill(self, fields: Fields) -> str | None:
        """Return the text for it, None where there is none."""
        if self.path is not None:
            return fields.text(self.path)
        text = fields.key_text(self.key)
        if text is None or self.first is None:
            return text or None
        parts = text.split(self.separator)
        chosen = parts[self.first :] if self.rest else parts[self.first : self.first + 1]
        return self.separator.join(chosen) or None


@dataclass(frozen=True, slots=True)
class KeyTemplate:
    """How another row's key follows from a row, and what that row must say of itself."""

    hash_key: Template
    sort_key: Template
    where: Mapping[str, str]

    @property
    def attributes(self) -> frozenset[str]:
        """Return the attributes of the first row that the key follows from."""
        return self.hash_key.attributes | self.sort_key.attributes

    def key(self, fields: Fields, key_names: tuple[str, ...]) -> Key | None:
        """Return the other row's key, None where it cannot be told."""
        texts = (self.hash_key.fill(fields), self.sort_key.fill(fields))
        if None in texts:
            return None
        return {name: {"S": str(text)} for name, text in zip(key_names, texts, strict=True)}


def is_as(row: Row, where: Mapping[str, str]) -> bool:
    """Say whether *row* says of itself what it must: a composite key alone can collide."""
    return all(row.get(name, {}).get("S") == text for name, text in where.items())


def _from_json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
