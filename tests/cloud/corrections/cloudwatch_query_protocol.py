"""
CloudWatch over the Query protocol knows every field that the other protocols know.

AWS: one API over three protocols. 1.5.33: over Query and XML, which Terraform's provider speaks,
PutMetricAlarm drops ``Metrics`` and ``InsufficientDataActions``, DescribeAlarms leaves out
ActionsEnabled, Period, Statistic, Dimensions, actions and TreatMissingData, and GetMetricData
knows no expression, so a second plan is never empty. Here a Query request is read and its answer
written by botocore's model of the service, around the JSON implementation.
Upstream needs: the same, or the missing fields in the hand-written XML.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from tests.cloud import emulator

TARGET = "GraniteServiceVersion20100801"


def apply() -> None:
    """Translate in front of the service's one entry."""
    emulator.wrap(emulator.module("services.cloudwatch"), "handle_request", translating)


@functools.cache
def service_model() -> Any:
    """Load botocore's description of the service; late, since it takes a moment."""
    from botocore.loaders import Loader  # noqa: PLC0415
    from botocore.model import ServiceModel  # noqa: PLC0415

    return ServiceModel(Loader().load_service_model("cloudwatch", "service-2"), "cloudwatch")


def translating(handle: Any) -> Any:
    """Return *handle* that gets Query requests as JSON ones."""

    async def handle_request(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
        params = {**query, **parse_qs(body.decode(errors="replace"), keep_blank_values=True)}
        flat = {
            key: value[0] if isinstance(value, list) else value for key, value in params.items()
        }
        action = flat.get("Action", "")
        if "x-amz-target" in headers or action not in service_model().operation_names:
            return await handle(method, path, headers, body, query)
        operation = service_model().operation_model(action)
        request = read(operation.input_shape, "", flat) if operation.input_shape else {}
        json_headers = {
            **headers,
            "content-type": "application/x-amz-json-1.0",
            "x-amz-target": f"{TARGET}.{action}",
        }
        status, _, answer = await handle(
            method, path, json_headers, json.dumps(request).encode(), {}
        )
        found = json.loads(answer or b"{}")
        cloudwatch = emulator.module("services.cloudwatch")
        if status != 200:
            return cloudwatch._error(found.get("__type", ""), found.get("message", ""), status)
        result = operation.output_shape
        inner = f"<{action}Result>{write(result, found)}</{action}Result>" if result else ""
        return cloudwatch._xml(200, f"{action}Response", inner)

    return handle_request


def read(shape: Any, prefix: str, flat: dict[str, str]) -> Any:
    """Read a value of *shape* from Query parameters whose names start with *prefix*."""
    if shape.type_name == "structure":
        members = {name: f"{prefix}.{name}" if prefix else name for name in shape.members}
        return {
            name: read(shape.members[name], key, flat)
            for name, key in members.items()
            if present(key, flat)
        }
    if shape.type_name == "list":
        items: list[Any] = []
        while present(key := f"{prefix}.member.{len(items) + 1}", flat):
            items.append(read(shape.member, key, flat))
        return items
    text = flat[prefix]
    if shape.type_name == "boolean":
        return text == "true"
    if shape.type_name in {"integer", "long"}:
        return int(text)
    return float(text) if shape.type_name in {"double", "float"} else text


def present(key: str, flat: dict[str, str]) -> bool:
    """Tell whether a parameter, or a part of it, was sent."""
    return key in flat or any(name.startswith(f"{key}.") for name in flat)


def write(shape: Any, value: Any) -> str:
    """Write a value of *shape* as the inside of an XML element."""
    if shape.type_name == "structure":
        return "".join(
            f"<{name}>{write(member, value[name])}</{name}>"
            for name, member in shape.members.items()
            if value.get(name) is not None
        )
    if shape.type_name == "list":
        return "".join(f"<member>{write(shape.member, item)}</member>" for item in value)
    if shape.type_name == "boolean":
        return str(bool(value)).lower()
    if shape.type_name == "timestamp" and isinstance(value, int | float):
        return dt.datetime.fromtimestamp(value, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return escape(str(value))
