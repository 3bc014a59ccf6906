"""
The purge's settings, read once from the variables that its Terraform module sets.

Required: ``PG_…``, ``RETENTION_DAYS`` and ``PLAN``; with files in the plan ``BUCKET``, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from expiry.errors import SettingsError
from expiry.postgres.names import Relation
from expiry.postgres.settings import password_source, server
from expiry.settings import Variables
from soft_delete_purge.plan import Plan, Root

if TYPE_CHECKING:
    from expiry.postgres.connection import Server
    from expiry.postgres.settings import PasswordSource

BUCKET_VARIABLE = "BUCKET"
RETRY_VARIABLE = "RETRY_QUEUE_URL"
DEAD_LETTER_VARIABLE = "DEAD_LETTER_QUEUE_URL"
BUCKET_PATTERN = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
ACCOUNT_PATTERN = r"\d{12}"
URL_PATTERN = r"https?://[!-~]+"
NAME_PATTERN = r"[A-Za-z_]\w{0,63}"
METRIC_PATTERN = r"[A-Za-z][A-Za-z0-9_.-]{0,254}"
MOST_DAYS = 36_525

UNREAD = Plan(Root(Relation("", ""), "", ""))  # of settings that are refused as a whole

# What an operator may call otherwise, in the words of their story.
COUNTERS = (
    "ItemsProcessed",
    "ItemsFailed",
    "S3FilesDeleted",
    "ImagesOrphaned",
    "BricksReturned",
    "Duration",
)


class Transaction(StrEnum):
    """How many records go in one transaction."""

    RECORD = "record"  # one each: what fails, fails alone
    BATCH = "batch"  # many, bisected where one fails


@dataclass(frozen=True, slots=True)
class Settings:
    """What to purge, where, and how fast."""

    server: Server
    password: PasswordSource
    plan: Plan
    retention_days: int
    max_records: int = 100
    max_purge_percent: float = 20.0
    transaction: Transaction = Transaction.RECORD
    max_records_per_s: float = 0.0  # 0: no limit
    bucket: str | None = None
    bucket_owner_account_id: str | None = None  # None: the function's own account
    event_name: str = "moc.cleanup"
    correlation_key: str = "correlationId"  # under which an event bears the run's id
    retry_queue_url: str | None = None
    dead_letter_queue_url: str | None = None
    max_attempts: int = 3  # retries of a record, the first try not counted
    dry_run: bool = False
    clock_skew_s: int = 60
    metric_names: Mapping[str, str] = field(default_factory=dict)  # ours → the operator's
    metrics_namespace: str | None = None  # None: as metrics.json says

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """
        Parse the environment.

        Raises:
            SettingsError: Variables are missing or malformed; it names them all.
        """
        with Variables(env) as variables:
            plan = _plan(variables)
            return cls(
                server=server(variables),
                password=password_source(variables),
                plan=plan,
                **_limits(variables),
                **_places(variables, plan),
                event_name=variables.text("EVENT_NAME", "moc.cleanup", r"[!-~]{1,128}"),
                correlation_key=variables.text("CORRELATION_KEY", "correlationId", NAME_PATTERN),
                dry_run=variables.boolean("DRY_RUN", default=False),
                metric_names=_names(variables),
                metrics_namespace=variables.optional("METRICS_NAMESPACE", r"[^:][ -~]{0,254}"),
            )


def _plan(variables: Variables) -> Plan:
    text = variables.required("PLAN")
    try:
        return Plan.parse(text or "{}")
    except SettingsError as error:
        for problem in error.problems if text else ():
            variables.refuse(problem)
        return UNREAD


def _limits(variables: Variables) -> dict[str, Any]:
    least = variables.integer("MINIMUM_RETENTION_DAYS", 1, minimum=1, maximum=MOST_DAYS)
    variables.required("RETENTION_DAYS")
    days = variables.integer("RETENTION_DAYS", least, minimum=1, maximum=MOST_DAYS)
    if days < least:
        variables.refuse(f"RETENTION_DAYS is {days}, and MINIMUM_RETENTION_DAYS {least}")
    words = {str(each): each for each in Transaction}
    word = variables.text("TRANSACTION", Transaction.RECORD)
    if word not in words:
        variables.refuse(f"TRANSACTION must be {' or '.join(words)}, not {word!r}")
    return {
        "retention_days": days,
        "max_records": variables.integer("BATCH_SIZE", 100, minimum=1, maximum=1_000_000),
        "max_purge_percent": variables.number(
            "MAX_PURGE_PERCENT", 20.0, minimum=0.0, maximum=100.0
        ),
        "transaction": words.get(word, Transaction.RECORD),
        "max_records_per_s": variables.number(
            "MAX_RECORDS_PER_SECOND", 0.0, minimum=0.0, maximum=1_000_000.0
        ),
        "max_attempts": variables.integer("MAX_ATTEMPTS", 3, minimum=1, maximum=10),
        "clock_skew_s": variables.integer("CLOCK_SKEW_S", 60, minimum=0, maximum=86_400),
    }


def _places(variables: Variables, plan: Plan) -> dict[str, Any]:
    bucket = variables.optional(BUCKET_VARIABLE, BUCKET_PATTERN)
    if plan.files and bucket is None:
        variables.refuse(f"{BUCKET_VARIABLE} is not set, and PLAN.objects names files")
    return {
        "bucket": bucket,
        "bucket_owner_account_id": variables.optional("BUCKET_OWNER_ACCOUNT_ID", ACCOUNT_PATTERN),
        "retry_queue_url": variables.optional(RETRY_VARIABLE, URL_PATTERN),
        "dead_letter_queue_url": variables.optional(DEAD_LETTER_VARIABLE, URL_PATTERN),
    }


def _names(variables: Variables) -> dict[str, str]:
    text = variables.optional("METRIC_NAMES")
    try:
        names = json.loads(text or "{}")
    except ValueError as error:
        variables.refuse(f"METRIC_NAMES is no JSON: {error}")
        return {}
    if not isinstance(names, Mapping):
        variables.refuse(f"METRIC_NAMES must map {', '.join(COUNTERS)} to names")
        return {}
    for ours, theirs in names.items():
        if ours not in COUNTERS:
            variables.refuse(f"METRIC_NAMES has {ours!r} (known: {', '.join(COUNTERS)})")
        elif not isinstance(theirs, str) or not re.fullmatch(METRIC_PATTERN, theirs):
            variables.refuse(f"METRIC_NAMES.{ours} must match {METRIC_PATTERN}, not {theirs!r}")
    return dict(names)
