"""
DeleteObjects takes 1,000 keys, no more.

AWS: MalformedXML above. 1.5.33: any number. Upstream needs: the count.
"""

from __future__ import annotations

from typing import Any

from tests.cloud import emulator

MOST = 1000


def apply() -> None:
    """Count before the deletion begins."""
    emulator.wrap(emulator.module("services.s3"), "_delete_objects", counting)


def counting(delete: Any) -> Any:
    """Return *delete* that refuses too many keys."""

    def delete_objects(bucket: str, body: bytes, headers: Any = None) -> Any:
        if body.count(b"<Object>") > MOST:
            s3 = emulator.module("services.s3")
            return s3._error("MalformedXML", s3._MALFORMED_XML, 400)
        return delete(bucket, body, headers)

    return delete_objects
