"""
One record, in one transaction: what is its own goes, what it borrowed or shares stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from expiry.outcomes import Outcome
from soft_delete_purge import dry, record
from tests.postgres.fixtures import every_version
from tests.postgres.purge_scene import (
    CDN,
    Ready,
    build,
    count,
    due_keys,
    image,
    look,
    moc,
    outbox,
)

if TYPE_CHECKING:
    from tests.postgres.database import Database


@every_version
def test_purge_of_a_record_takes_its_own_and_gives_back_the_rest(postgres: Database) -> None:
    """On each version: children by cascade, parts given back, the last link's image, its files."""
    build(postgres)
    own, common = image(postgres, f"{CDN}i/own.jpg"), image(postgres, f"{CDN}i/common.jpg")
    alive = moc(postgres, days=None, images=[common], files=["mocs/alive"])
    key = moc(
        postgres,
        files=["mocs/1/a", "mocs/1/b"],
        images=[own, own, common],
        parts=3,
        thumbnail=f"{CDN}t/1%20x.png?v=2",
    )

    with Ready(postgres) as (session, bound, terms):
        assert due_keys(session, bound, terms) == [key]
        (foreseen,) = dry.purge(session, bound, [key], terms, look)
        purged = record.purge(session, bound, key, terms, look)

    assert purged.outcome is Outcome.DELETED
    assert purged.children == {"public.files": 2, "public.lists": 1, "public.links": 3}
    assert purged.released == {"bricks": 3}
    assert purged.shared_deleted == {"images": 1}
    assert purged.shared_kept == {"images": 1}
    assert outbox(postgres) == {
        ("mocs/1/a", '"mocs/1/a"', 8, "files"),
        ("mocs/1/b", '"mocs/1/b"', 8, "files"),
        ("t/1 x.png", '"t/1 x.png"', 9, "thumbnails"),
        ("i/own.jpg", '"i/own.jpg"', 9, "images"),
    }
    assert postgres.run("select id::text from mocs") == [(alive,)]
    assert postgres.run("select id from images") == [(common,)]
    assert count(postgres, "parts", "list_id is null and status = 'available'") == 3
    assert foreseen.outcome is Outcome.WOULD_DELETE
    for part in ("children", "released", "shared_deleted", "shared_kept", "objects", "kept"):
        assert getattr(foreseen, part) == getattr(purged, part), part
