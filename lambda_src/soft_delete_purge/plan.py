"""
Say what goes with a record: what is given back, what was shared, which files are its own.

Makes no call. What is written here comes from configuration, so nothing of it is ever SQL: names
are quoted, and values travel as parameters. The tables' own facts come later: see ``preflight``.

    {"root": {"table": "mocs", "key": "id", "deleted_at": "deleted_at"},
     "release": {"bricks": {"table": "parts", "set": {"list_id": null, "status": "available"},
       "path": [{"column": "list_id", "references": "lists.id"},
                {"column": "moc_id", "references": "root"}]}}}
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from expiry.entries import Entry, is_identifier
from expiry.errors import SettingsError
from expiry.postgres.conditions import Condition, Value
from expiry.postgres.names import Relation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = "root"
SHARED = "shared:"
SCHEMA = "public"
NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,47}")
PARTS = (2, 3)  # of table.column, of schema.table.column


@dataclass(frozen=True, slots=True)
class Root:
    """The records: soft-deleted once *deleted_at* is set; one on *hold* is never purged."""

    relation: Relation
    key: str
    deleted_at: str
    hold: str | None = None  # on hold: true; where the column is no boolean, not null
    where: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Hop:
    """A step towards the root: *column* holds what *to_column* of *to* is."""

    column: str
    to: Relation
    to_column: str


@dataclass(frozen=True, slots=True)
class Branch:
    """A table whose rows hang on a record, and the steps from it to the root."""

    relation: Relation
    hops: tuple[Hop, ...]


@dataclass(frozen=True, slots=True)
class Release:
    """Rows that a record only borrowed: they are given back before anything is deleted."""

    name: str
    branch: Branch
    values: Mapping[str, Value | None]  # what is set
    allow_unlocked: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """The table by which records share rows."""

    relation: Relation
    root_column: str
    shared_column: str


@dataclass(frozen=True, slots=True)
class Reference:
    """Another column that may refer to a shared row."""

    relation: Relation
    column: str


@dataclass(frozen=True, slots=True)
class Shared:
    """Rows that go with the last of all that refers to them."""

    name: str
    relation: Relation
    key: str
    link: Link
    references: tuple[Reference, ...] = ()
    own_columns: tuple[str, ...] = ()  # not null: it is in use
    allow_unlocked: bool = False


@dataclass(frozen=True, slots=True)
class Files:
    """Where the key, or with *url_prefix* the URL, of an object in S3 is written."""

    name: str
    column: str
    relation: Relation
    branch: Branch | None = None  # rows that hang on the record; None: the record's own, or…
    shared: str | None = None  # …those of a shared row, by its name in the plan
    url_prefix: str | None = None
    key_prefix: str = ""  # keys outside of it are not ours
    allow_unlocked: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What a purge removes, and what it gives back."""

    root: Root
    release: tuple[Release, ...] = ()
    shared: tuple[Shared, ...] = ()
    files: tuple[Files, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Read ``PLAN``.

        Raises:
            SettingsError: It is no plan; all that is wrong is named.
        """
        try:
            value = json.loads(text)
        except ValueError as error:
            raise SettingsError([f"PLAN is no JSON: {error}"]) from None
        faults: list[str] = []
        entry = Entry(value, "PLAN", ("root", "release", "shared", "objects"), faults)
        root = _root(entry.get("root"), faults)
        reader = _Reader(root, faults)
        shared = tuple(reader.each(entry, "shared", reader.shared))
        release = tuple(reader.each(entry, "release", reader.release))
        reader.known = {each.name: each.relation for each in shared}
        files = tuple(reader.each(entry, "objects", reader.files))
        if faults:
            raise SettingsError(faults)
        return cls(root, release, shared, files)


def _relation(entry: Entry) -> Relation:
    return Relation(entry.identifier("schema", SCHEMA), entry.identifier("table"))


def _root(value: object, faults: list[str]) -> Root:
    known = ("schema", "table", "key", "deleted_at", "hold", "where")
    entry = Entry(value, "PLAN.root", known, faults)
    return Root(
        relation=_relation(entry),
        key=entry.identifier("key"),
        deleted_at=entry.identifier("deleted_at"),
        hold=entry.optional_identifier("hold"),
        where=tuple(
            Condition.parse(each, "PLAN.root.where", faults) for each in entry.items("where")
        ),
    )


class _Reader:
    """Reads what hangs on one root."""

    def __init__(self, root: Root, faults: list[str]) -> None:
        self.root, self.faults = root, faults
        self.known: dict[str, Relation] = {}

    def each(self, plan: Entry, key: str, read: Callable[[str, object, str], Any]) -> list[Any]:
        found = plan.named(key)
        for name in found:
            if NAME.fullmatch(name) is None:
                plan.fault(key, f"has the name {name!r}, which must match {NAME.pattern}")
        return [read(name, value, f"PLAN.{key}.{name}") for name, value in found.items()]

    def release(self, name: str, value: object, what: str) -> Release:
        known = ("schema", "table", "path", "set", "allow_unlocked")
        entry = Entry(value, what, known, self.faults)
        values = entry.named("set")
        if not values:
            entry.fault("set", "must say which columns become what")
        for column, operand in values.items():
            if not is_identifier(column) or not isinstance(operand, Value | None):
                entry.fault("set", f"must map columns to values, not {column!r} to {operand!r}")
        return Release(name, self._branch(entry), values, entry.boolean("allow_unlocked"))

    def shared(self, name: str, value: object, what: str) -> Shared:
        known = ("schema", "table", "key", "link", "also_referenced_by", "allow_unlocked")
        entry = Entry(value, what, known, self.faults)
        linking = ("schema", "table", "root_column", "shared_column")
        link = Entry(entry.get("link"), f"{what}.link", linking, self.faults)
        references, own = [], []
        columns = ("schema", "table", "column", "own_column_not_null")
        for each in entry.items("also_referenced_by"):
            other = Entry(each, f"{what}.also_referenced_by", columns, self.faults)
            if "own_column_not_null" not in other:
                references.append(Reference(_relation(other), other.identifier("column")))
                continue
            own.append(other.identifier("own_column_not_null"))
            if "table" in other or "column" in other:
                other.fault("own_column_not_null", "needs no table and no column beside it")
        return Shared(
            name=name,
            relation=_relation(entry),
            key=entry.identifier("key"),
            link=Link(
                _relation(link), link.identifier("root_column"), link.identifier("shared_column")
            ),
            references=tuple(references),
            own_columns=tuple(own),
            allow_unlocked=entry.boolean("allow_unlocked"),
        )

    def files(self, name: str, value: object, what: str) -> Files:
        known = ("of", "column", "url_prefix", "key_prefix", "allow_unlocked")
        entry = Entry(value, what, known, self.faults)
        of = entry.get("of")
        relation, branch, shared = self.root.relation, None, None
        if isinstance(of, str) and of.startswith(SHARED):
            shared = of.removeprefix(SHARED)
            relation = self.known.get(shared, relation)
            if shared not in self.known:
                entry.fault("of", f"names {shared!r}, which PLAN.shared does not have")
        elif of != ROOT:
            branch = self._branch(Entry(of, f"{what}.of", ("schema", "table", "path"), self.faults))
            relation = branch.relation
        url_prefix = entry.text("url_prefix") if "url_prefix" in entry else None
        if url_prefix is not None and not url_prefix.endswith("/"):
            entry.fault("url_prefix", f"must end with a slash, not {url_prefix!r}")
        return Files(
            name=name,
            column=entry.identifier("column"),
            relation=relation,
            branch=branch,
            shared=shared,
            url_prefix=url_prefix,
            key_prefix=entry.text("key_prefix"),
            allow_unlocked=entry.boolean("allow_unlocked"),
        )

    def _branch(self, entry: Entry) -> Branch:
        relation = _relation(entry)
        hops = [self._hop(each, f"{entry.what}.path") for each in entry.items("path")]
        end = (self.root.relation, self.root.key)
        if not hops or (hops[-1].to, hops[-1].to_column) != end:
            entry.fault("path", "must end at the root: its last step references root")
        if self.root.relation in {relation, *(hop.to for hop in hops[:-1])}:
            entry.fault("path", "must meet the root at its end only")
        return Branch(relation, tuple(hops))

    def _hop(self, value: object, what: str) -> Hop:
        entry = Entry(value, what, ("column", "references"), self.faults)
        column, target = entry.identifier("column"), entry.get("references")
        if target == ROOT:
            return Hop(column, self.root.relation, self.root.key)
        if isinstance(target, str) and len(parts := target.split(".")) in PARTS:
            *schema, table, to_column = parts
            target = {"schema": (*schema, SCHEMA)[0], "table": table, "column": to_column}
        known = ("schema", "table", "column")
        to = Entry(target, f"{what}.references", known, self.faults)
        return Hop(column, _relation(to), to.identifier("column"))
