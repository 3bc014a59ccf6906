"""
Asynchronous invocations: Lambda's queue in front of a function, and where its failures go.

Time is told twice: an event's age, which decides about giving up, counts the waits that AWS would
make; the waits themselves are ``retry_base_s`` where AWS waits a minute.
"""
# ruff: noqa: SLF001 - it reaches into the emulator by its nature

from __future__ import annotations

import collections
import contextvars
import json
import logging
import os
import threading
import time
import uuid
from dataclasses import dataclass
from typing import Any

from tests.cloud import emulator
from tests.cloud.doors import DoorError, door
from tests.cloud.lambda_environment import utc
from tests.cloud.lambda_role import client

AWS_RETRY_S = 60.0  # doubled for the second
AWS_MAX_THROTTLED_S = 300.0
SETTLE_LIMIT_S = 120.0
DELIVERY = "Lambda Function Invocation Result - "

log = logging.getLogger(__name__)

# Of the Invoke request, or of the event that a service sent: all attempts run under it.
request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="")
_pending: collections.Counter[str] = collections.Counter()  # by account
_changed = threading.Condition()


def retry_base_s() -> float:
    """Return how long stands for AWS's minute."""
    return float(os.environ.get("LAMBDA_ASYNC_RETRY_BASE_SECONDS", "0.1"))


@dataclass(frozen=True, slots=True)
class Settings:
    """What a function's owner chose for asynchronous invocations."""

    max_retries: int
    max_age_s: int
    on_success: str
    on_failure: str
    dead_letters: str

    @classmethod
    def of(cls, config: Any) -> Settings:
        """Read them for the version or alias that is invoked."""
        service = emulator.module("services.lambda_svc")
        function = service._functions.get(config["FunctionName"]) or {}
        qualifier = qualified(config).rpartition(":")[2]
        chosen = service._event_invoke_config(function, qualifier) or {}
        if qualifier == "$LATEST":
            chosen = chosen or service._event_invoke_config(function, None) or {}
        destinations = chosen.get("DestinationConfig") or {}
        return cls(
            max_retries=chosen.get("MaximumRetryAttempts", 2),
            max_age_s=chosen.get("MaximumEventAgeInSeconds", 6 * 3600),
            on_success=(destinations.get("OnSuccess") or {}).get("Destination", ""),
            on_failure=(destinations.get("OnFailure") or {}).get("Destination", ""),
            dead_letters=(config.get("DeadLetterConfig") or {}).get("TargetArn", ""),
        )


@dataclass(slots=True)
class Attempts:
    """How far an event has come."""

    count: int = 0
    result: Any = None
    condition: str = ""


def qualified(config: Any) -> str:
    """Return the ARN that was invoked, with its version or alias."""
    arn: str = config["FunctionArn"]
    return arn if arn.count(":") > 6 else f"{arn}:$LATEST"


def invoke(func: Any, event: Any) -> None:
    """Accept an event; what becomes of it is decided in a thread."""
    config = func.get("config") or func
    account = config["FunctionArn"].split(":")[4]
    with _changed:
        _pending[account] += 1
    context = contextvars.copy_context()
    threading.Thread(
        target=context.run, args=(serve, func, config, event, account), daemon=True
    ).start()


def serve(func: Any, config: Any, event: Any, account: str) -> None:
    """Bring an event to its end, in the scope of its function."""
    service = emulator.module("services.lambda_svc")
    request_id.set(request_id.get() or str(uuid.uuid4()))
    try:
        service._run_with_function_config_scope(config, finish, func, config, event)
    except Exception:
        log.exception("asynchronous invocation of %s", config["FunctionArn"])
    finally:
        with _changed:
            _pending[account] -= 1
            _changed.notify_all()


def finish(func: Any, config: Any, event: Any) -> None:
    """Run the function until it succeeds or patience ends; then tell the destination."""
    settings = Settings.of(config)
    count("AsyncEventsReceived", config)
    attempts = attempt(func, settings, event)
    if attempts.condition == "Success":
        if settings.on_success:
            deliver(config, settings.on_success, record(config, event, attempts), "Success")
        return
    count("AsyncEventsDropped", config)
    if settings.dead_letters:
        bury(config, settings.dead_letters, event, attempts)
    if settings.on_failure:
        deliver(config, settings.on_failure, record(config, event, attempts), "Failure")


