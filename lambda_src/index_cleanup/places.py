"""
Say where a later run goes on in a partition, without telling a key that is a secret.

Makes no call. Between two neighbouring keys lies text that begins like the first and is longer
than what they share by one character. To start behind it is to start with the second, and it tells
no more than how the two differ.
"""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from expiry.scanning import Row
    from expiry.statements import Value

LAST_CHARACTER = "\U0010ffff"  # in DynamoDB's order, which is that of UTF-8
MOST_BYTES = 1_024  # of a sort key


def place_behind(
    rows: Sequence[Row], done: int, sort_key: str, before: Value | None, *, secret: bool
) -> Value | None:
    """
    Return the place from which on the rest of a page comes.

    Args:
        rows: The page, in its order.
        done: So many of its rows are done.
        sort_key: Their sort key's name.
        before: The place behind which the page came; it stays where no other can be told.
        secret: Whether no key may be told. Then the last row of a page may come again.
    """
    if not done:
        return before
    if not secret:
        return rows[done - 1][sort_key]
    second = min(done, len(rows) - 1)
    if not second:
        return before
    between = between_keys(rows[second - 1][sort_key]["S"], rows[second][sort_key]["S"])
    return {"S": between} if between else before


def between_keys(first: str, second: str) -> str | None:
    """Return text from *first* on and before *second*, None where that would be all of *first*."""
    shared = sum(
        1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False))
    )
    if shared + 1 >= len(first):
        return None
    text = first[: shared + 1] + LAST_CHARACTER
    return text if len(text.encode("utf-8", "surrogatepass")) <= MOST_BYTES else None
