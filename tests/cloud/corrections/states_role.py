"""
A state machine calls Lambda and SQS as its role.

AWS: Step Functions assumes the state machine's role (its trust policy names states.amazonaws.com,
with the state machine as SourceArn) and makes each task's call with it; what the role lacks fails
the task. 1.5.33: calls the services' code inside, whatever the role. Here each call goes through
our own front door, so IAM judges it and the recorder sees it.
Upstream needs: the role's credentials for the call.
"""

from __future__ import annotations

import contextvars
import json
from typing import Any

from tests.cloud import emulator
from tests.cloud.front_door import client
from tests.cloud.principals import role_keys, trusts

SERVICE = "states.amazonaws.com"
SEND = "arn:aws:states:::sqs:sendMessage"

_execution: contextvars.ContextVar[str] = contextvars.ContextVar("execution")


def apply() -> None:
    """Let tasks know which execution they are of, and take over the calls that modules make."""
    states = emulator.module("services.stepfunctions")
    emulator.wrap(states, "_run_execution", known)
    states._call_lambda = call_lambda
    states._SERVICE_DISPATCH[SEND] = send_message


def known(run: Any) -> Any:
    """Return *run* whose tasks can ask for their execution; threads copy the context."""

    def run_execution(arn: str) -> Any:
        _execution.set(arn)
        return run(arn)

    return run_execution


def call_lambda(function: str, event: Any) -> Any:
    """Invoke a function as the role; its error is the task's."""
    answer = call("lambda", "Lambda", "invoke", FunctionName=function, Payload=json.dumps(event))
    text = answer["Payload"].read()
    result = json.loads(text) if text else None
    if "FunctionError" in answer:
        kind = result.get("errorType", "Lambda.Unknown") if isinstance(result, dict) else ""
        raise failure(kind or "Lambda.Unknown", json.dumps(result))
    return result


def send_message(_: str, given: Any) -> Any:
    """Send a message as the role; a body that is an object goes as JSON."""
    body = given.get("MessageBody")
    message = given | {"MessageBody": body if isinstance(body, str) else json.dumps(body)}
    answer = call("sqs", "SQS", "send_message", **message)
    answer.pop("ResponseMetadata", None)
    return answer


def call(service: str, prefix: str, operation: str, **request: Any) -> Any:
    """Make one call as the state machine's role; a refusal fails the task."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 - only when a task runs

    try:
        return getattr(client(service, keys()), operation)(**request)
    except ClientError as error:
        about = error.response["Error"]
        code = about["Code"].rpartition(".")[2]
        raise failure(f"{prefix}.{code}", about["Message"]) from error


def keys() -> dict[str, str]:
    """Return the credentials of the role of the execution that asks."""
    states = emulator.module("services.stepfunctions")
    execution = states._executions[_execution.get()]
    machine = states._state_machines[execution["stateMachineArn"]]
    role = machine["roleArn"].rpartition("/")[2]
    if not trusts(role, SERVICE, execution["stateMachineArn"]):
        raise failure("States.Permissions", f"{SERVICE} may not assume {role}")
    found: dict[str, str] = role_keys(role, session=machine["name"])
    return found


def failure(error: str, cause: str) -> Exception:
    """Return what ends a task with *error*."""
    made: Exception = emulator.module("services.stepfunctions")._ExecutionError(error, cause)
    return made
