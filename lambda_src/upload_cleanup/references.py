"""
Read which sessions still stand behind keys.

Calls: dynamodb:BatchGetItem, consistent, a hundred distinct sessions a call. A session that could
not be read is neither there nor absent, and whatever depends on it is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from expiry.rows import Fetched, Key, Rows
    from expiry.scanning import Row
    from upload_cleanup.settings import Attributes

UPLOADED = "uploaded"
READ_AT_ONCE = 100  # of BatchGetItem


@dataclass(frozen=True, slots=True)
class Known:
    """What one reading of sessions has told."""

    attributes: Attributes
    fetched: Fetched

    def row(self, session_id: str) -> Row | None:
        """Return the session's row; None is no proof of absence, see :meth:`absent`."""
        return self.fetched.row(self._key(session_id))

    def absent(self, session_id: str) -> bool:
        """Say whether the table has said that there is no such session."""
        return self.fetched.absent(self._key(session_id))

    def has_uploaded(self, session_id: str, key: str) -> bool:
        """Say whether the session is an uploaded one, and *key* what it uploaded."""
        row, names = self.row(session_id), self.attributes
        return (
            row is not None
            and row.get(names.status) == {"S": UPLOADED}
            and row.get(names.key) == {"S": key}
        )

    def names_another_upload(self, session_id: str, upload_id: str) -> bool:
        """Say whether the session is there and names an upload, but not this one."""
        row = self.row(session_id)
        named = (row or {}).get(self.attributes.upload_id, {}).get("S")
        return bool(named) and named != upload_id

    def _key(self, session_id: str) -> Key:
        return {self.attributes.session_id: {"S": session_id}}


@dataclass(frozen=True, slots=True)
class References:
    """The sessions of one table."""

    rows: Rows
    attributes: Attributes

    def read(self, session_ids: Iterable[str]) -> Known:
        """
        Read sessions, each once.

        Raises:
            StoreError: The role or the table is wrong, so that nothing can be read at all.
        """
        names = self.attributes
        keys = [{names.session_id: {"S": each}} for each in dict.fromkeys(session_ids)]
        fetched = self.rows.get(keys, (names.status, names.key, names.upload_id))
        return Known(names, fetched)
