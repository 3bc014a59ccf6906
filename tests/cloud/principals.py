"""Roles, as the doors need them: their keys, and what their policies grant."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from tests.cloud import emulator
from tests.cloud.doors import DoorError, door

SESSION = "expiry-test"


@door("role-keys")
def role_keys(role: str, session: str = SESSION) -> dict[str, str]:
    """
    Return temporary credentials of a role of the current account.

    Raises:
        DoorError: The account has no role of that name.
    """
    account, _ = emulator.current_scope()
    found = emulator.module("services.iam")._roles.get(role)
    if found is None:
        raise DoorError(f"account {account} has no role {role}")
    seed = hashlib.sha256(f"{found['Arn']}/{session}".encode()).hexdigest()
    key = f"ASIA{seed[:16].upper()}"
    emulator.module("services.sts").register_session(
        key,
        {
            "Arn": f"arn:aws:sts::{account}:assumed-role/{role}/{session}",
            "UserId": f"{found.get('RoleId', role)}:{session}",
            "SecretAccessKey": seed,
            "SessionToken": f"token-{seed}",
        },
    )
    return {
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": seed,
        "AWS_SESSION_TOKEN": f"token-{seed}",
    }


@door("grants")
def grants(role: str) -> list[dict[str, Any]]:
    """Return the statements of a role's policies, inline and attached, with lists throughout."""
    account, _ = emulator.current_scope()
    policies = emulator.module("core.iam_evaluator")._gather_role_policies(role, account)
    return [
        {
            "effect": statement.effect,
            "actions": statement.actions,
            "resources": statement.resources,
            "conditions": statement.conditions,
        }
        for policy in policies
        for statement in policy
    ]


def trusts(role: str, service: str, source_arn: str) -> bool:
    """Evaluate a role's trust policy with the conditions that *service* brings for a source."""
    evaluator = emulator.module("core.iam_evaluator")
    account, region = emulator.current_scope()
    document = emulator.module("services.iam")._roles[role]["AssumeRolePolicyDocument"]
    policy = json.loads(document) if isinstance(document, str) else document
    statements = policy.get("Statement", [])
    statements = [statements] if isinstance(statements, dict) else statements
    context = evaluator.EvalContext(
        principal_arn=service,
        principal_type="Service",
        principal_account=account,
        action="sts:AssumeRole",
        resource_arn="*",
        region=region,
        service_context={"aws:sourcearn": source_arn, "aws:sourceaccount": account},
    )
    with_resource = {"Statement": [{**statement, "Resource": "*"} for statement in statements]}
    found = evaluator.evaluate_resource_policy(with_resource, context, service=service)
    return bool(found.decision == "Allow")
