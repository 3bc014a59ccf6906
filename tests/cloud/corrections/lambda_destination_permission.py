"""
A destination that the function's role may not send to is refused when it is configured.

AWS: CreateFunction, UpdateFunctionConfiguration (dead letters) and PutFunctionEventInvokeConfig
(destinations) check the role, so that an apply in the wrong order fails.
MiniStack 1.5.33: takes any.
Upstream: ask the policy evaluator for the role, as here.
"""

from __future__ import annotations

from typing import Any

from tests.cloud import emulator
from tests.cloud.lambda_role import may

SENDING = {
    "sqs": ("sqs:SendMessage", "SendMessage on SQS"),
    "sns": ("sns:Publish", "Publish on SNS"),
    "lambda": ("lambda:InvokeFunction", "InvokeFunction on Lambda"),
    "events": ("events:PutEvents", "PutEvents on EventBridge"),
}


def apply() -> None:
    """Check the role before each of the three calls."""
    service = emulator.module("services.lambda_svc")
    emulator.wrap(service, "_create_function", checking_creation)
    emulator.wrap(service, "_update_config", checking_update)
    emulator.wrap(service, "_put_event_invoke_config", checking_destinations)


def refusal(config: Any, target: str) -> Any:
    """Return AWS's refusal of *target*, or None where the role may send there."""
    action, words = SENDING.get(target.split(":")[2] if target else "", ("", ""))
    if not action or may(config, action, target):
        return None
    return emulator.module("services.lambda_svc").error_response_json(
        "InvalidParameterValueException",
        f"The provided execution role does not have permissions to call {words}",
        400,
    )


def dead_letters(config: Any, data: Any) -> Any:
    """Return the refusal of a request's dead-letter target, or None."""
    return refusal(config, (data.get("DeadLetterConfig") or {}).get("TargetArn", ""))


def checking_creation(create: Any) -> Any:
    """Return *create* that checks the dead-letter target."""

    def create_function(data: Any) -> Any:
        service = emulator.module("services.lambda_svc")
        name, role = data.get("FunctionName", ""), data.get("Role", "")
        config = {"FunctionName": name, "FunctionArn": service._func_arn(name), "Role": role}
        return dead_letters(config, data) or create(data)

    return create_function


def checking_update(update: Any) -> Any:
    """Return *update* that checks the dead-letter target, for the role that will be."""

    def update_config(name: str, data: Any) -> Any:
        function = emulator.module("services.lambda_svc")._functions.get(name)
        if function is None:
            return update(name, data)
        config = {**function["config"], **({"Role": data["Role"]} if data.get("Role") else {})}
        return dead_letters(config, data) or update(name, data)

    return update_config


def checking_destinations(put: Any) -> Any:
    """Return *put* that checks the destinations."""

    def put_config(name: str, qualifier: str | None, data: Any) -> Any:
        function = emulator.module("services.lambda_svc")._functions.get(name)
        for destination in (data.get("DestinationConfig") or {}).values():
            target = (destination or {}).get("Destination", "")
            if function and (refused := refusal(function["config"], target)):
                return refused
        return put(name, qualifier, data)

    return put_config
