"""
Saved Logs Insights queries.

AWS: PutQueryDefinition, DescribeQueryDefinitions (by name prefix, in pages) and
DeleteQueryDefinition. 1.5.33: knows none of them, so ``aws_cloudwatch_query_definition`` fails.
Upstream needs: these three.
"""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

from tests.cloud import emulator

DEFAULT_PAGE = 1000

Definition = dict[str, Any]


def apply() -> None:
    """Answer the three actions in front of the service."""
    responses = emulator.module("core.responses")
    store = responses.AccountRegionScopedDict()
    handlers = {"Put": put, "Describe": describe, "Delete": delete}

    def answering(handle: Any) -> Any:
        async def handle_request(
            method: str, path: str, headers: Any, body: bytes, query: Any
        ) -> Any:
            action = headers.get("x-amz-target", "").rpartition(".")[2]
            verb, middle, rest = action.partition("QueryDefinition")
            if not middle or rest not in {"", "s"} or verb not in handlers:
                return await handle(method, path, headers, body, query)
            try:
                return responses.json_response(handlers[verb](store, json.loads(body or b"{}")))
            except LookupError as error:
                return responses.error_response_json("ResourceNotFoundException", str(error), 400)

        return handle_request

    emulator.wrap(emulator.module("services.cloudwatch_logs"), "handle_request", answering)


def put(store: Any, request: Definition) -> Definition:
    """Create a definition, or replace the one whose id is given."""
    identifier = request.get("queryDefinitionId")
    if identifier and identifier not in store:
        raise LookupError("The specified query definition does not exist.")
    identifier = identifier or str(uuid.uuid4())
    kept = ("name", "queryString", "logGroupNames", "queryLanguage")
    store[identifier] = {
        **{key: request[key] for key in kept if request.get(key)},
        "queryDefinitionId": identifier,
        "lastModified": int(time.time() * 1000),
    }
    return {"queryDefinitionId": identifier}


def describe(store: Any, request: Definition) -> Definition:
    """List definitions by name, from the one after the token."""
    prefix = request.get("queryDefinitionNamePrefix", "")
    found = sorted(
        (each for each in store.values() if each["name"].startswith(prefix)),
        key=lambda each: (each["name"], each["queryDefinitionId"]),
    )
    start = int(request.get("nextToken") or 0)
    end = start + int(request.get("maxResults") or DEFAULT_PAGE)
    more = {"nextToken": str(end)} if end < len(found) else {}
    return {"queryDefinitions": found[start:end], **more}


def delete(store: Any, request: Definition) -> Definition:
    """Delete one definition."""
    if store.pop(request["queryDefinitionId"], None) is None:
        raise LookupError("The specified query definition does not exist.")
    return {"success": True}
