"""
The purge as a story tells it: a query for each step of each record, a transaction for each record.

It is the peer of the real one in tests and benchmarks: on the same tables, over the same driver,
in the order that the story calls critical. Which images nobody else shows can be asked in three
ways; only one of them is right, and that only while nobody else is at work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.safety.purge_mocs import BUCKET, CDN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from expiry.postgres.session import Session

DUE = """
select cast(id as text) from moc_instructions
where deleted_at < now() - interval '30 days' order by deleted_at, id
"""
LISTS = "select cast(id as text) from moc_parts_lists where moc_id = cast(:moc as uuid)"
BRICKS = "select cast(id as text) from moc_parts where parts_list_id = any(cast(:lists as uuid[]))"
FILES = "select s3_key from moc_files where moc_id = cast(:moc as uuid)"
COVER = "select thumbnail_url from moc_instructions where id = cast(:moc as uuid)"
GIVE_BACK = """
update moc_parts set parts_list_id = null, status = 'available'
where id = any(cast(:bricks as uuid[]))
"""
DELETE = "delete from moc_instructions where id = cast(:moc as uuid)"
DELETE_IMAGES = "delete from gallery_images where id = any(cast(:images as uuid[]))"
STATEMENTS = 10  # a record: BEGIN, five questions, three writes, COMMIT

# The story's own: it leaves one MOC's links before it counts MOCs, so each image counts one.
AS_WRITTEN = """
select cast(gi.id as text), gi.image_url, gi.thumbnail_url
from gallery_images gi join moc_gallery_images mgi on mgi.gallery_image_id = gi.id
where mgi.moc_id = cast(:moc as uuid)
group by gi.id having count(distinct mgi.moc_id) = 1
"""
# Counts all links of the images that this MOC shows.
CORRECTED = """
select cast(gi.id as text), gi.image_url, gi.thumbnail_url
from gallery_images gi join moc_gallery_images mgi on mgi.gallery_image_id = gi.id
where gi.id in (select gallery_image_id from moc_gallery_images where moc_id = cast(:moc as uuid))
group by gi.id having count(distinct mgi.moc_id) = 1
"""


@dataclass(frozen=True, slots=True)
class Naive:
    """One run. With *ask_first*, "query all data before any deletions" is taken at its word."""

    session: Session
    s3: Any
    orphans: str = CORRECTED
    ask_first: bool = False

    def purge(self) -> int:
        """Purge all that is due; return how many records that was."""
        records = [moc for (moc,) in self.session.run(DUE)]
        known = {moc: self._orphans(moc) for moc in records} if self.ask_first else {}
        for moc in records:
            self._one(moc, known.get(moc))
        return len(records)

    def _one(self, moc: str, images: list[tuple[Any, ...]] | None) -> None:
        run = self.session.run
        with self.session.transaction():
            lists = [key for (key,) in run(LISTS, moc=moc)]
            bricks = [key for (key,) in run(BRICKS, lists=lists)]
            if images is None:
                images = self._orphans(moc)
            urls = [url for (url,) in run(COVER, moc=moc)]
            keys = [key for (key,) in run(FILES, moc=moc)]
            run(GIVE_BACK, bricks=bricks)
            run(DELETE, moc=moc)
            run(DELETE_IMAGES, images=[image for image, _, _ in images])
        self._files([*keys, *_keys(urls), *_keys(url for _, *both in images for url in both)])

    def _orphans(self, moc: str) -> list[tuple[Any, ...]]:
        return self.session.run(self.orphans, moc=moc)

    def _files(self, keys: list[str]) -> None:
        objects = [{"Key": key} for key in keys]
        if objects:
            self.s3.delete_objects(Bucket=BUCKET, Delete={"Objects": objects, "Quiet": False})


def _keys(urls: Iterable[str | None]) -> list[str]:
    return [url.removeprefix(CDN) for url in urls if url]
