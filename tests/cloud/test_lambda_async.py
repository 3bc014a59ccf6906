"""An asynchronous invocation is retried, then told to whom it concerns."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.cloud.lambda_deploy import LOGGING, Function, client

if TYPE_CHECKING:
    from tests.cloud import Account

FAILING = """
def handler(event, context):
    print("attempt", context.aws_request_id)
    raise KeyError(event["id"])
"""
SENDING = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}


def queue(account: Account, name: str = "failures") -> tuple[str, str]:
    """Make a queue; return its URL and ARN."""
    url = client(account, "sqs").create_queue(QueueName=name)["QueueUrl"]
    return url, f"arn:aws:sqs:{account.region}:{account.id}:{name}"


def received(account: Account, url: str) -> list[Any]:
    """Take what is in a queue."""
    answer = client(account, "sqs").receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
    )
    return list(answer.get("Messages", []))


def attempts(function: Function) -> list[str]:
    """Return the request ID of each attempt in the function's log."""
    lines = function.events()
    return [line.partition(" ")[2] for line in lines if line.startswith("attempt")]


def choose(account: Account, arn: str = "", **settings: Any) -> None:
    """Set the function's event invoke config, with *arn* for failures."""
    if arn:
        settings["DestinationConfig"] = {"OnFailure": {"Destination": arn}}
    client(account, "lambda").put_function_event_invoke_config(FunctionName="f", **settings)


@pytest.mark.parametrize("retries", [0, 1, 2])
def test_failure_is_retried_then_sent_to_the_destination(account: Account, retries: int) -> None:
    """Each retry runs under the event's one request ID; the record then says all that happened."""
    url, arn = queue(account)
    function = Function.deploy(account, FAILING, LOGGING, SENDING)
    choose(account, arn, MaximumRetryAttempts=retries)

    function.send({"id": "s-1"})

    (message,) = received(account, url)
    record = json.loads(message["Body"])
    request_ids = attempts(function)
    assert request_ids == [record["requestContext"]["requestId"]] * (retries + 1)
    assert record.pop("timestamp").endswith("Z")
    assert record.pop("responsePayload")["errorType"] == "KeyError"
    assert record == {
        "version": "1.0",
        "requestContext": {
            "requestId": request_ids[0],
            "functionArn": f"arn:aws:lambda:eu-west-1:{account.id}:function:f:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": retries + 1,
        },
        "requestPayload": {"id": "s-1"},
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
    }


def test_failure_is_retried_twice_by_default(account: Account) -> None:
    """Where nothing is configured, an event is tried three times and then lost."""
    function = Function.deploy(account, FAILING)

    function.send({"id": "s-1"})

    assert len(attempts(function)) == 3


def test_failure_too_old_for_a_retry_is_given_up(account: Account) -> None:
    """AWS waits a minute before a retry: an event that may be a minute old at most gets none."""
    url, arn = queue(account)
    function = Function.deploy(account, FAILING, LOGGING, SENDING)
    choose(account, arn, MaximumEventAgeInSeconds=60)

    function.send({"id": "s-1"})

    context = json.loads(received(account, url)[0]["Body"])["requestContext"]
    assert (context["condition"], context["approximateInvokeCount"]) == ("EventAgeExceeded", 1)


def test_failure_goes_to_the_dead_letters_as_the_event_itself(account: Account) -> None:
    """A dead-letter queue gets the event as it was sent, and beside it why it failed."""
    url, arn = queue(account)
    function = Function.deploy(
        account, FAILING, LOGGING, SENDING, DeadLetterConfig={"TargetArn": arn}
    )
    choose(account, MaximumRetryAttempts=0)

    function.send({"id": "s-1"})

    (message,) = received(account, url)
    attributes = {k: v["StringValue"] for k, v in message["MessageAttributes"].items()}
    assert json.loads(message["Body"]) == {"id": "s-1"}
    assert attributes == {
        "RequestID": attempts(function)[0],
        "ErrorCode": "200",
        "ErrorMessage": "'s-1'",
    }


def test_failure_with_both_is_delivered_twice(account: Account) -> None:
    """A destination does not replace a dead-letter queue."""
    url, arn = queue(account)
    function = Function.deploy(
        account, FAILING, LOGGING, SENDING, DeadLetterConfig={"TargetArn": arn}
    )
    choose(account, arn, MaximumRetryAttempts=0)

    function.send({"id": "s-1"})

    assert len(received(account, url)) == 2


