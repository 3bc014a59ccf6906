"""What is configured on a function is read back as it was set, so that a second plan is empty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.cloud.lambda_deploy import Function, client

if TYPE_CHECKING:
    from tests.cloud import Account

SOURCE = "def handler(event, context): return event\n"


@pytest.mark.parametrize(
    "settings",
    [{}, {"MaximumRetryAttempts": 0}, {"MaximumEventAgeInSeconds": 300}],
    ids=["none", "retries", "age"],
)
def test_event_invoke_config_holds_only_what_was_set(
    account: Account, settings: dict[str, Any]
) -> None:
    """Retries and age that nobody set are absent, in the answer and when read again."""
    Function.deploy(account, SOURCE)
    functions = client(account, "lambda")
    about = {"ResponseMetadata", "FunctionArn", "LastModified", "DestinationConfig"}

    answer = functions.put_function_event_invoke_config(FunctionName="f", **settings)
    read = functions.get_function_event_invoke_config(FunctionName="f")

    assert {k: v for k, v in answer.items() if k not in about} == settings
    assert {k: v for k, v in read.items() if k not in about} == settings


def test_function_configuration_is_read_back_as_set(account: Account) -> None:
    """Logging, tracing, storage, architecture, reserved concurrency and recursion survive."""
    settings: dict[str, Any] = {
        "LoggingConfig": {
            "LogFormat": "JSON",
            "LogGroup": "/chosen",
            "ApplicationLogLevel": "WARN",
            "SystemLogLevel": "INFO",
        },
        "TracingConfig": {"Mode": "Active"},
        "EphemeralStorage": {"Size": 1024},
        "Architectures": ["arm64"],
        "MemorySize": 256,
        "Timeout": 60,
        "Environment": {"Variables": {"A": "b"}},
    }
    Function.deploy(account, SOURCE, **settings)
    functions = client(account, "lambda")
    functions.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=3)
    functions.put_function_recursion_config(FunctionName="f", RecursiveLoop="Allow")

    found = functions.get_function(FunctionName="f")
    recursion = functions.get_function_recursion_config(FunctionName="f")
    signing = functions.get_function_code_signing_config(FunctionName="f")

    assert {key: found["Configuration"][key] for key in settings} == settings
    assert found["Concurrency"] == {"ReservedConcurrentExecutions": 3}
    assert recursion["RecursiveLoop"] == "Allow"
    assert not signing["CodeSigningConfigArn"]
