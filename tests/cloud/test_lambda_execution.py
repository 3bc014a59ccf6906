"""A function runs from its zip, in surroundings of its own, and fails as on AWS."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cloud.lambda_deploy import LOGGING, Function, client, zipped

if TYPE_CHECKING:
    from tests.cloud import Account

ENVIRONMENT = "import os\ndef handler(event, context): return dict(os.environ)\n"
COUNTER = """
import json
calls = 0
def handler(event, context):
    global calls
    calls += 1
    if event: raise ValueError(event)
    return calls
"""
ON_AWS = {  # what Lambda sets, and what makes boto3 reach this cloud
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY_ID",
    "AWS_CA_BUNDLE",
    "AWS_DEFAULT_REGION",
    "AWS_DISABLE_HOST_PREFIX_INJECTION",
    "AWS_ENDPOINT_URL",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_FORMAT",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "HOME",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
    "LANG",
    "PATH",
    "TMPDIR",
    "TZ",
}


def test_function_environment_holds_its_own_and_lambdas_only(account: Account) -> None:
    """A function sees its own variables and those of AWS, which it cannot set."""
    given = {"TABLE": "sessions", "AWS_LAMBDA_FUNCTION_NAME": "another"}
    function = Function.deploy(
        account, ENVIRONMENT, Environment={"Variables": given}, MemorySize=256
    )

    found = function.invoke().payload

    assert set(found) == {*ON_AWS, "TABLE"}
    assert found["TABLE"] == "sessions"
    assert found["AWS_LAMBDA_FUNCTION_NAME"] == "f"
    assert found["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert found["_HANDLER"] == "index.handler"
    assert found["TZ"] == ":UTC"
    assert Path(found["HOME"]) != Path.home()


def test_function_python_is_what_its_runtime_asks_for_and_bare(account: Account) -> None:
    """The interpreter is of the runtime's version and sees the runtime's packages only."""
    source = """
import importlib.util, sys
def handler(event, context):
    return [list(sys.version_info[:2]),
            [name for name in event if importlib.util.find_spec(name)],
            importlib.util.find_spec("boto3").origin, sys.path[0]]
"""
    function = Function.deploy(account, source)

    version, found, boto3, first = function.invoke(
        ["ministack", "pip", "hypercorn", "tests", "tools", "pytest", "botocore"]
    ).payload

    assert version == [3, 13]
    assert found == ["botocore"]
    assert "lambda-runtime" in boto3
    assert os.path.realpath(first).startswith(str(account.cloud.folder))


def test_function_own_package_comes_before_the_runtimes(account: Account) -> None:
    """A boto3 in the zip is the one that is imported."""
    files = {
        "index.py": "import boto3\ndef handler(e, c): return boto3.MARK\n",
        "boto3.py": "MARK = 'zip'\n",
    }

    assert Function.deploy(account, files).invoke().payload == "zip"


def test_function_boto3_acts_as_its_role_over_tls(account: Account) -> None:
    """Inside, boto3 finds this cloud and the role's session, and a call not granted is denied."""
    source = """
import boto3
def handler(event, context):
    arn = boto3.client("sts").get_caller_identity()["Arn"]
    try:
        boto3.client("dynamodb").list_tables()
    except Exception as error:
        return [arn, str(error)]
"""
    arn, denial = Function.deploy(account, source, LOGGING, Timeout=20).invoke().payload

    assert arn == f"arn:aws:sts::{account.id}:assumed-role/f/f"
    assert "is not authorized to perform: dynamodb:ListTables" in denial


def test_function_context_says_who_and_how_long(account: Account) -> None:
    """The context names the function, its log, its memory, and the time that is left."""
    source = """
def handler(event, context):
    found = {k: v for k, v in vars(context).items() if isinstance(v, str)}
    return found | {"left": context.get_remaining_time_in_millis()}
"""
    function = Function.deploy(account, source, Timeout=7, MemorySize=512)

    answer = function.invoke()
    found = answer.payload

    assert 3000 < found.pop("left") <= 7000
    assert f"START RequestId: {found.pop('aws_request_id')} Version: $LATEST" in answer.tail
    assert found.pop("log_stream_name")
    assert found == {
        "function_name": "f",
        "function_version": "$LATEST",
        "invoked_function_arn": f"arn:aws:lambda:eu-west-1:{account.id}:function:f",
        "log_group_name": "/aws/lambda/f",
        "memory_limit_in_mb": "512",
    }


def test_worker_is_kept_after_errors_and_replaced_after_updates(account: Account) -> None:
    """Module state survives invocations and errors; new code or configuration starts afresh."""
    function = Function.deploy(account, COUNTER)
    updates = client(account, "lambda")

    assert [function.invoke().payload for _ in range(2)] == [1, 2]
    function.invoke("an error")
    assert function.invoke().payload == 4

    updates.update_function_configuration(FunctionName="f", Description="changed")
    assert function.invoke().payload == 1

    updates.update_function_code(FunctionName="f", ZipFile=zipped({"index.py": COUNTER + "#"}))
    assert function.invoke().payload == 1


