"""
An Invoke request is one invocation: it is told by its request ID, and its payload is JSON.

AWS: the request ID of the answer is the function's ``aws_request_id``, and a payload that is not
JSON is refused (InvalidRequestContentException).
MiniStack 1.5.33: two different IDs, and the function runs with ``{}`` instead.
Upstream: hand the request's ID to ``_invoke``; raise where the body does not parse.
"""

from __future__ import annotations

import json
from typing import Any

from tests.cloud import emulator, lambda_async


def apply() -> None:
    """Look at each request before the emulator does."""
    emulator.wrap(emulator.module("app"), "_dispatch_service_request", identifying)


def identifying(dispatch: Any) -> Any:
    """Return *dispatch* that keeps the ID of an invocation's request, and reads its payload."""

    async def identified(  # noqa: PLR0917 - the emulator's own signature
        method: str, path: str, headers: Any, body: bytes, query: Any, request_id: str
    ) -> Any:
        if method != "POST" or not path.endswith("/invocations"):
            return await dispatch(method, path, headers, body, query, request_id)
        if problem := unreadable(body):
            return emulator.module("services.lambda_svc").error_response_json(
                "InvalidRequestContentException", problem, 400
            )
        token = lambda_async.request_id.set(request_id)
        try:
            return await dispatch(method, path, headers, body, query, request_id)
        finally:
            lambda_async.request_id.reset(token)

    return identified


def unreadable(body: bytes) -> str:
    """Say why a payload is not JSON, "" where it is, or where there is none."""
    try:
        json.loads(body or b"{}")
    except ValueError as error:
        return f"Could not parse request body into json: {error}"
    return ""
