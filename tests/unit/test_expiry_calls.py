"""
Errors of AWS calls: what to change is in the message, the service's error is the cause.
"""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from expiry.calls import explained
from expiry.errors import DeniedError, ExpiryError, NotFoundError, StoreError, ThrottledError


def raised_for(code: str) -> StoreError:
    """Return what a service's *code* becomes."""
    cause = ClientError({"Error": {"Code": code, "Message": "said so"}}, "Scan")
    with pytest.raises(StoreError) as raised:  # noqa: SIM117 - the inner one is under test
        with explained("dynamodb:Scan", "table t", setting="TABLE_NAME"):
            raise cause
    assert raised.value.__cause__ is cause
    return raised.value


@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [
        ("ResourceNotFoundException", NotFoundError, "correct TABLE_NAME"),
        ("NoSuchBucket", NotFoundError, "correct TABLE_NAME"),
        ("AccessDeniedException", DeniedError, "allow dynamodb:Scan"),
        ("AccessDenied", DeniedError, "allow dynamodb:Scan"),
        ("ProvisionedThroughputExceededException", ThrottledError, "read slower"),
        ("ValidationException", StoreError, "ValidationException: said so"),
    ],
)
def test_call_error_names_action_resource_and_remedy(
    code: str, kind: type[ExpiryError], text: str
) -> None:
    """Whoever reads the alarm knows which call, on what, and what to change."""
    error = raised_for(code)

    assert type(error) is kind
    assert "dynamodb:Scan on table t" in str(error)
    assert text in str(error)


def test_call_without_an_answer_is_a_store_error() -> None:
    """A network that does not answer ends a run as clearly as a refusal."""
    with pytest.raises(StoreError, match="no answer from the service"):  # noqa: SIM117
        with explained("dynamodb:Scan", "table t", setting="TABLE_NAME"):
            raise EndpointConnectionError(endpoint_url="https://dynamodb.test")


def test_call_other_errors_pass_unchanged() -> None:
    """A fault of ours is not dressed up as one of the store."""
    with pytest.raises(KeyError), explained("dynamodb:Scan", "table t", setting="TABLE_NAME"):
        raise KeyError
