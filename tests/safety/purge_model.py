"""
What a purge leaves behind, worked out slowly and plainly on dictionaries.

A database is tables of rows by key. A purge is done on a copy of it, row by row, and a foreign key
does what PostgreSQL's does: the rows go first, then each reference to them is dealt with, one
after the other, in the order in which the keys were made. Nothing here knows SQL, and nothing is
shared with the purge itself. A transaction is whole or nothing: :class:`BlockedError` undoes it.
"""

from __future__ import annotations

from collections import Counter, deque
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

Row = dict[str, Any]
Tables = dict[str, dict[int, Row]]  # by name, then by key

CASCADE, SET_NULL = "CASCADE", "SET NULL"
NO_ACTION, RESTRICT = "NO ACTION", "RESTRICT"
AT_COMMIT = "NO ACTION DEFERRABLE INITIALLY DEFERRED"

DELETED, GONE, CHANGED = "deleted", "gone", "changed"
BLOCKED = "blocked"  # something refers to it: it stays as it is


class BlockedError(Exception):
    """A row still refers to what was to go."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key: *column* of *table* holds the key of a row of *to*."""

    table: str
    column: str
    to: str
    action: str


Steps = tuple[tuple[str, str], ...]
"""How rows hang on a record: the table and its column, from the rows up to the record."""


@dataclass(frozen=True, slots=True)
class Given:
    """Rows that are given back, and what is set on them."""

    name: str
    steps: Steps
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where keys of objects are written: on records, on rows below them, or on shared rows."""

    name: str
    table: str
    column: str
    steps: Steps = ()
    url_prefix: str = ""
    key_prefix: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """A schema's foreign keys, in the order in which they were made, and a plan for its tables."""

    references: tuple[Reference, ...]
    root: str
    given: tuple[Given, ...]
    shared: str
    link: tuple[str, str, str]  # the table, its column for the record, that for the shared row
    also: tuple[tuple[str, str], ...]  # other columns that refer to a shared row
    own: tuple[str, ...]  # columns of a shared row that keep it while they are not null
    places: tuple[Place, ...]


@dataclass(slots=True)
class Ended:
    """What a purge leaves, and what it says of it."""

    tables: Tables
    outcomes: dict[int, str] = field(default_factory=dict)
    children: dict[int, Counter[str]] = field(default_factory=dict)  # rows that went along
    released: Counter[str] = field(default_factory=Counter)  # rows by the plan's names
    shared: int = 0  # rows that went
    doomed: set[str] = field(default_factory=set)  # keys that nobody may need any more
    deleted: set[str] = field(default_factory=set)  # objects that went


def purge(
    rules: Rules,
    tables: Tables,
    bucket: Collection[str],
    keys: Sequence[int],
    *,
    batch: bool = False,
) -> Ended:
    """
    Purge the records *keys*, one after the other or together; then the objects nobody names.

    A record is due where its column ``due`` is true and ``held`` is not.
    """
    ended = Ended(deepcopy(tables))
    for together in [list(keys)] if batch else [[key] for key in keys]:
        _halved(rules, ended, together)
    ended.deleted = ended.doomed & set(bucket) - set(names(rules, ended.tables))
    return ended


def names(rules: Rules, tables: Tables) -> Iterator[str]:
    """Return the keys that any row names."""
    for place in rules.places:
        for row in tables[place.table].values():
            if (key := key_in(place, row)) is not None:
                yield key


def key_in(place: Place, row: Row, *, ours: bool = False) -> str | None:
    """Return the key that *row* names; where only *ours* count, one that the plan covers."""
    key = row[place.column]
    if key is None:
        return None
    if place.url_prefix:
        path = key.split("?")[0].split("#")[0]
        if not path.startswith(place.url_prefix):
            return None
        try:
            key = unquote(path.removeprefix(place.url_prefix), errors="strict")
        except UnicodeDecodeError:
            return None
    if not key or key.startswith("/") or (ours and not key.startswith(place.key_prefix)):
        return None
    return str(key)


def _halved(rules: Rules, ended: Ended, keys: list[int]) -> None:
    """Purge *keys* in one transaction; where that is blocked, each half in one of its own."""
    try:
        _transaction(rules, ended, keys)
    except BlockedError:
        if len(keys) == 1:
            ended.outcomes[keys[0]] = BLOCKED
            return
        middle = len(keys) // 2
        _halved(rules, ended, keys[:middle])
        _halved(rules, ended, keys[middle:])


