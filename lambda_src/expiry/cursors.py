"""
Say in JSON where a later invocation goes on: every shard that is left, and the key it stands at.

Makes no call. A cursor comes back through an event, so it is parsed as anybody's text; the worst
that a wrong one does is to leave rows out, and rows left out are kept.
"""

from __future__ import annotations

import base64
import binascii
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from expiry.attributes import type_of
from expiry.errors import EventError

if TYPE_CHECKING:
    from expiry.statements import Key

KEY_TYPES = frozenset({"S", "N", "B"})
MOST_SEGMENTS = 1_000_000  # of Scan


@dataclass(frozen=True, slots=True)
class ScanCursor:
    """The segments of a scan that are left, in the order of visiting."""

    total_segments: int
    left: Mapping[int, Key | None]  # segment → key of the last row taken; None: from its beginning

    @classmethod
    def whole(cls, total_segments: int, run_id: str) -> Self:
        """Begin with all segments, in an order shuffled by *run_id*, so that each comes first."""
        order = random.Random(run_id).sample(range(total_segments), total_segments)  # noqa: S311 - a fair order, no secret
        return cls(total_segments, dict.fromkeys(order))

    @classmethod
    def parse(cls, value: object) -> Self:
        """
        Read what :meth:`as_json` wrote.

        Raises:
            EventError: It is not a cursor of a scan.
        """
        match value:
            case {"totalSegments": int(total), "left": list(shards), **rest} if not rest:
                left = dict(_shard(shard) for shard in shards)
                known = all(0 <= segment < total for segment in left)
                if known and len(left) == len(shards) and total <= MOST_SEGMENTS:
                    return cls(total, left)
        raise EventError(["cursor is not one that a scan returned"])

    def as_json(self) -> dict[str, Any]:
        """Return the cursor as JSON carries it."""
        shards = [
            {"segment": segment, "after": None if key is None else key_as_json(key)}
            for segment, key in self.left.items()
        ]
        return {"totalSegments": self.total_segments, "left": shards}


def _shard(value: object) -> tuple[int, Key | None]:
    match value:
        case {"segment": int(segment), "after": after, **rest} if not rest:
            return segment, None if after is None else key_from_json(after)
    raise EventError(["cursor has a segment that no scan returned"])


def key_as_json(key: Key) -> dict[str, dict[str, str]]:
    """Return a key with its types; Binary as base64."""
    return {name: {type_of(value): _text(value)} for name, value in key.items()}


def key_from_json(value: object) -> Key:
    """
    Read what :func:`key_as_json` wrote.

    Raises:
        EventError: It is not a key.
    """
    if not isinstance(value, Mapping) or not value:
        raise EventError(["cursor has a key that no table has"])
    return {str(name): _typed(typed) for name, typed in value.items()}


def _text(value: Mapping[str, Any]) -> str:
    kind = type_of(value)
    return base64.b64encode(bytes(value["B"])).decode("ascii") if kind == "B" else str(value[kind])


def _typed(value: object) -> Mapping[str, Any]:
    if isinstance(value, Mapping) and len(value) == 1:
        (kind, text), *_ = value.items()
        if kind in KEY_TYPES and isinstance(text, str):
            try:
                return {kind: base64.b64decode(text, validate=True) if kind == "B" else text}
            except binascii.Error:
                pass
    raise EventError(["cursor has a key attribute that is no String, Number or Binary"])