def test_function_error_carries_its_class_and_trace(account: Account) -> None:
    """An exception's class is the error type, its frames are the handler's own."""
    answer = Function.deploy(account, COUNTER).invoke("boom")

    assert answer.error == "Unhandled"
    assert answer.payload["errorType"] == "ValueError"
    assert answer.payload["errorMessage"] == "boom"
    assert answer.payload["requestId"] in answer.tail
    assert len(answer.payload["stackTrace"]) == 1
    assert "raise ValueError(event)" in answer.payload["stackTrace"][0]


def test_function_over_its_timeout_is_killed(account: Account) -> None:
    """The process ends at the timeout with AWS's error; the next caller gets a new one."""
    source = """
import os, time
def handler(event, context):
    if event: time.sleep(30)
    return os.getpid()
"""
    function = Function.deploy(account, source, Timeout=1)
    pid = function.invoke().payload

    answer = function.invoke("sleep")

    assert answer.error == "Unhandled"
    assert answer.payload["errorType"] == "Sandbox.Timedout"
    assert answer.payload["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
    assert "Task timed out after 1.00 seconds\n" in answer.tail
    assert answer.tail.rstrip().endswith("Status: timeout")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert function.invoke().payload != pid


def test_function_that_leaves_is_an_exit_error(account: Account) -> None:
    """A handler that ends its process fails with the status that it ended with."""
    source = "import os, sys\ndef handler(e, c): sys.exit(e) if e < 9 else os._exit(e)\n"
    function = Function.deploy(account, source)

    answers = [function.invoke(status) for status in (0, 3, 42)]

    assert {answer.payload["errorType"] for answer in answers} == {"Runtime.ExitError"}
    assert [answer.payload["errorMessage"].partition("Error: ")[2] for answer in answers] == [
        "Runtime exited without providing a reason",
        "Runtime exited with error: exit status 3",
        "Runtime exited with error: exit status 42",
    ]


@pytest.mark.parametrize(
    ("files", "handler", "kind", "message"),
    [
        (
            {"index.py": "import yaml\n"},
            "index.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'index': No module named 'yaml'",
        ),
        (
            {"index.py": "def handler(:\n"},
            "index.handler",
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module 'index': invalid syntax (index.py, line 1)",
        ),
        (
            {"index.py": "def other(e, c): ...\n"},
            "index.handler",
            "Runtime.HandlerNotFound",
            "Handler 'handler' missing on module 'index'",
        ),
        (
            {"index.py": "def handler(e, c): ...\n"},
            "handler",
            "Runtime.MalformedHandlerName",
            "Bad handler 'handler': not enough values to unpack (expected 2, got 1)",
        ),
        ({"index.py": "1/0\n"}, "index.handler", "ZeroDivisionError", "division by zero"),
        (
            {"index.py": "def handler(e, c): return {1}\n"},
            "index.handler",
            "Runtime.MarshalError",
            "Unable to marshal response: Object of type set is not JSON serializable",
        ),
    ],
    ids=["import", "syntax", "missing", "malformed", "raises", "result"],
)
def test_function_that_cannot_run_says_why(
    account: Account, files: dict[str, str], handler: str, kind: str, message: str
) -> None:
    """A handler that cannot be loaded, or whose result is not JSON, fails with AWS's names."""
    answer = Function.deploy(account, files, Handler=handler).invoke()

    assert answer.error == "Unhandled"
    assert answer.payload["errorType"] == kind
    assert answer.payload["errorMessage"].replace("<unknown>", "index.py") == message
    assert f"[ERROR] {kind}: {message.partition('(')[0]}" in answer.tail


def test_function_result_keeps_decimals_as_they_are(account: Account) -> None:
    """A Decimal, as DynamoDB gives them, is a number in the result, with all its digits."""
    source = """
from decimal import Decimal
def handler(event, context):
    return {"n": Decimal("12345678901234567890.123456789"), "i": Decimal(7), "text": "ü"}
"""
    Function.deploy(account, source)

    answer = client(account, "lambda").invoke(FunctionName="f")

    expected = '{"n": 12345678901234567890.123456789, "i": 7, "text": "ü"}'
    assert answer["Payload"].read().decode() == expected


def test_function_runs_many_at_once_each_in_its_own_worker(account: Account) -> None:
    """A function that invokes itself gets a second worker, not a deadlock."""
    source = """
import boto3, json, os
def handler(depth, context):
    if not depth: return [os.getpid()]
    answer = boto3.client("lambda").invoke(FunctionName="f", Payload=json.dumps(depth - 1))
    return [os.getpid(), *json.load(answer["Payload"])]
"""
    invoking = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}
    function = Function.deploy(account, source, invoking, Timeout=30)

    assert len(set(function.invoke(2).payload)) == 3