def attempt(func: Any, settings: Settings, event: Any) -> Attempts:
    """Run the function as often as it takes, or as may be."""
    service = emulator.module("services.lambda_svc")
    begun_s, skipped_s, throttled_s = time.monotonic(), 0.0, 1.0
    attempts = Attempts()
    while True:
        result = service._execute_function(func, event)
        if result.get("throttle"):
            if service._reserved_concurrency(func, func.get("config") or func) == 0:
                attempts.condition = "ZeroReservedConcurrency"
                return attempts
            wait_s, throttled_s = throttled_s, min(throttled_s * 2, AWS_MAX_THROTTLED_S)
        else:
            attempts.count, attempts.result = attempts.count + 1, result
            if not result.get("error"):
                attempts.condition = "Success"
                return attempts
            if attempts.count > settings.max_retries:
                attempts.condition = "RetriesExhausted"
                return attempts
            wait_s = AWS_RETRY_S * 2 ** (attempts.count - 1)
        if time.monotonic() - begun_s + skipped_s + wait_s > settings.max_age_s:
            attempts.condition = "EventAgeExceeded"
            return attempts
        skipped_s += wait_s
        time.sleep(wait_s * retry_base_s() / AWS_RETRY_S)


def record(config: Any, event: Any, attempts: Attempts) -> dict[str, Any]:
    """Return what a destination gets."""
    whole: dict[str, Any] = {
        "version": "1.0",
        "timestamp": utc(int(time.time() * 1000)),
        "requestContext": {
            "requestId": request_id.get(),
            "functionArn": qualified(config),
            "condition": attempts.condition,
            "approximateInvokeCount": attempts.count,
        },
        "requestPayload": event,
    }
    if attempts.result:
        body = attempts.result.get("body")
        whole["responseContext"] = {"statusCode": 200, "executedVersion": config["Version"]}
        if attempts.result.get("error"):
            whole["responseContext"]["functionError"] = "Unhandled"
        whole["responsePayload"] = json.loads(body) if isinstance(body, str) else body
    return whole


def deliver(config: Any, target: str, whole: dict[str, Any], kind: str) -> None:
    """Send a record to a destination, with the function's own role."""
    body = json.dumps(whole, ensure_ascii=False)
    service = target.split(":")[2]
    try:
        if service == "sqs":
            client(config, "sqs").send_message(QueueUrl=queue_url(target), MessageBody=body)
        elif service == "sns":
            client(config, "sns").publish(TopicArn=target, Message=body)
        elif service == "lambda":
            client(config, "lambda").invoke(
                FunctionName=target, InvocationType="Event", Payload=body
            )
        else:
            entry = {"EventBusName": target, "Source": "lambda", "DetailType": DELIVERY + kind}
            client(config, "events").put_events(Entries=[{**entry, "Detail": body}])
    except Exception as error:  # noqa: BLE001 - AWS drops the record and counts
        log.warning("%s: destination %s: %s", config["FunctionArn"], target, error)
        count("DestinationDeliveryFailures", config)


def bury(config: Any, target: str, event: Any, attempts: Attempts) -> None:
    """Send the event itself, with why it failed, to the dead-letter queue or topic."""
    error = (attempts.result or {}).get("body") or {}
    attributes = {
        "RequestID": {"DataType": "String", "StringValue": request_id.get()},
        "ErrorCode": {"DataType": "Number", "StringValue": "200" if attempts.result else "429"},
        "ErrorMessage": {
            "DataType": "String",
            "StringValue": error.get("errorMessage", "")[:1024] or attempts.condition,
        },
    }
    body = json.dumps(event, ensure_ascii=False)
    try:
        if target.split(":")[2] == "sqs":
            client(config, "sqs").send_message(
                QueueUrl=queue_url(target), MessageBody=body, MessageAttributes=attributes
            )
        else:
            client(config, "sns").publish(
                TopicArn=target, Message=body, MessageAttributes=attributes
            )
    except Exception as refused:  # noqa: BLE001 - AWS drops the event and counts
        log.warning("%s: dead letters %s: %s", config["FunctionArn"], target, refused)
        count("DeadLetterErrors", config)


def queue_url(arn: str) -> str:
    """Return the URL of a queue of this cloud."""
    account, name = arn.split(":")[4:]
    return f"https://127.0.0.1:{os.environ['GATEWAY_PORT']}/{account}/{name}"


def count(metric: str, config: Any) -> None:
    """Add one to a metric of the function."""
    emulator.module("services.cloudwatch").record_metric(
        "AWS/Lambda", metric, 1, "Count", {"FunctionName": config["FunctionName"]}
    )


@door("lambda-settle")
def settle() -> None:
    """
    Wait until no asynchronous invocation of the account is under way.

    Raises:
        DoorError: One still is after ``SETTLE_LIMIT_S``.
    """
    account, _ = emulator.current_scope()
    with _changed:
        if not _changed.wait_for(lambda: not _pending[account], SETTLE_LIMIT_S):
            raise DoorError(f"{_pending[account]} asynchronous invocations are still under way")
