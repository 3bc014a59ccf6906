"""
A schedule reaches its target as its role, or its dead-letter queue says why not.

AWS: Scheduler assumes the schedule's role (its trust policy names scheduler.amazonaws.com, with the
schedule group as SourceArn) and calls the target with it; what cannot be delivered goes to the
dead-letter queue with the error in the message's attributes. 1.5.33: calls the target's code
inside, whatever the role, and drops failures; it fires by its own clock only, and knows no context
attributes. Here each delivery is a signed call to our own front door, so IAM judges it and the
recorder sees it; a door fires a schedule by name, as it was deployed.
Upstream needs: the role's credentials for the call, and DeadLetterConfig.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import uuid
from dataclasses import dataclass, field
from typing import Any

from tests.cloud import emulator
from tests.cloud.doors import DoorError, door
from tests.cloud.front_door import client
from tests.cloud.principals import role_keys, trusts

SERVICE = "scheduler.amazonaws.com"

Schedule = dict[str, Any]


class DeliveryError(Exception):
    """The target was not reached; ``code`` is the service's own."""

    def __init__(self, code: str, message: str) -> None:
        """Hold the service's error."""
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Delivery:
    """One firing of one schedule."""

    schedule: Schedule
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    at: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))

    @property
    def target(self) -> dict[str, Any]:
        """The schedule's target, as it was put."""
        found: dict[str, Any] = self.schedule["Target"]
        return found

    @property
    def time(self) -> str:
        """The time as Scheduler writes it."""
        return self.at.strftime("%Y-%m-%dT%H:%M:%SZ")

    def input(self) -> str:
        """Return the input with Scheduler's context attributes filled in."""
        account, region = emulator.current_scope()
        default = {
            "version": "0",
            "id": self.id,
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": account,
            "time": self.time,
            "region": region,
            "resources": [self.schedule["Arn"]],
            "detail": "{}",
        }
        text: str = self.target.get("Input") or json.dumps(default)
        context = {
            "schedule-arn": self.schedule["Arn"],
            "scheduled-time": self.time,
            "execution-id": self.id,
            "attempt-number": "1",
        }
        for name, value in context.items():
            text = text.replace(f"<aws.scheduler.{name}>", value)
        return text


def apply() -> None:
    """Deliver what the emulator's ticker finds due, too."""
    emulator.wrap(emulator.module("services.eventbridge"), "_invoke_target", delivering)


def delivering(invoke: Any) -> Any:
    """Return *invoke* that leaves schedules to us."""

    def invoke_target(target: Any, event: Any, rule: Any, view: Any = None) -> Any:
        if event.get("Source") == "aws.scheduler" and "ScheduleExpression" in rule:
            return deliver(Delivery(rule))
        return invoke(target, event, rule, view)

    return invoke_target


@door("fire-schedule")
def fire_schedule(name: str, group: str = "default") -> dict[str, Any]:
    """
    Deliver a schedule now, as it was deployed.

    Raises:
        DoorError: There is no such schedule, or it is disabled.
    """
    schedule = emulator.module("services.scheduler")._schedules.get(f"{group}/{name}")
    if schedule is None:
        raise DoorError(f"no schedule {name} in group {group}")
    if schedule.get("State") == "DISABLED":
        raise DoorError(f"schedule {name} is disabled: it never fires")
    return deliver(Delivery(schedule))


def deliver(delivery: Delivery) -> dict[str, Any]:
    """Call the target as the schedule's role; on failure, its dead-letter queue."""
    report = {
        "schedule": delivery.schedule["Arn"],
        "target": delivery.target["Arn"],
        "role": delivery.target["RoleArn"],
        "input": delivery.input(),
        "error": "",
        "message": "",
    }
    try:
        keys = assume(delivery)
        call_target(delivery, keys)
    except DeliveryError as error:
        report |= {"error": error.code, "message": str(error)}
        if queue := (delivery.target.get("DeadLetterConfig") or {}).get("Arn"):
            report["dead_letter_error"] = bury(delivery, queue, error)
    return report


def assume(delivery: Delivery) -> dict[str, str]:
    """
    Return the credentials of the schedule's role.

    Raises:
        DeliveryError: There is no such role, or it does not trust Scheduler for this group.
    """
    role = delivery.target["RoleArn"].rpartition("/")[2]
    found = emulator.module("services.iam")._roles.get(role)
    if found is None or not trusts_scheduler(found, delivery.schedule):
        raise DeliveryError(
            "AccessDeniedException",
            f"The execution role {role} does not allow EventBridge Scheduler to assume it.",
        )
    keys: dict[str, str] = role_keys(role, session=delivery.id)
    return keys


def trusts_scheduler(role: Any, schedule: Schedule) -> bool:
    """Evaluate the role's trust policy with the conditions that Scheduler brings."""
    account, region = emulator.current_scope()
    group = f"arn:aws:scheduler:{region}:{account}:schedule-group/{schedule['GroupName']}"
    return trusts(role["RoleName"], SERVICE, group)


def call(service: str, keys: dict[str, str], operation: str, **request: Any) -> None:
    """
    Make one call to our own front door.

    Raises:
        DeliveryError: The service refused it.
    """
    from botocore.exceptions import ClientError  # noqa: PLC0415 - as above

    try:
        getattr(client(service, keys), operation)(**request)
    except ClientError as error:
        about = error.response["Error"]
        raise DeliveryError(about["Code"], about["Message"]) from error


def call_target(delivery: Delivery, keys: dict[str, str]) -> None:
    """
    Call the target with the schedule's input.

    Raises:
        DeliveryError: The target refused, or is of a kind that no module here uses.
    """
    arn, text = delivery.target["Arn"], delivery.input()
    service = arn.split(":")[2]
    if service == "lambda":
        call("lambda", keys, "invoke", FunctionName=arn, InvocationType="Event", Payload=text)
    elif service == "states":
        call("stepfunctions", keys, "start_execution", stateMachineArn=arn, input=text)
    elif service == "sqs":
        call("sqs", keys, "send_message", QueueUrl=queue_url(arn), MessageBody=text)
    else:
        raise DeliveryError("ValidationException", f"targets of {service} are not emulated")


def bury(delivery: Delivery, queue: str, error: DeliveryError) -> str:
    """Send an undelivered input to the dead-letter queue; return the error code of that, or ""."""
    about = {
        "ERROR_CODE": error.code,
        "ERROR_MESSAGE": str(error)[:1000],
        "EXECUTION_ID": delivery.id,
        "RETRY_ATTEMPTS": "0",
        "SCHEDULE_ARN": delivery.schedule["Arn"],
        "SCHEDULED_TIME": delivery.time,
        "TARGET_ARN": delivery.target["Arn"],
    }
    attributes = {k: {"DataType": "String", "StringValue": v} for k, v in about.items()}
    try:
        call(
            "sqs",
            assume(delivery),
            "send_message",
            QueueUrl=queue_url(queue),
            MessageBody=delivery.input(),
            MessageAttributes=attributes,
        )
    except DeliveryError as problem:
        return problem.code
    return ""


def queue_url(arn: str) -> str:
    """Return the URL by which the emulator knows a queue."""
    account, name = arn.split(":")[4:6]
    return f"https://127.0.0.1:{os.environ['GATEWAY_PORT']}/{account}/{name}"
