"""
DeleteObjects is denied key by key.

AWS: answers 200 with an AccessDenied error for each key that the caller may not delete, and deletes
the others. 1.5.33: denies the whole request. Upstream needs: the checks inside the deletion.
"""

from __future__ import annotations

import contextvars
from html import unescape
from typing import Any
from xml.sax.saxutils import escape

from tests.cloud import emulator
from tests.cloud.corrections.s3_if_match_key import DELETES, MEMBER, OBJECT

CHECKED = {*DELETES, "s3:GetObject"}  # a condition needs the second

# The ARNs that this request may not delete; None where the request is no DeleteObjects.
_denied: contextvars.ContextVar[set[str] | None] = contextvars.ContextVar("denied", default=None)


def apply() -> None:
    """Let denied keys through to the deletion, and there leave them out."""
    emulator.wrap(emulator.module("app"), "_dispatch_service_request", beginning)
    emulator.wrap(emulator.module("core.iam_evaluator"), "enforce", postponing)
    emulator.wrap(emulator.module("services.s3"), "_delete_objects", leaving_out)


def beginning(dispatch: Any) -> Any:
    """Return *dispatch* that begins a DeleteObjects with nothing denied."""

    async def dispatch_service_request(*request: Any) -> Any:
        method, _, _, body, query, _ = request
        batch = method == "POST" and "delete" in query and b"<Delete" in body
        token = _denied.set(set() if batch else None)
        try:
            return await dispatch(*request)
        finally:
            _denied.reset(token)

    return dispatch_service_request


def postponing(enforce: Any) -> Any:
    """Return *enforce* that only notes which keys of a batch are denied."""

    def enforce_later(*who: Any, resource_arn: str = "*", **about: Any) -> Any:
        _, action, *_ = who
        found = enforce(*who, resource_arn=resource_arn, **about)
        denied = _denied.get()
        if denied is None or action not in CHECKED or not hasattr(found, "decision"):
            return found  # allowed, or the credentials are no good
        denied.add(resource_arn)
        return None

    return enforce_later


def leaving_out(delete: Any) -> Any:
    """Return *delete* that answers for denied keys itself."""

    def delete_objects(bucket: str, body: bytes, headers: Any = None) -> Any:
        denied = {arn.partition(f":::{bucket}/")[2] for arn in _denied.get() or ()}
        if not denied:
            return delete(bucket, body, headers)
        refused = []
        for found in OBJECT.finditer(body):
            key = unescape(dict(MEMBER.findall(found[1]))[b"Key"].decode())
            if key in denied:
                body = body.replace(found[0], b"")
                refused.append(key)
        status, answer_headers, answer = delete(bucket, body, headers)
        errors = "".join(
            f"<Error><Key>{escape(key)}</Key><Code>AccessDenied</Code>"
            "<Message>Access Denied</Message></Error>"
            for key in refused
        )
        head, tag, _ = answer.rpartition(b"</DeleteResult>")
        if not tag:  # with nothing left to delete, the element is written as an empty one
            head = answer.rpartition(b"/>")[0].rstrip() + b">"
        return status, answer_headers, head + errors.encode() + b"</DeleteResult>"

    return delete_objects
