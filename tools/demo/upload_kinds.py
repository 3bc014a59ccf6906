"""
The kinds of things that a bucket of uploads holds: what stays, and what a cleanup may take.

Each function makes one thing; the two tables at the end say how many, and what becomes of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.demo.upload_scene import Kind, key_of, number_of, thing

if TYPE_CHECKING:
    from tools.demo.upload_scene import Item, Scene, Thing

HOUR_S = 3_600
OLD_H = 40.0  # past the grace of orphans (24)
OLDER_H = 70.0  # past that of what was a multipart upload (48)
STUCK_H = 3.0
PROTECT_TAG = "keep"


def uploaded(scene: Scene, number: int) -> Thing:
    """A session that was completed long ago, and its object."""
    name = f"done-{number:04}"
    row = scene.session(name, status={"S": "uploaded"}, ttl=None)
    return thing(session=row, key=scene.object(key_of(name), OLD_H))


def uploaded_with_ttl(scene: Scene, number: int) -> Thing:
    """The trap: uploaded, and TTL will remove its row. The object's tag keeps it."""
    name = f"trap-{number:04}"
    row = scene.session(name, status={"S": "uploaded"}, ttl=number_of(scene.now_s - HOUR_S))
    return thing(session=row, key=scene.object(key_of(name), OLD_H, tag=PROTECT_TAG))


def under_way(scene: Scene, number: int) -> Thing:
    """A multipart upload that somebody is at."""
    name = f"busy-{number:04}"
    upload_id = scene.upload(key_of(name), 0.1)
    row = scene.session(name, uploadType={"S": "multipart"}, s3UploadId={"S": upload_id})
    return thing(session=row, upload_id=upload_id)


def stuck(scene: Scene, number: int) -> Thing:
    """Not expired, but nothing has come for hours: for a person to look at."""
    name = f"stuck-{number:04}"
    upload_id = scene.upload(key_of(name), STUCK_H)
    row = scene.session(
        name,
        uploadType={"S": "multipart"},
        s3UploadId={"S": upload_id},
        createdAt=number_of(scene.now_s - STUCK_H * HOUR_S),
    )
    return thing(session=row, upload_id=upload_id)


def text_ttl(scene: Scene, number: int) -> Thing:
    """A session whose TTL is no number: nobody can say whether it has expired."""
    name = f"text-{number:04}"
    return thing(session=scene.session(name, ttl={"S": "2026-01-31T00:00:00Z"}))


def outside(scene: Scene, number: int) -> Thing:
    """An expired session that names an object outside the prefix: it could be anybody's."""
    name = f"outside-{number:04}"
    key = scene.object(f"private/{name}.mp4", OLD_H)
    return thing(session=expired(scene, name, key={"S": key}), key=key)


def expired(scene: Scene, name: str, **changes: dict[str, str] | None) -> Item:
    """Return a session that expired six hours ago."""
    times = {"ttl": scene.now_s - 6 * HOUR_S, "createdAt": scene.now_s - 30 * HOUR_S}
    return scene.session(name, **{k: number_of(v) for k, v in times.items()} | changes)


def expired_object(scene: Scene, number: int) -> Thing:
    """Expired; the file came, and nobody completed the session."""
    name = f"expired-{number:04}"
    return thing(session=expired(scene, name), key=scene.object(key_of(name), OLD_H))


def expired_empty(scene: Scene, number: int) -> Thing:
    """Expired, and nothing was ever uploaded."""
    return thing(session=expired(scene, f"empty-{number:04}"))


def expired_parts(scene: Scene, number: int) -> Thing:
    """Expired in the middle of a multipart upload; its parts cost storage that no listing shows."""
    name = f"parts-{number:04}"
    upload_id = scene.upload(key_of(name), OLD_H)
    row = expired(
        scene,
        name,
        uploadType={"S": "multipart"},
        s3UploadId={"S": upload_id},
        status={"S": "failed"},
    )
    return thing(session=row, upload_id=upload_id)


def expired_completed(scene: Scene, number: int) -> Thing:
    """Expired, and its multipart upload completed at a time that nobody knows: it has to settle."""
    name = f"settles-{number:04}"
    row = expired(scene, name, uploadType={"S": "multipart"}, s3UploadId={"S": "gone"})
    return thing(session=row, key=scene.multipart_object(key_of(name), OLD_H))


def orphan(scene: Scene, number: int) -> Thing:
    """An object whose session TTL has removed."""
    return thing(key=scene.object(key_of(f"orphan-{number:04}", "mov"), OLD_H))


def orphan_in_parts(scene: Scene, number: int) -> Thing:
    """The same, once uploaded in parts, three days ago."""
    return thing(key=scene.multipart_object(key_of(f"orphan-parts-{number:04}"), OLDER_H))


def recent_in_parts(scene: Scene, number: int) -> Thing:
    """Completed a minute ago, of an upload begun 40 hours ago: S3 dates it by the latter."""
    return thing(key=scene.multipart_object(key_of(f"recent-{number:04}"), OLD_H))


def young(scene: Scene, number: int) -> Thing:
    """An object without a session, an hour old: its session may be on its way."""
    return thing(key=scene.object(key_of(f"young-{number:04}"), 1))


def tagged(scene: Scene, number: int) -> Thing:
    """An orphan that carries the tag which protects."""
    return thing(key=scene.object(key_of(f"tagged-{number:04}"), OLD_H, tag=PROTECT_TAG))


def unmatched(scene: Scene, number: int) -> Thing:
    """Under the prefix, with a key that names no session."""
    return thing(key=scene.object(f"uploads/readme-{number}.txt", OLD_H))


def elsewhere(scene: Scene, number: int) -> Thing:
    """Outside the prefix."""
    return thing(key=scene.object(f"thumbnails/{number}.png", OLD_H))


def orphan_upload(scene: Scene, number: int) -> Thing:
    """A multipart upload without a session."""
    return thing(upload_id=scene.upload(key_of(f"lost-{number:04}"), OLD_H))


def young_upload(scene: Scene, number: int) -> Thing:
    """The same, an hour old."""
    return thing(upload_id=scene.upload(key_of(f"fresh-{number:04}"), 1))


STAYS = (
    Kind("uploaded, with its object", 180, uploaded, goes=False),
    Kind("uploaded, and carries a ttl", 2, uploaded_with_ttl, goes=False),
    Kind("multipart upload under way", 6, under_way, goes=False),
    Kind("stuck: created, parts are old", 4, stuck, goes=False),
    Kind("ttl is a text", 2, text_ttl, goes=False),
    Kind("expired, key outside the prefix", 1, outside, goes=False),
    Kind("expired, completed: settles", 2, expired_completed, goes=False),
    Kind("multipart object, 40 h", 3, recent_in_parts, goes=False),
    Kind("object without session, 1 h", 3, young, goes=False),
    Kind("orphan with the tag keep", 2, tagged, goes=False),
    Kind("key does not match", 2, unmatched, goes=False),
    Kind("outside the prefix", 3, elsewhere, goes=False),
    Kind("multipart upload, 1 h", 2, young_upload, goes=False),
)
GOES = (
    Kind("expired, with its object", 24, expired_object, goes=True),
    Kind("expired, nothing uploaded", 12, expired_empty, goes=True),
    Kind("expired, with a multipart upload", 8, expired_parts, goes=True),
    Kind("orphaned object", 16, orphan, goes=True),
    Kind("orphaned object, was multipart", 3, orphan_in_parts, goes=True),
    Kind("orphaned multipart upload", 5, orphan_upload, goes=True),
)
KINDS = STAYS + GOES
