"""
An event invoke config holds what was set, and nothing else.

AWS: GetFunctionEventInvokeConfig leaves out the retries and the age that nobody set.
MiniStack 1.5.33: answers its defaults, 2 and 21600, so that a second plan is never empty.
Upstream: store the request's members only; apply the defaults when an event is retried.
"""

from __future__ import annotations

from typing import Any

from tests.cloud import emulator


def apply() -> None:
    """Forget the defaults as soon as they are stored."""
    service = emulator.module("services.lambda_svc")
    emulator.wrap(service, "_put_event_invoke_config", without_defaults)


def without_defaults(put: Any) -> Any:
    """Return *put* that stores only what *data* holds."""

    def put_config(name: str, qualifier: str | None, data: Any) -> Any:
        answer = put(name, qualifier, data)
        service = emulator.module("services.lambda_svc")
        if answer[0] >= 400:
            return answer
        stored = service._event_invoke_config(service._functions[name], qualifier)
        for member in ("MaximumRetryAttempts", "MaximumEventAgeInSeconds"):
            if member not in data:
                del stored[member]
        return service.json_response(stored)

    return put_config
