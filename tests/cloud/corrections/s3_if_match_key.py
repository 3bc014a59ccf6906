"""
IAM can demand that a deletion names an ETag.

AWS: the condition key ``s3:if-match`` holds the If-Match header of a DeleteObject, and of each key
of DeleteObjects its ETag; ``Null {"s3:if-match": "true"}`` in a Deny refuses blind deletes. 1.5.33:
the key is always absent, so such a role may delete nothing. Upstream needs: the key's context.
"""

from __future__ import annotations

import contextvars
import re
from html import unescape
from typing import Any

from tests.cloud import emulator

OBJECT = re.compile(rb"<Object>(.*?)</Object>", re.DOTALL)
MEMBER = re.compile(rb"<(Key|ETag)>(.*?)</\1>", re.DOTALL)
KEY = "s3:if-match"
DELETES = {"s3:DeleteObject", "s3:DeleteObjectVersion"}

_etags: contextvars.ContextVar[dict[str, str] | None] = contextvars.ContextVar(
    "etags", default=None
)


def apply() -> None:
    """Read the ETags when a request comes in, hand them to IAM with each check."""
    emulator.wrap(emulator.module("app"), "_dispatch_service_request", reading)
    emulator.wrap(emulator.module("core.iam_evaluator"), "enforce", adding)


def reading(dispatch: Any) -> Any:
    """Return *dispatch* that keeps what ETags a deletion names."""

    async def dispatch_service_request(*request: Any) -> Any:
        method, path, headers, body, query, _ = request
        found: dict[str, str] = {}
        if method == "DELETE" and headers.get("if-match"):
            found[f"arn:aws:s3:::{path.lstrip('/')}"] = headers["if-match"]
        elif method == "POST" and "delete" in query and b"<Delete" in body:
            found = listed(path.strip("/"), body)
        token = _etags.set(found)
        try:
            return await dispatch(*request)
        finally:
            _etags.reset(token)

    return dispatch_service_request


def listed(bucket: str, body: bytes) -> dict[str, str]:
    """Return the ETag of each object, by its ARN, that a DeleteObjects request names one for."""
    found = {}
    for each in OBJECT.findall(body):
        members = {name: unescape(text.decode()) for name, text in MEMBER.findall(each)}
        if members.get(b"ETag"):
            found[f"arn:aws:s3:::{bucket}/{members[b'Key']}"] = members[b"ETag"]
    return found


def adding(enforce: Any) -> Any:
    """Return *enforce* whose context holds the ETag of the object that is to be deleted."""

    def enforce_with_etag(*who: Any, resource_arn: str = "*", **about: Any) -> Any:
        _, action, *_ = who
        etag = (_etags.get() or {}).get(resource_arn)
        if action in DELETES and etag:
            about["service_context"] = {**(about.get("service_context") or {}), KEY: etag}
        return enforce(*who, resource_arn=resource_arn, **about)

    return enforce_with_etag
