"""
Walk once through all objects under a prefix, beginning somewhere else in every run.

Calls: s3:ListBucket. The walk begins at a folder that the run's id chooses, goes on to the end, and
then from the beginning to where it began. So a run that is too short for all objects reaches the
tail as often as the head, without remembering anything; and a listing stays one of full pages.
"""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Self

from expiry.errors import EventError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from expiry.objects import Listed, Objects


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a walk: everything from the walk's start up to here lies behind."""

    start: str  # where the walk began; objects up to here come after the end
    wrapped: bool
    after: str

    @classmethod
    def parse(cls, place: Mapping[str, Any]) -> Self:
        """
        Read a cursor's place.

        Raises:
            EventError: It is none of ours.
        """
        kinds = {"start": str, "wrapped": bool, "after": str}
        if set(place) != set(kinds) or not all(type(place[n]) is k for n, k in kinds.items()):
            raise EventError(["cursor holds no place among the objects"])
        return cls(**place)

    def as_dict(self) -> dict[str, Any]:
        """Return the place for a cursor."""
        return asdict(self)

    def passed(self, key: str) -> bool:
        """Say whether *key* lies behind."""
        return (key <= self.start, key) <= (self.wrapped, self.after)


@dataclass(frozen=True, slots=True)
class Step:
    """Some objects of one folder; with *ended*, all of a folder's have come."""

    objects: list[Listed]
    ended: Place | None = None


class Walk:
    """One walk; ``began`` is known once the first step has come."""

    def __init__(
        self, objects: Objects, prefix: str, run_id: str, place: Mapping[str, Any] | None
    ) -> None:
        """Walk under *prefix*, from *place* where an earlier run has stopped."""
        self._objects, self._prefix, self._run_id = objects, prefix, run_id
        self.began = Place.parse(place) if place else None

    def steps(self) -> Iterator[Step]:
        """
        Yield every object once, in order, and the end of each folder.

        Raises:
            StoreError: A listing failed; folders that have not ended are not known.
        """
        if self.began is None:
            self.began = self._beginning()
        began = self.began
        if not began.wrapped:
            pages = self._objects.list(self._prefix, start_after=began.after)
            yield from self._folders(began.start, wrapped=False, pages=pages)
        if began.start:
            after = began.after if began.wrapped else ""
            pages = self._until(began.start, self._objects.list(self._prefix, start_after=after))
            yield from self._folders(began.start, wrapped=True, pages=pages)

    def _beginning(self) -> Place:
        folders = self._objects.prefixes(self._prefix)
        if not folders:
            return Place("", wrapped=False, after="")
        first = random.Random(self._run_id).choice(folders)  # noqa: S311 - a fair order, no secret
        # Without its slash: an object whose key is the folder's very name belongs to the folder.
        # Before the first folder little lies, or nothing: one listing will do.
        start = "" if first == folders[0] else first.removesuffix("/")
        return Place(start, wrapped=False, after=start)

    @staticmethod
    def _until(last: str, pages: Iterator[list[Listed]]) -> Iterator[list[Listed]]:
        for page in pages:
            within = [listed for listed in page if listed.key <= last]
            yield within
            if len(within) < len(page):
                return

    def _folders(
        self, start: str, *, wrapped: bool, pages: Iterator[list[Listed]]
    ) -> Iterator[Step]:
        folder, last = "", ""
        for page in pages:
            for found, group in groupby(page, key=self._folder_of):
                objects = list(group)
                if last and found != folder:
                    yield Step([], Place(start, wrapped, last))
                folder, last = found, objects[-1].key
                yield Step(objects)
            if last and folder == self._prefix:  # of what is in no folder each page stands alone
                yield Step([], Place(start, wrapped, last))
                last = ""
        if last:
            yield Step([], Place(start, wrapped, last))

    def _folder_of(self, listed: Listed) -> str:
        slash = listed.key.find("/", len(self._prefix))
        return listed.key[: slash + 1] if slash >= 0 else self._prefix
