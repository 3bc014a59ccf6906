"""
Read what an object's key says, and know which keys XML cannot say.

Makes no call.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

SESSION_GROUP = "session_id"

# XML 1.0 has no way to write these at all (https://www.w3.org/TR/xml/#charsets). A carriage return
# it can write, but a parser may make a line feed of it, and that is another object's key.
_NOT_CARRIED = re.compile("[^\t\n\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_carries(key: str) -> bool:
    """Say whether a list of keys written as XML can hold *key*, and be read as that key."""
    return _NOT_CARRIED.search(key) is None


@dataclass(frozen=True, slots=True)
class KeyPattern:
    """Keys whose session can be told; all others belong to nobody that we know."""

    pattern: re.Pattern[str]

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Compile *text*, a regular expression with a group named ``session_id``.

        Raises:
            ValueError: It does not compile, or lacks the group.
        """
        try:
            pattern = re.compile(text)
        except re.error as error:
            raise ValueError(f"{text!r} is no regular expression: {error}") from error
        if SESSION_GROUP not in pattern.groupindex:
            raise ValueError(f"{text!r} has no group (?P<{SESSION_GROUP}>…)")
        return cls(pattern)

    def session_id(self, key: str) -> str | None:
        """
        Return the session that *key* names; None where the whole key does not match.

        A part of the key is no match even where the expression has no anchors: what is not
        understood to its end is kept.
        """
        match = self.pattern.fullmatch(key)
        return (match[SESSION_GROUP] or None) if match else None