def test_delivery_is_the_roles_own_call(account: Account) -> None:
    """The record is sent with the function's role, and lost when that is denied."""
    url, arn = queue(account)
    function = Function.deploy(account, FAILING, LOGGING, SENDING)
    choose(account, arn, MaximumRetryAttempts=0)

    function.send({"id": "s-1"})
    sent = [call.action for call in account.calls(role="f")]
    received(account, url)
    policy = {"Version": "2012-10-17", "Statement": [LOGGING]}
    client(account, "iam").put_role_policy(
        RoleName="f", PolicyName="p", PolicyDocument=json.dumps(policy)
    )
    function.send({"id": "s-2"})

    assert sent == ["sqs:SendMessage"]
    bodies = [json.loads(message["Body"]) for message in received(account, url)]
    assert [body["requestPayload"] for body in bodies] == []
    assert len(attempts(function)) == 2


def test_destination_the_role_may_not_use_is_refused(account: Account) -> None:
    """A destination or a dead-letter queue that the role has no permission for is refused."""
    _, arn = queue(account)
    Function.deploy(account, FAILING, LOGGING)

    with pytest.raises(ClientError, match="does not have permissions to call SendMessage"):
        choose(account, arn)
    with pytest.raises(ClientError, match="does not have permissions to call SendMessage"):
        client(account, "lambda").update_function_configuration(
            FunctionName="f", DeadLetterConfig={"TargetArn": arn}
        )
    with pytest.raises(ClientError, match="does not have permissions to call SendMessage"):
        Function.deploy(account, FAILING, LOGGING, name="g", DeadLetterConfig={"TargetArn": arn})


def test_success_goes_to_its_own_destination(account: Account) -> None:
    """A result is delivered where that is asked for."""
    url, arn = queue(account)
    function = Function.deploy(account, "def handler(e, c): return [e]\n", LOGGING, SENDING)
    choose(account, DestinationConfig={"OnSuccess": {"Destination": arn}})

    function.send(5)

    record = json.loads(received(account, url)[0]["Body"])
    assert record["requestContext"]["condition"] == "Success"
    assert record["responsePayload"] == [5]


def test_event_without_any_concurrency_is_not_tried(account: Account) -> None:
    """A function with no concurrency at all gets no event; the destination hears why."""
    url, arn = queue(account)
    function = Function.deploy(account, FAILING, LOGGING, SENDING)
    choose(account, arn)
    client(account, "lambda").put_function_concurrency(
        FunctionName="f", ReservedConcurrentExecutions=0
    )

    function.send({"id": "s-1"})

    context = json.loads(received(account, url)[0]["Body"])["requestContext"]
    assert context["condition"] == "ZeroReservedConcurrency"
    assert context["approximateInvokeCount"] == 0


def test_event_of_a_topic_is_retried(account: Account) -> None:
    """What SNS sends is an asynchronous invocation like any other."""
    function = Function.deploy(account, FAILING.replace('event["id"]', "1"))
    sns = client(account, "sns")
    topic = sns.create_topic(Name="t")["TopicArn"]
    arn = f"arn:aws:lambda:eu-west-1:{account.id}:function:f"
    client(account, "lambda").add_permission(
        FunctionName="f",
        StatementId="sns",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn=topic,
    )
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)
    choose(account, MaximumRetryAttempts=1)

    sns.publish(TopicArn=topic, Message="m")
    function.settle()

    assert len(attempts(function)) == 2


def test_event_of_a_bus_is_retried(account: Account) -> None:
    """What EventBridge sends, and Scheduler by the same way, is an asynchronous invocation too."""
    function = Function.deploy(account, FAILING.replace('event["id"]', "1"))
    events = client(account, "events")
    rule = events.put_rule(Name="r", EventPattern=json.dumps({"source": ["test"]}))["RuleArn"]
    arn = f"arn:aws:lambda:eu-west-1:{account.id}:function:f"
    client(account, "lambda").add_permission(
        FunctionName="f",
        StatementId="events",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule,
    )
    events.put_targets(Rule="r", Targets=[{"Id": "t", "Arn": arn}])
    choose(account, MaximumRetryAttempts=1)

    events.put_events(Entries=[{"Source": "test", "DetailType": "d", "Detail": "{}"}])
    function.settle()

    assert len(attempts(function)) == 2
