"""
The functions' settings, read once from the variables that their Terraform module sets.

Each function parses only what it uses: a function that sends interrupts knows no table.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self

from expiry.settings import Variables
from job_claims.layout import OWN

if TYPE_CHECKING:
    from collections.abc import Mapping

CLAIMS_VARIABLE = "ACTIVE_JOBS_TABLE"
INTERRUPTIONS_VARIABLE = "INTERRUPTIONS_TABLE"
DEAD_LETTERS_VARIABLE = "DEAD_LETTER_QUEUE_URL"

TABLE_PATTERN = r"[a-zA-Z0-9_.-]{3,255}"
NAME_PATTERN = r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,199}"
NAMESPACE_PATTERN = r"[\w.\-/#:]{1,255}"
DAY_S = 86_400
LEAST_LEASE_S = 120  # below, a lease is of the size of the clocks' skew and a cold start
MOST_LEASE_S = 7 * DAY_S
MOST_ATTRIBUTE_BYTES = 255


@dataclass(frozen=True, slots=True)
class Attributes:
    """What the table of active jobs calls a claim's attributes."""

    key: str = "projectUserId"
    container_id: str = "containerId"
    thread_id: str = "threadId"
    message_id: str = "messageId"
    claimed_at: str = "claimedAt"
    expires_at: str = "expiresAt"
    ttl: str = "ttl"
    fence: str = "fence"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """How often one key may be claimed anew; a refresh does not count."""

    claims: int  # 0: no limit
    window_s: int


@dataclass(frozen=True, slots=True)
class ClaimSettings:
    """What the functions on the table of active jobs need."""

    table: str
    attributes: Attributes
    lease_s: int
    clock_skew_s: int
    fence_retention_s: int
    rate: RateLimit

    @classmethod
    def of(cls, variables: Variables) -> Self:
        """Take the variables of the claims, with their defaults."""
        return cls(
            table=variables.required(CLAIMS_VARIABLE, TABLE_PATTERN),
            attributes=_attributes(variables),
            lease_s=variables.integer(
                "LEASE_SECONDS", 3_600, minimum=LEAST_LEASE_S, maximum=MOST_LEASE_S
            ),
            clock_skew_s=variables.integer("CLOCK_SKEW_SECONDS", 30, minimum=0, maximum=300),
            fence_retention_s=DAY_S
            * variables.integer("FENCE_RETENTION_DAYS", 7, minimum=1, maximum=365),
            rate=RateLimit(
                variables.integer("RATE_LIMIT_CLAIMS", 0, minimum=0, maximum=100_000),
                variables.integer("RATE_LIMIT_WINDOW_SECONDS", 60, minimum=1, maximum=DAY_S),
            ),
        )

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """
        Read the settings; every fault is named in one error.

        Raises:
            SettingsError: A variable is missing or malformed.
        """
        with Variables(env) as variables:
            return cls.of(variables)


@dataclass(frozen=True, slots=True)
class RecordSettings:
    """What the functions on the table of interruptions need."""

    table: str
    retention_s: int

    @classmethod
    def of(cls, variables: Variables) -> Self:
        """Take the variables of the records, with their defaults."""
        return cls(
            table=variables.required(INTERRUPTIONS_VARIABLE, TABLE_PATTERN),
            retention_s=DAY_S
            * variables.integer("INTERRUPTION_RETENTION_DAYS", 30, minimum=1, maximum=3_650),
        )

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read the settings; every fault is named in one SettingsError."""
        with Variables(env) as variables:
            return cls.of(variables)


@dataclass(frozen=True, slots=True)
class TimeoutSettings:
    """What the handling of a timeout needs: both tables, and where the message goes."""

    claims: ClaimSettings
    records: RecordSettings
    dead_letter_queue_url: str

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Read the settings; every fault is named in one SettingsError."""
        with Variables(env) as variables:
            return cls(
                ClaimSettings.of(variables),
                RecordSettings.of(variables),
                variables.required(DEAD_LETTERS_VARIABLE, r"https?://\S+"),
            )


@dataclass(frozen=True, slots=True)
class MetricSettings:
    """Where metrics go; all functions of one deployment share one dimension value."""

    deployment: str
    namespace: str | None  # None: that of metrics.json

    @classmethod
    def from_env(cls, env: Mapping[str, str], function_name: str) -> Self:
        """Read the settings; without ``DEPLOYMENT`` the function's own name stands for it."""
        with Variables(env) as variables:
            return cls(
                variables.text("DEPLOYMENT", function_name, NAME_PATTERN),
                variables.optional("METRICS_NAMESPACE", NAMESPACE_PATTERN),
            )


def _attributes(variables: Variables) -> Attributes:
    """Return the names of ``ATTRIBUTES``: a JSON object from our names to the application's."""
    text = variables.text("ATTRIBUTES", "{}")
    try:
        names: Any = json.loads(text)
    except ValueError:
        names = None
    known = {field.default: field.name for field in fields(Attributes)}
    if not isinstance(names, dict) or any(not _is_name(name) for name in names.values()):
        variables.refuse("ATTRIBUTES must be a JSON object of attribute names")
        return Attributes()
    if unknown := sorted(set(names) - set(known)):
        variables.refuse(f"ATTRIBUTES names {unknown}; known: {', '.join(map(str, known))}")
        return Attributes()
    chosen = Attributes(**{known[ours]: theirs for ours, theirs in names.items()})
    used = [getattr(chosen, field.name) for field in fields(Attributes)]
    if len(set(used)) < len(used):
        variables.refuse("ATTRIBUTES gives two attributes one name")
    if taken := sorted(OWN.intersection(used)):
        variables.refuse(f"ATTRIBUTES uses {', '.join(taken)}: the claims' own")
    return chosen


def _is_name(name: object) -> bool:
    return isinstance(name, str) and 0 < len(name.encode()) <= MOST_ATTRIBUTE_BYTES
