"""
Show a key that is itself a secret by the beginning of its hash, wherever people may read it.

Makes no call. The same key always shows the same, so that lines about one row can be put together,
and whoever holds the secret can find its lines: ``printf %s "$KEY" | sha256sum | cut -c1-12``.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from expiry.attributes import json_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from expiry.statements import Key

DIGITS = 12  # of SHA-256: enough to tell a million keys apart, no help in guessing one


def masked(secret: str) -> str:
    """Return the first 12 hex digits of the SHA-256 of *secret*."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()[:DIGITS]


def shown_key(key: Key, key_names: tuple[str, ...], *, secret: bool) -> dict[str, int | str]:
    """
    Return a row's key for people and JSON; *key* may be a whole row.

    Where it is *secret*, the range key is masked, or the hash key in a table that has no other.
    """
    shown = {name: json_key(key[name]) for name in key_names}
    if secret:
        last = key_names[-1]
        shown[last] = masked(str(shown[last]))
    return shown


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return *text*, such as a service's message, with each of *secrets* masked in it."""
    for secret in sorted(set(secrets) - {""}, key=len, reverse=True):
        text = text.replace(secret, masked(secret))
    return text