def _transaction(rules: Rules, ended: Ended, keys: list[int]) -> None:
    tables = deepcopy(ended.tables)
    records = tables[rules.root]
    roots = [key for key in keys if key in records and is_due(records[key])]
    doomed = _named_by(rules, tables, roots)
    released = _give_back(rules, tables, roots)
    table, of_record, of_shared = rules.link
    links = tables[table].values()
    linked = {link[of_shared] for link in links if link[of_record] in roots} - {None}
    before = {name: set(rows) for name, rows in tables.items()}
    delete(rules.references, tables, rules.root, roots)
    went = Counter(
        {name: len(before[name] - set(rows)) for name, rows in tables.items() if name != rules.root}
    )
    unused = [key for key in sorted(linked) if not _is_used(rules, tables, key)]
    doomed |= _named_in(rules, tables, rules.shared, unused)
    delete(rules.references, tables, rules.shared, unused)
    _check_at_commit(rules.references, tables)
    for key in keys:
        changed = CHANGED if key in ended.tables[rules.root] else GONE
        ended.outcomes[key] = DELETED if key in roots else changed
    if len(roots) == 1:
        ended.children[roots[0]] = +went
    ended.tables = tables
    ended.released += released
    ended.shared += len(unused)
    ended.doomed |= doomed


def is_due(record: Row) -> bool:
    """Say whether a record is to be purged."""
    return bool(record["due"]) and not record["held"]


def _named_by(rules: Rules, tables: Tables, roots: Collection[int]) -> set[str]:
    """Return the keys that records and the rows on the plan's paths name."""
    below = {
        key_in(place, row, ours=True)
        for place in rules.places
        if place.steps
        for row in _below(tables, place.steps, roots)
    }
    return _named_in(rules, tables, rules.root, roots) | {key for key in below if key is not None}


def _named_in(rules: Rules, tables: Tables, table: str, keys: Collection[int]) -> set[str]:
    found = {
        key_in(place, tables[table][key], ours=True)
        for place in rules.places
        if place.table == table and not place.steps
        for key in keys
    }
    return {key for key in found if key is not None}


def _give_back(rules: Rules, tables: Tables, roots: Collection[int]) -> Counter[str]:
    """Set what the plan says, on each row once: by the first release that means it."""
    meant = [(given, list(_below(tables, given.steps, roots))) for given in rules.given]
    done: list[Row] = []
    released: Counter[str] = Counter()
    for given, rows in meant:
        for row in rows:
            if not any(row is other for other in done):
                row.update(given.values)
                done.append(row)
                released[given.name] += 1
    return released


def _below(tables: Tables, steps: Steps, roots: Collection[int]) -> Iterator[Row]:
    """Return the rows that hang on *roots* by *steps*."""
    (table, column), *above = steps
    for row in tables[table].values():
        value = row[column]
        for upper, by in above:
            value = tables[upper][value][by] if value is not None else None
        if value in roots:
            yield row


def _is_used(rules: Rules, tables: Tables, key: int) -> bool:
    table, _, column = rules.link
    return any(tables[rules.shared][key][own] is not None for own in rules.own) or any(
        row[by] == key
        for where, by in [(table, column), *rules.also]
        for row in tables[where].values()
    )


def delete(
    references: Sequence[Reference], tables: Tables, table: str, keys: Collection[int]
) -> None:
    """
    Delete rows as one statement of PostgreSQL does.

    Raises:
        BlockedError: Something refers to one of them by a key without an action.
    """
    queue: deque[tuple[Reference, int]] = deque()

    def remove(where: str, key: int) -> None:
        if tables[where].pop(key, None) is not None:
            queue.extend((each, key) for each in references if each.to == where)

    for key in keys:
        remove(table, key)
    while queue:
        reference, key = queue.popleft()
        rows = tables[reference.table]
        referring = [each for each, row in rows.items() if row[reference.column] == key]
        if reference.action == CASCADE:
            for each in referring:
                remove(reference.table, each)
        elif reference.action == SET_NULL:
            for each in referring:
                rows[each][reference.column] = None
        elif reference.action in (NO_ACTION, RESTRICT) and referring:
            raise BlockedError


def _check_at_commit(references: Sequence[Reference], tables: Tables) -> None:
    """Refuse what refers to nothing, for keys that are judged at the end of a transaction."""
    for reference in references:
        if reference.action == AT_COMMIT:
            for row in tables[reference.table].values():
                if row[reference.column] not in {None, *tables[reference.to]}:
                    raise BlockedError
