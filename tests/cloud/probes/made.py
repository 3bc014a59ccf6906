"""What several probes make, and how they ask."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cloud import Account


def make_role(account: Account, name: str, *statements: dict[str, Any]) -> None:
    """Create a role that nobody is trusted to assume, with one inline policy."""
    iam = account.client("iam")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument='{"Statement": []}')
    policy = {"Version": "2012-10-17", "Statement": list(statements)}
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(policy))


def refused(call: Callable[..., Any], **request: Any) -> str:
    """Return the code of the error that a call ends in, "" where it succeeds."""
    try:
        call(**request)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return ""
