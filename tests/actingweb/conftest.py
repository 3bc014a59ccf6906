"""Our functions as ActingWeb's users deploy them, and the scene on each store, played once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda tells a handler of its invocation."""

    function_name: str = "cleanup"
    aws_request_id: str = "request-1"
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:111122223333:function:cleanup"
    memory_limit_in_mb: int = 256

    def get_remaining_time_in_millis(self) -> int:
        """Return the timeout that the seed recommends."""
        return 300_000


@pytest.fixture(scope="module")
def context() -> Context:
    """Return an invocation's context."""
    return Context()


@pytest.fixture(scope="module")
def environment() -> Iterator[pytest.MonkeyPatch]:
    """Return a patch that lasts as long as the module's tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boto3, "DEFAULT_SESSION", None)  # it would keep another module's account
        yield patch
