"""
Look what lies at keys of S3, several a call where they lie close together.

Calls: s3:ListBucket. Never HEAD: where only a prefix may be listed, a missing key looks denied.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from expiry.objects import Listed, Objects
    from soft_delete_purge.terms import Seen

HIGHEST = "\U0010fffd"  # the last two after it are no characters, which XML and S3 may refuse
FIRST_SURROGATE, LAST_SURROGATE = 0xD800, 0xDFFF
MOST_KEY_BYTES = 1_024


def looked_up(objects: Objects, keys: Collection[str], prefixes: Sequence[str] = ("",)) -> Seen:
    """
    Return what lies at each of *keys*, by listings below *prefixes*; what none covers is left out.

    A page is asked from the next key on, and gives all that it covers: one call for each key at
    the worst, and one for a thousand where nothing lies between them.

    Raises:
        StoreError: A page could not be read.
    """
    below: defaultdict[str, list[str]] = defaultdict(list)
    for key in keys:
        covering = [prefix for prefix in prefixes if key.startswith(prefix)]
        if covering:
            below[min(covering, key=len)].append(key)
    seen: dict[str, Listed | None] = {}
    for prefix, wanted in below.items():
        # The order of S3 is that of the bytes.
        _walk(objects, prefix, sorted(wanted, key=str.encode), seen)
    return seen


def _walk(
    objects: Objects, prefix: str, wanted: Sequence[str], seen: dict[str, Listed | None]
) -> None:
    place = 0
    while place < len(wanted):
        for page in objects.list(prefix, start_after=before(wanted[place])):
            listed = {each.key: each for each in page}
            covered = place
            while page and place < len(wanted) and wanted[place].encode() <= page[-1].key.encode():
                seen[wanted[place]] = listed.get(wanted[place])
                place += 1
            if place == len(wanted):
                return
            if page and place == covered:
                break  # the next key is far: ask from there
        else:
            seen.update(dict.fromkeys(wanted[place:]))
            return


def before(key: str) -> str:
    """
    Return what a listing may start after, so that *key* comes first.

    >>> before("b") == "a" + HIGHEST
    True
    """
    number = ord(key[-1]) - 1
    if number < 0:
        return key[:-1]
    if FIRST_SURROGATE <= number <= LAST_SURROGATE:
        number = FIRST_SURROGATE - 1
    start = key[:-1] + chr(number)
    return start + HIGHEST if len((start + HIGHEST).encode()) <= MOST_KEY_BYTES else start
