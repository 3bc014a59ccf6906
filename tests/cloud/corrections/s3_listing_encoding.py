"""
Listings of uploads and of versions encode keys when they are asked to.

AWS: with ``encoding-type=url`` keys, markers and prefixes are percent-encoded, so that a key with a
character that XML forbids can be listed. 1.5.33: does so for objects only; such a key makes the
whole listing unreadable. Upstream needs: the encoding of these members.
"""

from __future__ import annotations

import contextvars
from typing import Any

from tests.cloud import emulator

ENCODED = {"Delimiter", "Key", "KeyMarker", "NextKeyMarker", "Prefix"}
LISTINGS = ("_list_multipart_uploads", "_list_object_versions")

_encoding: contextvars.ContextVar[str] = contextvars.ContextVar("encoding", default="")


def apply() -> None:
    """Note what a listing is asked for, and encode where it writes its answer."""
    s3 = emulator.module("services.s3")
    for name in LISTINGS:
        emulator.wrap(s3, name, noting)
    emulator.wrap(s3, "_xml_body", encoding)


def noting(listing: Any) -> Any:
    """Return *listing* that notes the encoding it is asked for."""

    def listed(bucket: str, query: Any) -> Any:
        s3 = emulator.module("services.s3")
        token = _encoding.set(s3._qp(query, "encoding-type", ""))
        try:
            return listing(bucket, query)
        finally:
            _encoding.reset(token)

    return listed


def encoding(write: Any) -> Any:
    """Return *write* that encodes the members that name keys."""

    def xml_body(root: Any) -> Any:
        if _encoding.get() == "url":
            s3 = emulator.module("services.s3")
            for member in root.iter():
                if member.tag.rpartition("}")[2] in ENCODED and member.text:
                    member.text = s3._url_encode(member.text)
            s3.SubElement(root, "EncodingType").text = "url"
        return write(root)

    return xml_body
