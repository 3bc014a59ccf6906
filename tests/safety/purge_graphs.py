"""
Random databases for a purge: one schema for each choice of foreign-key actions, rows for each try.

The tables are always the same; what their foreign keys do on delete, what keys are made of, and
what the plan gives back differ by :class:`Variant`. ``records`` own ``files`` and ``lists``;
``lists`` also hang on a file, and ``parts`` on a list; ``notes`` hang on a file, a list and each
other. ``links`` tie ``images`` to records, ``flags`` hold images, ``sessions`` hold records.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.safety.purge_model import (
    AT_COMMIT,
    CASCADE,
    NO_ACTION,
    RESTRICT,
    SET_NULL,
    Given,
    Place,
    Reference,
    Row,
    Rules,
    Tables,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tests.postgres.database import Database

RETENTION_DAYS = 30
CDN = "https://cdn.example/"
BUCKET = "purge-model"
STOPPING = (NO_ACTION, RESTRICT)
ALL = (CASCADE, SET_NULL, *STOPPING)

# In the order in which they are made. No other record goes with a record, so none refers to one.
EDGES: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("files", "record_id", "records", (CASCADE, CASCADE, SET_NULL)),
    ("lists", "record_id", "records", (CASCADE, CASCADE, SET_NULL)),
    ("lists", "file_id", "files", (SET_NULL, CASCADE, NO_ACTION)),
    ("parts", "list_id", "lists", ALL),
    ("notes", "file_id", "files", (CASCADE, CASCADE, SET_NULL, RESTRICT)),
    ("notes", "list_id", "lists", (CASCADE, CASCADE, SET_NULL, NO_ACTION)),
    ("notes", "note_id", "notes", (CASCADE, SET_NULL, NO_ACTION)),
    ("links", "record_id", "records", (*[CASCADE] * 4, SET_NULL, NO_ACTION)),
    ("links", "image_id", "images", ALL),
    ("flags", "image_id", "images", ALL),
    ("sessions", "record_id", "records", (*ALL, CASCADE, SET_NULL, AT_COMMIT)),
)
COLUMNS: Mapping[str, tuple[str, ...]] = {  # besides the key and what refers
    "records": ("held", "cover"),
    "files": ("s3_key",),
    "lists": (),
    "parts": ("status",),
    "notes": ("attachment",),
    "images": ("url", "thumb", "album"),
    "links": (),
    "flags": (),
    "sessions": (),
}
KEYS: Mapping[str, Callable[[int], str]] = {
    "bigint": str,
    "uuid": lambda number: f"00000000-0000-4000-8000-{number:012}",
    "text": lambda number: f"k'\" {number:04}",
}


@dataclass(frozen=True, slots=True)
class Variant:
    """A schema of its own, and the plan for it."""

    number: int
    actions: tuple[str, ...]  # of EDGES, one each
    kind: str  # of keys
    gives_sessions: bool
    key_prefix: str

    @property
    def schema(self) -> str:
        """Its name, which needs quotes."""
        return f'Variant "{self.number}"'

    @property
    def references(self) -> tuple[Reference, ...]:
        """Its foreign keys."""
        return tuple(
            Reference(table, column, to, action)
            for (table, column, to, _), action in zip(EDGES, self.actions, strict=True)
        )

    def action(self, table: str, column: str) -> str:
        """Return what one key does."""
        return next(
            each.action for each in self.references if (each.table, each.column) == (table, column)
        )

    @property
    def rules(self) -> Rules:
        """What the model takes."""
        available = {"list_id": None, "status": "available"}
        given = [Given("parts", (("parts", "list_id"), ("lists", "record_id")), available)]
        if self.action("lists", "file_id") == CASCADE:  # so lists go by another way, too
            way = (("parts", "list_id"), ("lists", "file_id"), ("files", "record_id"))
            given.append(Given("sheets", way, available))
        if self.gives_sessions:
            given.append(Given("sessions", (("sessions", "record_id"),), {"record_id": None}))
        of_files = (("files", "record_id"),)
        return Rules(
            references=self.references,
            root="records",
            given=tuple(given),
            shared="images",
            link=("links", "record_id", "image_id"),
            also=(("flags", "image_id"),),
            own=("album",),
            places=(
                Place("files", "files", "s3_key", of_files, key_prefix=self.key_prefix),
                Place("notes", "notes", "attachment", (("notes", "file_id"), *of_files)),
                Place("covers", "records", "cover", url_prefix=CDN),
                Place("images", "images", "url", url_prefix=CDN),
                Place("thumbs", "images", "thumb"),
            ),
        )

    @property
    def plan(self) -> str:
        """The same as a purge takes it."""
        rules = self.rules
        tables = {"schema": self.schema}
        targets = {(each.table, each.column): each.to for each in self.references}

        def path(steps: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
            return [
                {
                    "column": column,
                    "references": "root"
                    if targets[table, column] == "records"
                    else {**tables, "table": targets[table, column], "column": "id"},
                }
                for table, column in steps
            ]

        def of(place: Place) -> Any:
            if place.steps:
                return {**tables, "table": place.table, "path": path(place.steps)}
            return "root" if place.table == "records" else "shared:images"

        link, of_record, of_shared = rules.link
        named = {"root_column": of_record, "shared_column": of_shared}
        also: list[dict[str, str]] = [
            {**tables, "table": table, "column": column} for table, column in rules.also
        ]
        also += [{"own_column_not_null": column} for column in rules.own]
        return json.dumps(
            {
                "root": {
                    **tables,
                    "table": "records",
                    "key": "id",
                    "deleted_at": "deleted_at",
                    "hold": "held",
                },
                "release": {
                    each.name: {
                        **tables,
                        "table": each.steps[0][0],
                        "path": path(each.steps),
                        "set": dict(each.values),
                    }
                    for each in rules.given
                },
                "shared": {
                    "images": {
                        **tables,
                        "table": "images",
                        "key": "id",
                        "also_referenced_by": also,
                        "link": {**tables, "table": link, **named},
                    }
                },
                "objects": {
                    each.name: {
                        "of": of(each),
                        "column": each.column,
                        **({"url_prefix": each.url_prefix} if each.url_prefix else {}),
                        **({"key_prefix": each.key_prefix} if each.key_prefix else {}),
                    }
                    for each in rules.places
                },
            }
        )

    def make(self, database: Database) -> None:
        """Make the schema."""
        lines = [f"create schema {self._quoted}; set search_path to {self._quoted};"]
        for table, columns in COLUMNS.items():
            made = [f"id {self.kind} primary key"]
            made += [f"{column} {self.kind}" for where, column, *_ in EDGES if where == table]
            made += [f"{column} {'boolean' if column == 'held' else 'text'}" for column in columns]
            made += ["deleted_at timestamptz"] if table == "records" else []
            lines.append(f"create table {table} ({', '.join(made)});")
        lines += [
            f"alter table {each.table} add foreign key ({each.column})"
            f" references {each.to} on delete {each.action};"
            for each in self.references
        ]
        lines.append("create index on records (deleted_at);")
        database.run("\n".join(lines))

    @property
    def _quoted(self) -> str:
        return '"' + self.schema.replace('"', '""') + '"'

    def key(self, number: int) -> str:
        """Write a key as the purge does."""
        return KEYS[self.kind](number)

    def number_of(self, key: str | int) -> int:
        """Read a key."""
        return int(str(key)[-4:])

    def fill(self, connection: Any, tables: Tables) -> None:
        """Put *tables* in place of what is there; rows may refer to each other in circles."""
        texts = {
            name: json.dumps([self._stored(name, key, row) for key, row in rows.items()])
            for name, rows in tables.items()
        }
        every = [*(f"{self._quoted}.{name}" for name in COLUMNS), "expiry.purge_outbox"]
        lines = [f"delete from {whole}" for whole in every]  # quicker here than truncate
        for name, text in texts.items():
            whole, quoted = f"{self._quoted}.{name}", text.replace("'", "''")
            rows = f"json_populate_recordset(null::{whole}, '{quoted}')"
            lines.append(f"insert into {whole} select * from {rows}")
        with connection.transaction():  # in one round trip
            connection.execute("; ".join(["set local session_replication_role = replica", *lines]))

    def _stored(self, table: str, number: int, row: Row) -> Row:
        stored: Row = {"id": self.key(number)}
        stored |= {column: row[column] for column in COLUMNS[table]}
        for where, column, *_ in EDGES:
            if where == table:
                stored[column] = None if row[column] is None else self.key(row[column])
        return stored | ({"deleted_at": row["deleted_at"]} if table == "records" else {})

    def read(self, connection: Any) -> Tables:
        """Return what is there, as the model has it; when a record was deleted is left out."""
        queries = [
            f"select '{name}', coalesce(json_agg(found), '[]') from {self._quoted}.{name} as found"
            for name in COLUMNS
        ]
        found = connection.execute(" union all ".join(queries)).fetchall()
        return {
            name: {self.number_of(row["id"]): self._plain(name, row) for row in rows}
            for name, rows in found
        }

    def _plain(self, table: str, row: Row) -> Row:
        plain = {column: row[column] for column in COLUMNS[table]}
        for where, column, *_ in EDGES:
            if where == table:
                plain[column] = None if row[column] is None else self.number_of(row[column])
        return plain


def variants(count: int, seed: int) -> list[Variant]:
    """Choose actions so that every action of every edge comes, in ever other company."""
    chance = random.Random(seed)
    columns = []
    for *_, actions in EDGES:
        drawn = (list(actions) * count)[:count]
        chance.shuffle(drawn)
        columns.append(drawn)
    return [
        Variant(
            number=number,
            actions=actions,
            kind=list(KEYS)[number % len(KEYS)],
            gives_sessions=number % 2 == 0,
            key_prefix="m/" if number % 3 else "",
        )
        for number, actions in enumerate(zip(*columns, strict=True))
    ]


# Rows

OBJECTS = (*(f"m/{number}" for number in range(9)), "m/my cat.jpg", "g/1", "g/2", "o/x")
PLAIN = (*OBJECTS, "", "/m/1")
STORED = (*OBJECTS, "/m/1")
URLS = (
    *(f"{CDN}m/{number}" for number in range(6)),
    *(f"{CDN}m/7?v=2", f"{CDN}m/my%20cat.jpg", f"{CDN}m/my cat.jpg", f"{CDN}g/1#top"),
    *(f"{CDN}g/2", "https://elsewhere.example/m/1", CDN, f"{CDN}/m/1"),
)
MOST = {
    "records": 5,
    "files": 6,
    "lists": 4,
    "parts": 4,
    "notes": 4,
    "images": 4,
    "links": 8,
    "flags": 1,
    "sessions": 2,
}
DUE, FRESH, LATER = "2001-01-{age:02}T00:00:00Z", "now", "2999-01-01T00:00:00Z"
VALUES: Mapping[str, st.SearchStrategy[Any]] = {
    "held": st.sampled_from([*[False] * 5, None, True]),
    "cover": st.sampled_from([None, *URLS]),
    "s3_key": st.sampled_from([None, *PLAIN]),
    "status": st.just("used"),
    "attachment": st.sampled_from([None, *PLAIN]),
    "url": st.sampled_from([None, *URLS]),
    "thumb": st.sampled_from([None, *PLAIN]),
    "album": st.sampled_from([*[None] * 6, "mine"]),
}


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Tables, frozenset[str]]:
    """Draw tables and a bucket: every reference leads to a row, or to none."""
    counts = {name: draw(st.integers(name == "records", most)) for name, most in MOST.items()}
    tables: Tables = {}
    for name, count in counts.items():
        columns = {column: VALUES[column] for column in COLUMNS[name]}
        for where, column, to, _ in EDGES:
            if where == name:
                numbers = range(1, counts[to] + 1)
                columns[column] = st.sampled_from([None, *numbers, *numbers, *numbers])
        if name == "records":
            states = [
                *[DUE.format(age=age) for age in (1, 2, 2, 3, 4, 5)],
                None,
                LATER,
                "-infinity",
            ]
            columns["deleted_at"] = st.sampled_from(states)
        rows = st.lists(st.fixed_dictionaries(columns), min_size=count, max_size=count)
        tables[name] = dict(enumerate(draw(rows), 1))
    for row in tables["records"].values():
        row["due"] = str(row["deleted_at"]).startswith("2001")
    return tables, frozenset(STORED) - draw(st.frozensets(st.sampled_from(STORED), max_size=3))
