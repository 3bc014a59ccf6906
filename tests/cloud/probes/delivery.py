"""Probes of Scheduler and Step Functions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.cloud.probes import probe

if TYPE_CHECKING:
    from tests.cloud import Account

MACHINE = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})


def trusting(service: str, **conditions: str) -> str:
    """Return a trust policy for a service, with conditions on equality."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": conditions},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def make_schedule(account: Account, name: str, *allowed: str, **more: Any) -> dict[str, str]:
    """
    Create a state machine, a dead-letter queue and a disabled-by-nobody schedule between them.

    *allowed* are the actions that the schedule's role has, on everything.
    """
    iam, states = account.client("iam"), account.client("stepfunctions")
    group = f"arn:aws:scheduler:{account.region}:{account.id}:schedule-group/default"
    trust = {"aws:SourceArn": group, "aws:SourceAccount": account.id, **more.pop("trust", {})}
    role = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=trusting("scheduler.amazonaws.com", **trust)
    )["Role"]["Arn"]
    statement = {"Effect": "Allow", "Action": list(allowed), "Resource": "*"}
    iam.put_role_policy(
        RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Statement": [statement]})
    )
    machine = states.create_state_machine(name=name, definition=MACHINE, roleArn=role)
    queue = account.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    queue_arn = f"arn:aws:sqs:{account.region}:{account.id}:{name}"
    target = {
        "Arn": machine["stateMachineArn"],
        "RoleArn": role,
        "Input": json.dumps({"at": "<aws.scheduler.scheduled-time>", "dryRun": True}),
        "DeadLetterConfig": {"Arn": queue_arn},
    }
    account.client("scheduler").create_schedule(
        Name=name,
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=target,
        **{"ScheduleExpression": "rate(1 hour)", **more},
    )
    return {"machine": machine["stateMachineArn"], "queue": queue, "role": role}


def executions(account: Account, machine: str) -> list[dict[str, Any]]:
    """Return the inputs with which a state machine was started."""
    states = account.client("stepfunctions")
    found = states.list_executions(stateMachineArn=machine)["executions"]
    arns = [execution["executionArn"] for execution in found]
    return [json.loads(states.describe_execution(executionArn=arn)["input"]) for arn in arns]


@probe
def scheduler_delivery(account: Account) -> None:
    """A schedule fires as its role; what is refused lands in its dead-letter queue."""
    right = make_schedule(account, "right", "states:StartExecution")
    denied = make_schedule(account, "denied", "sqs:SendMessage")
    make_schedule(account, "untrusted", "states:*", trust={"aws:SourceAccount": "111122223333"})

    report = account.fire_schedule("right")
    assert (report["error"], report["target"], report["role"]) == (
        "",
        right["machine"],
        right["role"],
    )
    (started,) = executions(account, right["machine"])
    assert started == json.loads(report["input"])
    assert started["dryRun"] is True
    assert started["at"][:2] == "20"

    assert account.fire_schedule("denied")["error"] == "AccessDeniedException"
    assert executions(account, denied["machine"]) == []
    (letter,) = account.client("sqs").receive_message(
        QueueUrl=denied["queue"], MessageAttributeNames=["All"]
    )["Messages"]
    assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "AccessDeniedException"
    assert account.fire_schedule("untrusted")["error"] == "AccessDeniedException"


@probe
def states_tracing(account: Account) -> None:
    """A state machine says whether it is traced, as created and as updated."""
    states = account.client("stepfunctions")
    role = account.client("iam").create_role(
        RoleName="r", AssumeRolePolicyDocument=trusting("states.amazonaws.com")
    )["Role"]["Arn"]
    arn = states.create_state_machine(name="m", definition=MACHINE, roleArn=role)["stateMachineArn"]

    found = states.describe_state_machine(stateMachineArn=arn)
    assert found["tracingConfiguration"] == {"enabled": False}
    states.update_state_machine(stateMachineArn=arn, tracingConfiguration={"enabled": True})
    found = states.describe_state_machine(stateMachineArn=arn)
    assert found["tracingConfiguration"] == {"enabled": True}
