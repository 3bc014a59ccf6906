"""
Keep every call, with the authorization checks that it needed, for tests to count and compare.

Calls are kept for each account, the newest ``KEPT`` of them; a call's body is kept only when a role
made it, since that is what tests ask about, and their own seeding would fill the memory.
"""

from __future__ import annotations

import collections
import contextvars
import json
import re
import time
from typing import Any

from tests.cloud import emulator
from tests.cloud.doors import door

KEPT = 100_000

Row = dict[str, Any]  # the fields of account.Call
CALLS: dict[str, collections.deque[Row]] = collections.defaultdict(
    lambda: collections.deque(maxlen=KEPT)
)
_checks: contextvars.ContextVar[list[Row] | None] = contextvars.ContextVar("checks", default=None)

XML_ERROR = re.compile(rb"<Code>([^<]+)</Code>")
S3_OPERATIONS = {
    # what a bucket's or an object's sub-resource makes of a method
    ("GET", "list-type"): "ListObjectsV2",
    ("GET", "uploads"): "ListMultipartUploads",
    ("GET", "versions"): "ListObjectVersions",
    ("POST", "delete"): "DeleteObjects",
    ("POST", "uploads"): "CreateMultipartUpload",
    ("PUT", "uploadId"): "UploadPart",
    ("POST", "uploadId"): "CompleteMultipartUpload",
    ("GET", "uploadId"): "ListParts",
    ("DELETE", "uploadId"): "AbortMultipartUpload",
}


def install(app: Any) -> None:
    """Record what *app*, the emulator's ASGI module, dispatches and what it checks."""
    emulator.wrap(emulator.module("core.iam_evaluator"), "enforce", noting_checks)
    emulator.wrap(app, "_dispatch_service_request", recording)


def noting_checks(enforce: Any) -> Any:
    """Return *enforce* that notes what it was asked and what it answered."""

    def noting(*who: Any, resource_arn: str = "*", **about: Any) -> Any:
        denied = enforce(*who, resource_arn=resource_arn, **about)
        checks = _checks.get()
        if checks is not None:
            _, action, *_ = who
            checks.append({"action": action, "resource": resource_arn, "allowed": denied is None})
        return denied

    return noting


def recording(dispatch: Any) -> Any:
    """Return *dispatch* that keeps each call."""

    async def recorded(*request: Any) -> Any:
        token = _checks.set([])
        try:
            answer = await dispatch(*request)
            checks = _checks.get() or []
        finally:
            _checks.reset(token)
        account, _ = emulator.current_scope()
        CALLS[account].append(row(request, answer, checks))
        return answer

    return recorded


def row(request: Any, answer: Any, checks: list[Row]) -> Row:
    """Describe one call."""
    method, path, headers, body, query, _ = request
    app, actions = emulator.module("app"), emulator.module("core.iam_actions")
    account, region = emulator.current_scope()
    params = app._routing_params(method, path, headers, body, query)
    service = app.detect_service(method, path, headers, params)
    about = (service, method, path, headers, body, params)
    action = actions.extract_iam_action(*about) or f"{service}:*"
    principal = caller(app.extract_access_key_id(headers, query), account)
    return {
        "service": service,
        "operation": operation(service, method, path, params) or action.partition(":")[2],
        "action": checks[0]["action"] if checks else action,
        "resource": actions.extract_resource_arn(*about, region, account),
        "principal": principal,
        "status": answer[0],
        "error": error_code(answer) if answer[0] >= 400 else "",
        "time": time.time(),
        "request": request_body(body) if ":assumed-role/" in principal else {},
        "checks": checks,
    }


def operation(service: str, method: str, path: str, params: Any) -> str:
    """Name the API's operation where IAM's action has another name, else ""."""
    if service != "s3":
        return ""
    if method == "HEAD":
        return "HeadObject" if "/" in path.strip("/") else "HeadBucket"
    for (verb, resource), name in S3_OPERATIONS.items():
        if verb == method and resource in params:
            return name
    return ""


def caller(access_key: str, account: str) -> str:
    """Return the ARN of the principal that an access key belongs to."""
    evaluator = emulator.module("core.iam_evaluator")
    found = evaluator.resolve_credential(access_key, account)
    return getattr(found, "principal_arn", "") or "anonymous"


def error_code(answer: Any) -> str:
    """Find the service's error code in an answer, whatever the protocol."""
    _, headers, body = answer
    named = {key.lower(): value for key, value in headers.items()}.get("x-amzn-errortype", "")
    if named:
        return str(named).split(":")[0]
    raw = body if isinstance(body, bytes) else str(body).encode()
    if found := XML_ERROR.search(raw):
        return found[1].decode()
    with_type = request_body(raw).get("__type", "")
    return str(with_type).rpartition("#")[2] or "Error"


def request_body(body: bytes) -> dict[str, Any]:
    """Return a JSON body's object, an empty one for any other body."""
    try:
        found = json.loads(body or b"{}")
    except (ValueError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


@door("calls")
def calls(role: str = "") -> list[Row]:
    """Return the account's calls, oldest first; of one role where it is named."""
    kept = list(CALLS[emulator.current_scope()[0]])
    return [call for call in kept if not role or f":assumed-role/{role}/" in call["principal"]]


@door("clear-calls")
def clear_calls() -> None:
    """Forget the account's calls."""
    CALLS.pop(emulator.current_scope()[0], None)
