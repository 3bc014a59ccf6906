"""What a function's role may do, and calls that Lambda itself makes in its name."""
# ruff: noqa: SLF001 - it reaches into the emulator by its nature

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

from tests.cloud import emulator

if TYPE_CHECKING:
    from tests.cloud.lambda_environment import Config


def may(config: Config, action: str, resource: str) -> bool:
    """Ask whether the function's role grants *action* on *resource*."""
    evaluator = emulator.module("core.iam_evaluator")
    _, _, _, region, account, *_ = config["FunctionArn"].split(":")
    role = config["Role"].rpartition("/")[2]
    context = evaluator.EvalContext(
        principal_arn=f"arn:aws:sts::{account}:assumed-role/{role}/{config['FunctionName']}",
        principal_type="AssumedRole",
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=region,
    )
    limits = evaluator._permissions_boundary(emulator.module("services.iam")._roles, role, account)
    policies = evaluator._gather_role_policies(role, account)
    allowed: bool = evaluator.evaluate(context, policies, *limits).decision == "Allow"
    return allowed


@functools.cache
def session() -> Any:
    """Return the one session that holds the service models, once read."""
    import botocore.session  # noqa: PLC0415 - slow, and few functions have a destination

    return botocore.session.Session()


def client(config: Config, service: str) -> Any:
    """Return a client of this very cloud that acts as the function's role."""
    from botocore.config import Config as ClientConfig  # noqa: PLC0415 - as above

    keys = emulator.module("core.lambda_runtime").execution_credentials(config)
    return session().create_client(
        service,
        region_name=config["FunctionArn"].split(":")[3],
        endpoint_url=f"https://127.0.0.1:{os.environ['GATEWAY_PORT']}",
        verify=f"{os.environ['EXPIRY_CLOUD_FOLDER']}/ca-bundle.pem",
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=keys["AWS_SESSION_TOKEN"],
        config=ClientConfig(proxies={}, retries={"total_max_attempts": 1}),
    )
