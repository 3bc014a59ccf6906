"""Probes of Step Functions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.cloud.probes import probe
from tests.cloud.probes.delivery import trusting
from tests.cloud.probes.made import refused
from tests.waiting import until

if TYPE_CHECKING:
    from tests.cloud import Account

SEND = "arn:aws:states:::sqs:sendMessage"


def make_machine(account: Account, name: str, first: dict[str, Any], *allowed: str) -> str:
    """Create a state machine of one task, whose role is allowed some actions on everything."""
    iam = account.client("iam")
    arn = f"arn:aws:states:{account.region}:{account.id}:stateMachine:{name}"
    trust = trusting("states.amazonaws.com", **{"aws:SourceArn": arn})
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    statement = {"Effect": "Allow", "Action": ["tag:GetResources", *allowed], "Resource": "*"}
    iam.put_role_policy(
        RoleName=name, PolicyName="p", PolicyDocument=json.dumps({"Statement": [statement]})
    )
    definition = {"StartAt": "First", "States": {"First": {**first, "End": True}}}
    states = account.client("stepfunctions")
    states.create_state_machine(name=name, definition=json.dumps(definition), roleArn=role)
    return arn


def asking(queue: str, **more: Any) -> dict[str, Any]:
    """Return a task that sends its token to *queue* and waits for an answer."""
    parameters = {"QueueUrl": queue, "MessageBody": {"token.$": "$$.Task.Token"}}
    resource = f"{SEND}.waitForTaskToken"
    return {"Type": "Task", "Resource": resource, "Parameters": parameters, **more}


def make_queue(account: Account) -> str:
    """Create a queue."""
    url: str = account.client("sqs").create_queue(QueueName="work")["QueueUrl"]
    return url


def ended(account: Account, execution: str) -> tuple[str, str]:
    """Wait for the end of an execution; return its status and error."""
    states = account.client("stepfunctions")

    def look() -> Any:
        found = states.describe_execution(executionArn=execution)
        return found if found["status"] != "RUNNING" else None

    found = until(look)
    return found["status"], found.get("error", "")


@probe
def states_start_execution(account: Account) -> None:
    """A start repeated while the first runs is the same execution; with another input, an error."""
    states, queue = account.client("stepfunctions"), make_queue(account)
    machine = make_machine(account, "m", asking(queue), "sqs:SendMessage")
    start = {"stateMachineArn": machine, "name": "n", "input": '{"a": 1}'}

    first = states.start_execution(**start)
    again = states.start_execution(**start)

    assert again["executionArn"] == first["executionArn"]
    other = {**start, "input": "{}"}
    assert refused(states.start_execution, **other) == "ExecutionAlreadyExists"
    until(lambda: account.lapse_tasks(overall=True))
    ended(account, first["executionArn"])
    assert refused(states.start_execution, **start) == "ExecutionAlreadyExists"


@probe
def states_heartbeat(account: Account) -> None:
    """A task without a heartbeat for too long fails; its token is not known any more."""
    states, sqs, queue = account.client("stepfunctions"), account.client("sqs"), make_queue(account)
    task = asking(queue, HeartbeatSeconds=3_600, TimeoutSeconds=7_200)
    machine = make_machine(account, "m", task, "sqs:SendMessage")
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]
    (message,) = until(lambda: sqs.receive_message(QueueUrl=queue).get("Messages"))
    token = json.loads(message["Body"])["token"]
    states.send_task_heartbeat(taskToken=token)

    assert account.lapse_tasks() == 1
    assert ended(account, execution) == ("FAILED", "States.HeartbeatTimeout")
    assert refused(states.send_task_heartbeat, taskToken=token) == "TaskDoesNotExist"

    brief = make_machine(account, "brief", asking(queue, HeartbeatSeconds=1), "sqs:SendMessage")
    execution = states.start_execution(stateMachineArn=brief)["executionArn"]
    assert ended(account, execution) == ("FAILED", "States.HeartbeatTimeout")


@probe
def states_role(account: Account) -> None:
    """A task's call is made by the state machine's role, and fails where that may not."""
    states, queue = account.client("stepfunctions"), make_queue(account)
    task = {"Type": "Task", "Resource": SEND, "Parameters": {"QueueUrl": queue, "MessageBody": "a"}}
    allowed = make_machine(account, "allowed", task, "sqs:SendMessage")
    denied = make_machine(account, "denied", task)

    done = states.start_execution(stateMachineArn=allowed)["executionArn"]
    assert ended(account, done) == ("SUCCEEDED", "")
    assert ("sqs:SendMessage", f"arn:aws:sqs:{account.region}:{account.id}:work") in account.used(
        "allowed"
    )
    execution = states.start_execution(stateMachineArn=denied)["executionArn"]
    status, error = ended(account, execution)
    assert (status, error.partition(".")[0]) == ("FAILED", "SQS")
    assert account.denied("denied")


@probe
def states_metrics(account: Account) -> None:
    """Each start and each end of an execution is counted for its state machine."""
    good = make_states(account, "good", {"Begin": {"Type": "Pass", "Next": "Good"}}, "Begin")
    bad = make_states(account, "bad", {"Begin": {"Type": "Fail", "Error": "E"}}, "Begin")
    output(account, good)
    start = account.client("stepfunctions").start_execution
    ended(account, start(stateMachineArn=bad)["executionArn"])

    expected = {
        ("ExecutionsStarted", good),
        ("ExecutionsStarted", bad),
        ("ExecutionsSucceeded", good),
        ("ExecutionsFailed", bad),
    }

    def counted() -> set[tuple[str, str]]:
        listed = account.client("cloudwatch").list_metrics(Namespace="AWS/States")["Metrics"]
        return {(one["MetricName"], one["Dimensions"][0]["Value"]) for one in listed}

    until(lambda: counted() >= expected, "metrics, a moment after the end", limit_s=5)
    assert counted() == expected


@probe
def states_succeed(account: Account) -> None:
    """An execution's output is what its Succeed state says, from the variables, too."""
    begin = {"Type": "Pass", "Assign": {"a": 1}, "Next": "Good"}
    good = {"Type": "Succeed", "Output": {"status": "done", "a": "{% $a %}"}}
    machine = make_states(account, "m", {"Begin": begin, "Good": good}, "Begin")

    assert output(account, machine) == {"status": "done", "a": 1}


