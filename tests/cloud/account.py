"""What a test holds of the embedded cloud: one account in one region."""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.cloud.process import Cloud

BIN = Path(__file__).with_name("bin")
SECRET = "test"  # noqa: S105 - the emulator's own, for every account


@dataclass(frozen=True, slots=True)
class Check:
    """One authorization decision that a call needed."""

    action: str  # as IAM names it: dynamodb:PartiQLDelete
    resource: str
    allowed: bool


@dataclass(frozen=True, slots=True)
class Call:
    """One API call, as the server saw it."""

    service: str
    operation: str  # as the API names it: BatchExecuteStatement
    action: str  # as IAM names it: dynamodb:PartiQLDelete
    resource: str  # an ARN where one can be told, else "*"
    principal: str
    status: int
    error: str  # the service's error code, "" when it succeeded
    time: float
    request: dict[str, Any] = field(default_factory=dict, compare=False)
    checks: tuple[Check, ...] = ()

    @property
    def role(self) -> str:
        """The name of the role that called, "" where it was none."""
        parts = self.principal.split(":assumed-role/")
        return parts[1].split("/")[0] if len(parts) > 1 else ""


@functools.cache
def session() -> Any:
    """Return the one session of all clients: a second would read the services' models again."""
    import boto3  # noqa: PLC0415 - not in the server's environment, and slow

    return boto3.Session()


class Account:
    """One account, seen with the eyes of its root user unless a role is named."""

    def __init__(self, cloud: Cloud, account_id: str, region: str = "eu-west-1") -> None:
        """Name an account; it is there as soon as it is used."""
        self.cloud = cloud
        self.id = account_id
        self.region = region

    def in_region(self, region: str) -> Account:
        """Return the same account in another region."""
        return Account(self.cloud, self.id, region)

    def env(self) -> dict[str, str]:
        """Return what Terraform, the AWS CLI and boto3 need in their environment."""
        return {
            "AWS_ENDPOINT_URL": self.cloud.endpoint_url,
            "AWS_ACCESS_KEY_ID": self.id,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_CA_BUNDLE": str(self.cloud.ca_bundle),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_PAGER": "",
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
        }

    def full_env(self) -> dict[str, str]:
        """Return the developer's environment without AWS settings, :meth:`env`, and our ``aws``."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        path = os.pathsep.join([str(BIN), kept.get("PATH", os.defpath)])
        return {**kept, **self.env(), "PATH": path}

    def client(self, service: str, *, role: str = "") -> Any:
        """Return a boto3 client, as root or as the *role* of that name."""
        from botocore.config import Config  # noqa: PLC0415 - not in the server's environment

        keys = self.keys(role) if role else {}
        make: Any = session().client  # typed by service name only; here it is a variable
        return make(
            service,
            aws_access_key_id=keys.get("AWS_ACCESS_KEY_ID", self.id),
            aws_secret_access_key=keys.get("AWS_SECRET_ACCESS_KEY", SECRET),
            aws_session_token=keys.get("AWS_SESSION_TOKEN"),
            region_name=self.region,
            endpoint_url=self.cloud.endpoint_url,
            verify=str(self.cloud.ca_bundle),
            config=Config(
                proxies={}, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}
            ),
        )

    def keys(self, role: str) -> dict[str, str]:
        """Return temporary credentials of the *role* of that name, whatever its trust policy."""
        keys: dict[str, str] = self._door("role-keys", role=role)
        return keys

    def grants(self, role: str) -> set[tuple[str, str]]:
        """Return what the role's policies allow: (action, resource) pairs, patterns as written."""
        return {
            (action, resource)
            for statement in self._door("grants", role=role)
            if statement["effect"] == "Allow"
            for action in statement["actions"]
            for resource in statement["resources"]
        }

    def used(self, role: str) -> set[tuple[str, str]]:
        """Return what the role's calls needed and got: (action, resource ARN) pairs."""
        return {
            (check.action, check.resource)
            for call in self.calls(role=role)
            for check in call.checks
            if check.allowed
        }

    def unused_grants(self, role: str) -> set[tuple[str, str]]:
        """Return the grants that no call has needed."""
        used = self.used(role)
        return {
            (action, resource)
            for action, resource in self.grants(role)
            if not any(fnmatchcase(a, action) and fnmatchcase(r, resource) for a, r in used)
        }

    def denied(self, role: str) -> set[tuple[str, str]]:
        """Return what the role's calls needed and did not get."""
        return {
            (check.action, check.resource)
            for call in self.calls(role=role)
            for check in call.checks
            if not check.allowed
        }

    def fire_schedule(self, name: str, group: str = "default") -> dict[str, Any]:
        """
        Deliver a schedule at once, as it was deployed, under its role.

        The report holds ``target``, ``role`` and ``input``, as read from the scheduler, and
        ``error`` (a code, "" when it was delivered).

        Raises:
            CloudError: There is no such schedule, or it is disabled.
        """
        report: dict[str, Any] = self._door("fire-schedule", name=name, group=group)
        return report

    def evaluate_alarms(self, at: float | None = None) -> dict[str, str]:
        """Evaluate the alarms as of *at* (epoch seconds, now by default); return their states."""
        states: dict[str, str] = self._door("evaluate-alarms", at=at)
        return states

    def sweep_ttl(self, at: float | None = None) -> dict[str, int]:
        """Remove what TTL would have by *at*; return the number of rows for each table."""
        counts: dict[str, int] = self._door("sweep-ttl", at=at)
        return counts

    def lapse_tasks(self, *, overall: bool = False) -> int:
        """
        Let the heartbeats of the tasks that wait for a token be over; return the tasks' number.

        With *overall* their whole time is over instead.
        """
        lapsed: int = self._door("lapse-tasks", overall=overall)
        return lapsed

    def scale_waits(self, scale: float) -> None:
        """Let what state machines wait for, Wait states and retries, take *scale* of its time."""
        self._door("scale-waits", scale=scale)

    def age_object(
        self, bucket: str, key: str, hours: float, *, upload_id: str = "", part: int = 0
    ) -> None:
        """
        Let an object, or the upload of that id with its parts, or one part, be *hours* older than
        now.
        """
        about = {"bucket": bucket, "key": key, "upload_id": upload_id, "part": part}
        self._door("age-object", hours=hours, **about)

    def logs(self, group: str) -> list[str]:
        """Return a log group's messages, oldest first; none when there is no such group."""
        client = self.client("logs")
        try:
            pages = client.get_paginator("filter_log_events").paginate(logGroupName=group)
            events = [event for page in pages for event in page["events"]]
        except client.exceptions.ResourceNotFoundException:
            return []
        return [event["message"] for event in sorted(events, key=lambda e: e["timestamp"])]

    # What was called

    def calls(self, *, role: str = "") -> list[Call]:
        """Return the calls since the account's start, or the last clearing, oldest first."""
        return [
            Call(**{**row, "checks": tuple(Check(**check) for check in row["checks"])})
            for row in self._door("calls", role=role)
        ]

    def clear_calls(self) -> None:
        """Forget the calls so far."""
        self._door("clear-calls")

    def _door(self, door: str, /, **arguments: Any) -> Any:
        return self.cloud.door(door, account=self.id, region=self.region, **arguments)
