"""
Read one object of the rules' JSON: what is asked for, of the kind that it must be.

Makes no call. What is null counts as left out, as Terraform writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from index_cleanup.proofs import Proof
from index_cleanup.templates import DEFAULT_SEPARATOR, KeyTemplate, Path, Template

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_S = 10 * 366 * 86_400

Refuse: TypeAlias = Callable[[str], None]
"""Takes one fault as text."""


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
