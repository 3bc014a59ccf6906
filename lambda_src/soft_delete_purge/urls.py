"""
Read the key of an object from what a row holds, and write what rows may hold of a key.

Makes no call. What is not ours, or cannot be a key, is nobody's: it is kept, and counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_to_bytes

from expiry.postgres.names import quoted

if TYPE_CHECKING:
    from soft_delete_purge.plan import Files

FOREIGN, ABSENT = "foreign", "absent"  # why a value is kept: not ours, or nothing lies there

MOST_KEY_BYTES = 1_024  # https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
# What different writers leave as it is in a path, beside letters and digits (RFC 3986); those
# without a slash write a whole key as if it were one name.
SAFE = ("/", "/~", "/!$&'()*+,;=:@~", "", "~", "!'()*~")


def key_of(files: Files, value: str) -> str | None:
    """
    Return the key that *value* names; None where it names none of ours.

    >>> from expiry.postgres.names import Relation
    >>> from soft_delete_purge.plan import Files
    >>> images = Files("images", "url", Relation("public", "t"), url_prefix="https://cdn/")
    >>> key_of(images, "https://cdn/a/my%20cat.jpg?v=2"), key_of(images, "https://other/a.jpg")
    ('a/my cat.jpg', None)
    """
    key: str = value
    if files.url_prefix is not None:
        path = value.partition("?")[0].partition("#")[0]
        if not path.startswith(files.url_prefix):
            return None
        try:
            key = unquote_to_bytes(path.removeprefix(files.url_prefix)).decode()
        except UnicodeDecodeError:
            return None
    if not key or key.startswith("/") or not key.startswith(files.key_prefix):
        return None
    return key if len(key.encode()) <= MOST_KEY_BYTES and "\0" not in key else None


def spellings(files: Files, key: str) -> set[str]:
    """Return every form in which a row of *files* may hold *key*, without query and fragment."""
    if files.url_prefix is None:
        return {key}
    paths = {key, *(quote(key, safe=safe) for safe in SAFE)}
    # Some write the digits of an escape in small letters.
    paths |= {_small(path) for path in paths if path != key}
    return {f"{files.url_prefix}{path}" for path in paths}


def spelt(files: Files, alias: str) -> str:
    """Write a column in SQL so that it equals one of ``spellings``; an index may hold the same."""
    column = f"{alias}.{quoted(files.column)}" if alias else quoted(files.column)
    if files.url_prefix is None:
        return column
    return f"split_part(split_part({column}, '?', 1), '#', 1)"


def _small(path: str) -> str:
    parts = path.split("%")
    return "%".join([parts[0], *(part[:2].lower() + part[2:] for part in parts[1:])])
