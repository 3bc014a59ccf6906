"""The calls of the module `function` that its tests are made of."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tools.terraform import ROOT

if TYPE_CHECKING:
    from tests.modules.plan import Arguments

ARN = "arn:aws:{}:eu-west-1:111122223333:{}"
TOPIC = ARN.format("sns", "operators")
QUEUE = {"name": "q", "arn": ARN.format("sqs", "q"), "url": "https://sqs/q"}
KEY = ARN.format("kms", "key/0d0c6d2c-6ae5-4c2a-9f0e-0f6a3f6c9e11")
QUEUE_KEY = ARN.format("kms", "key/5a1f4a0e-7d7e-4bb1-8a53-6d0a1d9bb0f4")
TABLE = ARN.format("dynamodb", "table/sessions")
BOUNDARY = "arn:aws:iam::111122223333:policy/boundary"
# Any file will do: a plan reads its bytes and no more.
FILE = ROOT / "modules" / "function" / "main.tf"
CONTENT = hashlib.sha256(FILE.read_bytes())
S3 = {"bucket": "artifacts", "key": "jobs.zip", "version": "v7", "sha256_base64": "abc="}
STATEMENT: Arguments = {"sid": "Read", "actions": ["dynamodb:Scan"], "resources": [TABLE]}
PLAIN: Arguments = {
    "name": "jobs",
    "artifact": {"path": str(FILE)},
    "handler": "jobs.handler.handler",
    "alarms": {"topic_arns": [TOPIC]},
}


def alarmed(**alarms: object) -> Arguments:
    """Return a call with these alarms."""
    return {**PLAIN, "alarms": {"topic_arns": [TOPIC], **alarms}}


def granted(**changes: object) -> Arguments:
    """Return a call with one statement that has these changes."""
    return {**PLAIN, "statements": [{**STATEMENT, **changes}]}


def sized(**function: object) -> Arguments:
    """Return a call with these settings of the function itself."""
    return {**PLAIN, "function": function}


VPC = {"subnet_ids": ["subnet-1"], "security_group_ids": ["sg-1"], "ipv6": True}
