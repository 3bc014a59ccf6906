"""
Records of the real shape, and purges of them as a run makes them.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from copy import deepcopy
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from expiry.objects import Listed
from expiry.postgres.catalog import Catalog
from soft_delete_purge import due, preflight
from soft_delete_purge.plan import Plan
from soft_delete_purge.terms import Terms
from tests.postgres.sessions import open_session

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import pytest

    from expiry.postgres.session import Session
    from soft_delete_purge.paths import Bound
    from soft_delete_purge.preflight import Preflight
    from soft_delete_purge.terms import Seen
    from tests.postgres.database import Database

BUCKET = "files"
CDN = "https://cdn.example/"
OUTBOX = """
    create schema expiry;
    create table expiry.purge_outbox (
        id bigint generated always as identity primary key, bucket text not null,
        key text not null, etag text, size_bytes bigint, source text not null,
        correlation_id text not null, enqueued_at timestamptz not null default now(),
        attempts int not null default 0, last_error text
    );
"""
TABLES = """
    create table mocs (
        id uuid primary key default gen_random_uuid(), title text, thumbnail_url text,
        deleted_at timestamptz, held boolean not null default false
    );
    create index on mocs (deleted_at) where deleted_at is not null;
    create table files (
        id serial primary key, moc_id uuid not null references mocs on delete cascade,
        s3_key text, deleted_at timestamptz
    );
    create index on files (moc_id);
    create table lists (
        id serial primary key, moc_id uuid not null references mocs on delete cascade,
        file_id int references files on delete set null
    );
    create index on lists (moc_id);
    create index on lists (file_id);
    create table parts (
        id serial primary key, list_id int references lists on delete cascade,
        status text not null default 'used' check (status in ('used', 'available'))
    );
    create index on parts (list_id);
    create table albums (id serial primary key);
    create table images (
        id serial primary key, image_url text, album_id int references albums on delete set null
    );
    create index on images (album_id);
    create table links (
        id serial primary key, moc_id uuid not null references mocs on delete cascade,
        image_id int not null references images on delete cascade
    );
    create index on links (moc_id);
    create index on links (image_id);
    create table flags (id serial primary key, image_id int references images on delete cascade);
    create index on flags (image_id);
    create table uploads (id serial primary key, moc_id uuid references mocs);
    create index on uploads (moc_id);
"""
PLAN: dict[str, Any] = {
    "root": {"table": "mocs", "key": "id", "deleted_at": "deleted_at", "hold": "held"},
    "release": {
        "bricks": {
            "table": "parts",
            "path": [
                {"column": "list_id", "references": "lists.id"},
                {"column": "moc_id", "references": "root"},
            ],
            "set": {"list_id": None, "status": "available"},
        }
    },
    "shared": {
        "images": {
            "table": "images",
            "key": "id",
            "link": {"table": "links", "root_column": "moc_id", "shared_column": "image_id"},
            "also_referenced_by": [
                {"table": "flags", "column": "image_id"},
                {"own_column_not_null": "album_id"},
            ],
        }
    },
    "objects": {
        "files": {
            "of": {"table": "files", "path": [{"column": "moc_id", "references": "root"}]},
            "column": "s3_key",
        },
        "thumbnails": {"of": "root", "column": "thumbnail_url", "url_prefix": CDN},
        "images": {"of": "shared:images", "column": "image_url", "url_prefix": CDN},
    },
}


RESET = """
    drop schema public cascade;
    drop schema if exists expiry cascade;
    create schema public;
    grant usage on schema public to public;
"""


def lent(request: pytest.FixtureRequest, kept: Database) -> Iterator[Database]:
    """Give a test the server that it asks for, or else *kept*, as if nobody had used it before."""
    server = getattr(request, "param", None)
    if server is None:
        kept.run(RESET)
        yield kept
        return
    found: Database = request.getfixturevalue(server)
    fresh = found.new_database()
    yield fresh
    fresh.drop()


def plan(**changes: Any) -> dict[str, Any]:
    """Return the plan of TABLES; *changes* take the place of whole parts of it."""
    return deepcopy(PLAN) | changes


def build(database: Database) -> None:
    """Create the tables, and the outbox."""
    database.run(OUTBOX)
    database.run(TABLES)


def moc(
    database: Database,
    *,
    days: float | None = 40,
    files: Collection[str] = (),
    images: Collection[int] = (),
    parts: int = 0,
    thumbnail: str | None = None,
    held: bool = False,
) -> str:
    """Create a record that was deleted so many *days* ago, with a list of *parts*; return it."""
    with database.connect() as connection:
        row = connection.execute(
            "insert into mocs (deleted_at, thumbnail_url, held) values"
            " (now() - %s * interval '1 day', %s, %s) returning id::text",
            (days, thumbnail, held),
        ).fetchone()
        assert row
        (key,) = row
        connection.execute(
            "with list as (insert into lists (moc_id) select %s where %s > 0 returning id)"
            " insert into parts (list_id) select id from list, generate_series(1, %s)",
            (key, parts, parts),
        )
        for file in files:
            connection.execute("insert into files (moc_id, s3_key) values (%s, %s)", (key, file))
        for each in images:
            connection.execute("insert into links (moc_id, image_id) values (%s, %s)", (key, each))
    return str(key)


def image(database: Database, url: str | None = None) -> int:
    """Create an image; return it."""
    ((key,),) = database.run("insert into images (image_url) values (%s) returning id", url)
    return int(key)


def count(database: Database, table: str, where: str = "true") -> int:
    """Count rows."""
    ((number,),) = database.run(f"select count(*) from {table} where {where}")  # noqa: S608 - the test's own names
    return int(number)


def outbox(database: Database) -> set[tuple[Any, ...]]:
    """Return what is in the outbox."""
    return set(database.run("select key, etag, size_bytes, source from expiry.purge_outbox"))


def terms(session: Session) -> Terms:
    """Say that what was deleted 30 days ago is due."""
    return Terms(Catalog(session).server().now - timedelta(days=30), BUCKET, "run")


def look(keys: Collection[str]) -> Seen:
    """See an object at every key."""
    return {key: Listed(key, f'"{key}"', 0.0, len(key)) for key in keys}


def checked(session: Session, chosen: dict[str, Any] | None = None, **more: Any) -> Preflight:
    """Judge a plan."""
    parsed = Plan.parse(json.dumps(PLAN if chosen is None else chosen))
    return preflight.check(session, parsed, terms(session), **more)


@contextmanager
def ready(
    database: Database, chosen: dict[str, Any] | None = None
) -> Iterator[tuple[Session, Bound, Terms]]:
    """Log in, with a plan that preflight accepts."""
    with open_session(database) as session:
        yield session, checked(session, chosen).bound, terms(session)


def due_keys(session: Session, bound: Bound, now: Terms) -> list[str]:
    """List what is due."""
    return due.keys(session, bound, now, 1_000)
