"""
See what lies at keys of a bucket, by as few listings as possible.

Calls: s3:ListBucket. A page holds a thousand objects, so keys that lie close together cost one
call; where the next key is further than the page, the listing leaps to it. Never HEAD: see
``Objects``.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from os.path import commonprefix
from typing import TYPE_CHECKING

from expiry.errors import StoreError
from expiry.objects import MOST_KEYS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from expiry.objects import Listed, Objects
    from soft_delete_purge.terms import Seen


@dataclass(frozen=True, slots=True)
class Sighting:
    """What lies at keys; what S3 did not say is left out, and *trouble* tells why."""

    seen: Seen
    trouble: StoreError | None


def looked_up(objects: Objects, keys: Collection[str], prefixes: Collection[str] = ()) -> Sighting:
    """
    Look what lies at *keys*.

    Args:
        prefixes: What the role may list: keys under different ones are never listed together.
    """
    together: defaultdict[str, list[str]] = defaultdict(list)
    for key in sorted(set(keys)):
        together[max((p for p in prefixes if key.startswith(p)), key=len, default="")].append(key)
    seen: dict[str, Listed | None] = {}
    try:
        for wanted in together.values():
            prefix = commonprefix((wanted[0], wanted[-1]))  # noqa: RUF071 - keys are no paths
            while left := wanted[sum(key in seen for key in wanted) :]:
                seen |= _next(objects, prefix, left)
    except StoreError as error:
        return Sighting(seen, error)
    return Sighting(seen, None)


def _next(objects: Objects, prefix: str, keys: Sequence[str]) -> dict[str, Listed | None]:
    """Return what lies at the first of *keys*, at least; they are in their order."""
    first = keys[0]
    if len(keys) == 1:
        return {first: objects.find(first)}
    # What begins as the key does, but for its end, comes right before it.
    pages = objects.list(prefix, start_after=first[:-1])
    page = next(pages, [])
    # Where nothing follows, asking for it costs no call.
    ends = len(page) < MOST_KEYS and next(pages, None) is None
    found = {listed.key: listed for listed in page}
    told = keys if ends else [key for key in keys if page and key <= page[-1].key]
    return {key: found.get(key) for key in told} or {first: objects.find(first)}


@dataclass(slots=True)
class Sight:
    """
    Looks before records are purged; no longer once S3 has left a key out.

    A record is purged without: the drain looks later. So trouble with S3 costs one try, not one a
    record.
    """

    objects_in: Callable[[str], Objects]  # by the bucket's name
    bucket: str
    prefixes: Collection[str]
    trouble: bool = False

    def __call__(self, keys: Collection[str]) -> Seen:
        """Return what S3 says of *keys*; what is left out is not known."""
        if self.trouble:
            return {}
        sighting = looked_up(self.objects_in(self.bucket), keys, self.prefixes)
        self.trouble = sighting.trouble is not None
        return sighting.seen
