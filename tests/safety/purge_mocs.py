"""
Building instructions (MOCs) of the example's real shape, many of them, and runs that purge them.

Each MOC has four children: two files, a parts list with two parts, and a link to an image that it
shares with its neighbour: so 1 and 2 share one, 3 and 4 the next. Its key is made from its number.
"""

from __future__ import annotations

import json
import tempfile
import uuid
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.logging import Logger

from expiry.budget import Budget
from expiry.postgres.access import connector
from soft_delete_purge import setup
from soft_delete_purge.queues import Queues
from soft_delete_purge.request import Request
from soft_delete_purge.run import Run
from soft_delete_purge.settings import Settings
from tests.postgres.sessions import open_session
from tests.safety.memory import OWNER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.postgres.database import Database

MIGRATIONS = Path(__file__).resolve().parents[2] / "examples" / "moc-purge" / "migrations"
BUCKET = "mocs"
CDN = "https://cdn.example/"
LONG_AGO_S = 1_000_000_000.0
QUIET = Logger(service="purge_mocs", level="CRITICAL")

OF_IMAGE = {"of": "shared:images", "url_prefix": CDN, "key_prefix": "gallery/"}
OF_ROOT = [{"column": "moc_id", "references": "root"}]
PLAN: dict[str, Any] = {
    "root": {
        "table": "moc_instructions",
        "key": "id",
        "deleted_at": "deleted_at",
        "hold": "legal_hold",
    },
    "release": {
        "bricks": {
            "table": "moc_parts",
            "path": [{"column": "parts_list_id", "references": "moc_parts_lists.id"}, *OF_ROOT],
            "set": {"parts_list_id": None, "status": "available"},
        },
        "uploads": {
            "table": "upload_sessions",
            "path": [{"column": "moc_instruction_id", "references": "root"}],
            "set": {"moc_instruction_id": None},
        },
    },
    "shared": {
        "images": {
            "table": "gallery_images",
            "key": "id",
            "link": {
                "table": "moc_gallery_images",
                "root_column": "moc_id",
                "shared_column": "gallery_image_id",
            },
            "also_referenced_by": [
                {"table": "gallery_flags", "column": "image_id"},
                {"own_column_not_null": "album_id"},
            ],
        }
    },
    "objects": {
        "files": {
            "of": {"table": "moc_files", "path": OF_ROOT},
            "column": "s3_key",
            "key_prefix": "mocs/",
        },
        "covers": {
            "of": "root",
            "column": "thumbnail_url",
            "url_prefix": CDN,
            "key_prefix": "mocs/",
        },
        "images": {**OF_IMAGE, "column": "image_url"},
        "thumbs": {**OF_IMAGE, "column": "thumbnail_url"},
    },
}
OBJECTS = 4  # of a MOC: two files, a cover, and half of an image and of its thumbnail

FILL = """
create function pg_temp.moc(n bigint) returns uuid language sql immutable
    return md5('moc ' || n)::uuid;
create function pg_temp.image(n bigint) returns uuid language sql immutable
    return md5('image ' || n)::uuid;
insert into moc_instructions (id, user_id, title, thumbnail_url, deleted_at)
    select pg_temp.moc(n), 'u' || n % 100, 'moc ' || n,
        '{cdn}mocs/' || pg_temp.moc(n) || '/cover.jpg',
        case when n <= {due} then now() - interval '40 days' - n * interval '1 second' end
    from generate_series(1, {all}) as n;
insert into moc_files (moc_id, file_type, s3_key)
    select pg_temp.moc(n), 'pdf', 'mocs/' || pg_temp.moc(n) || '/' || part || '.pdf'
    from generate_series(1, {all}) as n, generate_series(1, 2) as part;
insert into moc_parts_lists (id, moc_id, title)
    select md5('list ' || n)::uuid, pg_temp.moc(n), 'parts' from generate_series(1, {all}) as n;
insert into moc_parts (parts_list_id, part_id)
    select md5('list ' || n)::uuid, 'brick ' || part
    from generate_series(1, {all}) as n, generate_series(1, 2) as part;
insert into gallery_images (id, user_id, title, image_url, thumbnail_url)
    select pg_temp.image(n), 'u', 'image ' || n, '{cdn}gallery/' || pg_temp.image(n) || '.jpg',
        '{cdn}gallery/' || pg_temp.image(n) || '.small.jpg'
    from generate_series(1, ({all} + 1) / 2) as n;
insert into moc_gallery_images (moc_id, gallery_image_id)
    select pg_temp.moc(n), pg_temp.image((n + 1) / 2) from generate_series(1, {all}) as n;
analyze
"""
NAMED = """
select s3_key from moc_files
union select replace(thumbnail_url, '{cdn}', '') from moc_instructions
union select replace(image_url, '{cdn}', '') from gallery_images
union select replace(thumbnail_url, '{cdn}', '') from gallery_images
"""


def make(database: Database, due: int, alive: int = 0) -> None:
    """Make the tables as the example's migrations do; the first MOCs are *due*, the oldest last."""
    for path in sorted(MIGRATIONS.glob("*.sql")):
        database.run(path.read_text())
    database.run(FILL.format(cdn=CDN, due=due, all=due + alive))
    with open_session(database) as session:
        setup.make(session)


def named(database: Database) -> dict[str, float]:
    """Return the keys that rows name, as objects that were put down long ago."""
    return {key: LONG_AGO_S for (key,) in database.run(NAMED.format(cdn=CDN)) if key is not None}


def images(database: Database) -> set[str]:
    """Return the titles of the images that are there."""
    return {title for (title,) in database.run("select title from gallery_images")}


def shown(database: Database) -> set[tuple[str, str]]:
    """Return which MOC shows which image."""
    found = database.run(
        "select moc.title, image.title from moc_gallery_images as link"
        " join moc_instructions as moc on moc.id = link.moc_id"
        " join gallery_images as image on image.id = link.gallery_image_id"
    )
    return {(moc, image) for moc, image in found}


@contextmanager
def run_of(
    database: Database,
    port: int,
    s3: Any,
    clock: Callable[[], float] = lambda: 0.0,
    **environment: str,
) -> Iterator[Run]:
    """Make a run of the purge that reaches the database by *port*, which may be a wire's."""
    with tempfile.NamedTemporaryFile("w", suffix="-password") as password:
        password.write(f"{database.password}\n")
        password.flush()
        settings = Settings.from_env(
            {
                "PG_DB_HOST": database.host,
                "PG_DB_PORT": str(port),
                "PG_DB_NAME": database.name,
                "PG_DB_USER": database.user,
                "PG_PASSWORD_FILE": password.name,
                "PG_TLS": "disable",
                "PLAN": json.dumps(PLAN),
                "BUCKET": BUCKET,
                "RETENTION_DAYS": "30",
                "MAX_PURGE_PERCENT": "100",
                **environment,
            }
        )
        no_client: Any = None
        yield Run(
            run_id=uuid.uuid4().hex,
            settings=settings,
            request=Request.parse({}),
            connect=connector(settings.server, settings.password, "purge"),
            s3=s3,
            queues=Queues(no_client, None, None),
            budget=Budget(lambda: 3_600_000, 0.0),
            logger=QUIET,
            owner_account_id=OWNER,
            clock=clock,
            sleep=lambda _: None,
        )


def purge(database: Database, s3: Any, port: int | None = None, **more: Any) -> dict[str, Any]:
    """Run once; return the result."""
    with run_of(database, port or database.port, s3, **more) as run, redirect_stdout(StringIO()):
        return run.execute()
