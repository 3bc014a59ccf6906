"""
Requests that AWS does not know: ``POST /_expiry/<name>`` with JSON in and out.

A door runs in a thread, within the account and region that the request names, so it may block and
may use the emulator's own stores.
"""

from __future__ import annotations

import asyncio
import json
import traceback
from typing import TYPE_CHECKING, Any

from tests.cloud import emulator

if TYPE_CHECKING:
    from collections.abc import Callable

PREFIX = "/_expiry/"

Door = Any  # a function from keyword arguments to what JSON can hold
DOORS: dict[str, Door] = {}


class DoorError(Exception):
    """What was asked cannot be done; the text goes to who asked."""


def door(name: str) -> Callable[[Door], Door]:
    """Register a function as the door of that name."""

    def register(function: Door) -> Door:
        DOORS[name] = function
        return function

    return register


def open_door(name: str, body: bytes) -> tuple[int, bytes]:
    """Run a door; return the HTTP status and the body of the answer."""
    if name not in DOORS:
        return 404, f"no door named {name}".encode()
    arguments = json.loads(body or b"{}")
    account, region = arguments.pop("account", ""), arguments.pop("region", "")
    try:
        with emulator.scope(account, region):
            return 200, json.dumps(DOORS[name](**arguments), default=str).encode()
    except DoorError as error:
        return 400, str(error).encode()
    except Exception:  # noqa: BLE001 - whatever it was, who asked must see it
        return 500, traceback.format_exc().encode()


async def read_body(receive: Any) -> bytes:
    """Read an ASGI request to its end."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


def with_doors(app: Any) -> Any:
    """Return an ASGI application that answers doors itself and leaves the rest to *app*."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await app(scope, receive, send)
            return
        name = scope["path"].removeprefix(PREFIX)
        status, answer = await asyncio.to_thread(open_door, name, await read_body(receive))
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    return application