@probe
def states_waits(account: Account) -> None:
    """A wait of hours, and the pause before a retry, are over when a test wants them to be."""
    account.scale_waits(0)
    wait = {"Type": "Wait", "Seconds": "{% 3600 * 5 %}", "Next": "Good"}
    machine = make_states(account, "m", {"Begin": wait, "Good": {"Type": "Succeed"}}, "Begin")
    assert output(account, machine) == {}

    retry = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 3_600, "MaxAttempts": 2}
    message = {"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/1/none", "MessageBody": "a"}
    task = {"Type": "Task", "Resource": SEND, "Arguments": message, "Retry": [retry]}
    failing = make_states(account, "n", {"Begin": {**task, "Next": "Good"}}, "Begin")
    execution = account.client("stepfunctions").start_execution(stateMachineArn=failing)
    assert ended(account, execution["executionArn"])[0] == "FAILED"


def make_states(account: Account, name: str, states: dict[str, Any], first: str) -> str:
    """Create a state machine of some states in JSONata; its role may do nothing of use."""
    arn = make_machine(account, name, {"Type": "Pass"})
    definition = {"QueryLanguage": "JSONata", "StartAt": first, "States": states}
    definition["States"] = {"Good": {"Type": "Succeed"}, **states}
    client = account.client("stepfunctions")
    client.update_state_machine(stateMachineArn=arn, definition=json.dumps(definition))
    return arn


def output(account: Account, machine: str) -> Any:
    """Run a state machine to its good end; return its output."""
    states = account.client("stepfunctions")
    execution = states.start_execution(stateMachineArn=machine)["executionArn"]
    assert ended(account, execution) == ("SUCCEEDED", "")
    return json.loads(states.describe_execution(executionArn=execution)["output"])
