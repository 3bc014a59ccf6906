"""
The rows of building instructions, statement by statement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.demo.moc_kinds import BRICKS, Moc, named

if TYPE_CHECKING:
    from collections.abc import Iterator

CDN = "https://cdn.example.com/"
ELSEWHERE = "https://elsewhere.example.org/x.jpg"
USER = "user"

MOC = """
insert into moc_instructions (id, user_id, title, thumbnail_url, deleted_at, legal_hold)
values (%s, %s, %s, %s, now() - make_interval(days => %s), %s)
"""
FILE = """
insert into moc_files (id, moc_id, file_type, s3_key) values (%s, %s, 'instruction', %s)
"""
PARTS_LIST = """
insert into moc_parts_lists (id, moc_id, file_id, title) values (%s, %s, %s, 'parts')
"""
PARTS = """
insert into moc_parts (parts_list_id, part_id) select %s, n::text from generate_series(1, %s) n
"""
LINK = "insert into moc_gallery_images (moc_id, gallery_image_id) values (%s, %s)"
UPLOAD = "insert into upload_sessions (user_id, moc_instruction_id) values (%s, %s)"
ALBUM = "insert into gallery_albums (id, user_id, title) values (%s, %s, 'holiday')"
IMAGE = """
insert into gallery_images (id, user_id, title, image_url, thumbnail_url, album_id)
values (%s, %s, %s, %s, %s, %s) on conflict do nothing
"""
FLAG = "insert into gallery_flags (image_id, user_id) values (%s, %s)"

Statement = tuple[str, tuple[object, ...]]


def rows(moc: Moc) -> Iterator[Statement]:
    """Yield the statements that write a MOC: itself, and all that hangs on it."""
    kind, id_ = moc.kind, moc.id
    thumbnail = ELSEWHERE if kind.thumbnail_elsewhere else CDN + moc.thumbnail
    yield MOC, (id_, USER, kind.name, thumbnail, kind.deleted_days, kind.hold)
    file_ids = [named(f"{id_}/file/{number}") for number, _ in enumerate(moc.files)]
    for file_id, key in zip(file_ids, moc.files, strict=True):
        yield FILE, (file_id, id_, key)
    list_id = named(f"{id_}/list")
    yield PARTS_LIST, (list_id, id_, file_ids[-1])
    yield PARTS, (list_id, BRICKS)
    yield from _image(moc)
    for _ in range(2):  # nothing forbids to link one image twice
        yield LINK, (id_, moc.image)
    if kind.uploading:
        yield UPLOAD, (USER, id_)


def _image(moc: Moc) -> Iterator[Statement]:
    title, image = moc.kind.image, moc.image
    album = named("album") if title == "in an album" else None
    if album:
        yield ALBUM, (album, USER)
    yield IMAGE, (image, USER, title, *(CDN + key for key in moc.images), album)
    if title == "flagged":
        yield FLAG, (image, USER)
