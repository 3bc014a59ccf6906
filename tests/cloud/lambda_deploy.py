"""Deploy a small function for a test, with nothing but boto3."""

from __future__ import annotations

import base64
import functools
import io
import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from tests.cloud import Account

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
LOGGING = {
    "Effect": "Allow",
    "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
    "Resource": "*",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What an invocation answered."""

    payload: Any
    error: str | None  # X-Amz-Function-Error
    tail: str


@functools.cache
def session() -> Any:
    """Return one session for all accounts: what it reads is slow to read, and the same for all."""
    return boto3.Session()


@functools.cache
def client(account: Account, service: str) -> Any:
    """Return the account's client, made once."""
    env = account.env()
    return session().client(
        service,
        endpoint_url=env["AWS_ENDPOINT_URL"],
        region_name=env["AWS_REGION"],
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
        verify=env["AWS_CA_BUNDLE"],
        config=Config(proxies={}, retries={"total_max_attempts": 1}),
    )


def zipped(files: dict[str, str]) -> bytes:
    """Return a zip of text files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class Function:
    """A deployed function, and the account that it is in."""

    account: Account
    name: str

    @classmethod
    def deploy(
        cls,
        account: Account,
        source: str | dict[str, str],
        *statements: dict[str, Any],
        name: str = "f",
        **settings: Any,
    ) -> Function:
        """
        Create a role of the function's name and the function.

        Args:
            source: The text of ``index.py``, or the texts of all files by name.
            statements: The role's policy; logging when there are none.
            settings: Members of CreateFunction, to override.
        """
        iam = client(account, "iam")
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
        policy = {"Version": "2012-10-17", "Statement": list(statements) or [LOGGING]}
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
        files = {"index.py": source} if isinstance(source, str) else source
        given = {
            "FunctionName": name,
            "Runtime": "python3.13",
            "Handler": "index.handler",
            "Role": role["Role"]["Arn"],
            "Code": {"ZipFile": zipped(files)},
        }
        client(account, "lambda").create_function(**{**given, **settings})
        return cls(account, name)

    def invoke(self, event: Any = None, **settings: Any) -> Answer:
        """Invoke and wait."""
        answer = client(self.account, "lambda").invoke(
            FunctionName=self.name, Payload=json.dumps(event), LogType="Tail", **settings
        )
        tail = base64.b64decode(answer.get("LogResult", "")).decode(errors="replace")
        return Answer(json.load(answer["Payload"]), answer.get("FunctionError"), tail)

    def send(self, event: Any) -> None:
        """Invoke asynchronously, and wait until nothing more will come of it."""
        client(self.account, "lambda").invoke(
            FunctionName=self.name, Payload=json.dumps(event), InvocationType="Event"
        )
        self.settle()

    def settle(self) -> None:
        """Wait until no asynchronous invocation of the account is under way."""
        account = self.account
        account.cloud.door("lambda-settle", account=account.id, region=account.region)

    def events(self, group: str = "") -> list[str]:
        """Return the messages in the function's log group, oldest first."""
        found = client(self.account, "logs").filter_log_events(
            logGroupName=group or f"/aws/lambda/{self.name}"
        )
        return [event["message"].rstrip("\n") for event in found["events"]]
