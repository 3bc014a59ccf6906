"""
The kinds of building instructions (MOCs) that a purge can meet: what goes, and what stays.
"""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

DUE_DAYS, RECENT_DAYS = 40, 7  # retention is 30
OWN = "own"


@dataclass(frozen=True, slots=True)
class Kind:
    """So many MOCs of one kind, each with two files, a parts list of three bricks, and an image."""

    name: str  # their title
    count: int
    deleted_days: int | None = None  # None: it lives
    hold: bool = False
    image: str = OWN  # the image's title; those of one title, but for OWN, show the same one
    thumbnail_elsewhere: bool = False
    shares_file: bool = False  # its first file is the first MOC's that lives
    uploading: bool = False  # an upload session names it

    @property
    def goes(self) -> bool:
        """Whether a purge takes it."""
        return self.deleted_days == DUE_DAYS and not self.hold


KINDS = (
    Kind("living", 4),
    Kind("living, shows an expired one's image", 1, image="shared with a living one"),
    Kind("restored", 2),
    Kind("deleted last week", 3, RECENT_DAYS),
    Kind("on hold", 2, DUE_DAYS, hold=True),
    Kind("expired", 6, DUE_DAYS),
    Kind("expired, one image for two", 2, DUE_DAYS, image="of two expired ones"),
    Kind("expired, a living one shows its image", 2, DUE_DAYS, image="shared with a living one"),
    Kind("expired, its image is in an album", 1, DUE_DAYS, image="in an album"),
    Kind("expired, its image is flagged", 1, DUE_DAYS, image="flagged"),
    Kind("expired, its thumbnail is elsewhere", 1, DUE_DAYS, thumbnail_elsewhere=True),
    Kind("expired, a living one has its file", 1, DUE_DAYS, shares_file=True),
    Kind("expired, an upload names it", 1, DUE_DAYS, uploading=True),
)
IMAGES_THAT_STAY = ("shared with a living one", "in an album", "flagged")
BRICKS = 3  # on each list


@dataclass(frozen=True, slots=True)
class Moc:
    """One MOC, and the keys of its files."""

    kind: Kind
    number: int

    @property
    def id(self) -> uuid.UUID:
        """Its key."""
        return named(f"{self.kind.name}/{self.number}")

    @property
    def image(self) -> uuid.UUID:
        """The key of the image that it shows."""
        return named(f"image/{self.id if self.kind.image == OWN else self.kind.image}")

    @property
    def files(self) -> list[str]:
        """The keys of its two files."""
        first = Moc(KINDS[0], 0) if self.kind.shares_file else self
        return [f"mocs/{first.id}/plan.pdf", f"mocs/{self.id}/parts.csv"]

    @property
    def thumbnail(self) -> str:
        """The key of its thumbnail."""
        return f"mocs/{self.id}/thumbnail.jpg"

    @property
    def images(self) -> list[str]:
        """The keys of its image and of that one's thumbnail."""
        return [f"gallery/{self.image}.jpg", f"gallery/{self.image}-small.jpg"]


def named(name: str) -> uuid.UUID:
    """Return the same key for the same name."""
    return uuid.uuid5(uuid.NAMESPACE_URL, name)


def mocs(*kinds: Kind) -> Iterator[Moc]:
    """Yield each MOC of *kinds*."""
    for kind in kinds:
        for number in range(kind.count):
            yield Moc(kind, number)


@dataclass(frozen=True, slots=True)
class Expected:
    """What a purge of all of *kinds* must do, and must leave."""

    kinds: tuple[Kind, ...] = KINDS

    @property
    def gone(self) -> list[Moc]:
        """The MOCs that go."""
        return [moc for moc in mocs(*self.kinds) if moc.kind.goes]

    @property
    def kept(self) -> list[Moc]:
        """The MOCs that stay."""
        return [moc for moc in mocs(*self.kinds) if not moc.kind.goes]

    @property
    def survivors(self) -> dict[str, int]:
        """How many MOCs of each kind stay."""
        return dict(Counter(moc.kind.name for moc in self.kept))

    @property
    def lost_images(self) -> set[uuid.UUID]:
        """The images that nobody shows any more."""
        return {moc.image for moc in self.gone if moc.kind.image not in IMAGES_THAT_STAY}

    @property
    def images(self) -> dict[str, int]:
        """How many images of each kind stay."""
        every = {moc.image: moc.kind.image for moc in mocs(*self.kinds)}
        return dict(Counter(title for key, title in every.items() if key not in self.lost_images))

    @property
    def bricks(self) -> dict[str, int]:
        """What becomes of the bricks: each is there."""
        return {"available": BRICKS * len(self.gone), "used": BRICKS * len(self.kept)}

    @property
    def deleted_objects(self) -> set[str]:
        """The keys that go."""
        keys: set[str] = set()
        for moc in self.gone:
            keys |= {*moc.files} - {key for other in self.kept for key in other.files}
            keys |= set() if moc.kind.thumbnail_elsewhere else {moc.thumbnail}
            keys |= {*moc.images} if moc.image in self.lost_images else set()
        return keys

    @property
    def told(self) -> dict[str, int]:
        """What a run says that it did."""
        return {
            "processed": len(self.gone),
            "failed": 0,
            "s3Deleted": len(self.deleted_objects),
            "orphanedImages": len(self.lost_images),
            "bricksReturned": self.bricks["available"],
        }
