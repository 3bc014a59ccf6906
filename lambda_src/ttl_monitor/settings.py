"""
The monitor's settings, read once from the variables that its Terraform module sets.

With only ``CHECKPOINT_TABLE_NAME`` and ``ENVIRONMENT`` set, everything else has a default.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from expiry.settings import Variables

if TYPE_CHECKING:
    from collections.abc import Mapping

TABLE_VARIABLE = "CHECKPOINT_TABLE_NAME"
ID_VARIABLE = "ITEM_ID_ATTRIBUTE"
BUCKET_VARIABLE = "EXPORT_BUCKET"

TABLE_PATTERN = r"[a-zA-Z0-9_.-]{3,255}"
BUCKET_PATTERN = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
WHOLE_TABLE_PERCENT = 100.0
LEAST_PERCENT = 0.003  # thirty segments of the million that DynamoDB allows


@dataclass(frozen=True, slots=True)
class Export:
    """Where a run's record goes."""

    bucket: str
    prefix: str  # empty, or ends in a slash


@dataclass(frozen=True, slots=True)
class Settings:
    """What to monitor, and at what cost."""

    table: str
    environment: str
    ttl_attribute: str
    item_id_attribute: str | None  # None: the table's hash key
    user_separator: str
    threads: int  # segments read at the same time
    sample_percent: float
    max_read_units_per_s: float  # 0: no limit
    clock_skew_s: int
    export: Export | None
    metrics_namespace: str | None  # None: as metrics.json says

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """
        Parse the environment.

        Raises:
            SettingsError: Variables are missing or malformed; it names them all.
        """
        with Variables(env) as variables:
            return cls(
                table=variables.required(TABLE_VARIABLE, TABLE_PATTERN),
                environment=variables.required("ENVIRONMENT"),
                ttl_attribute=variables.text("TTL_ATTRIBUTE", "expires_at"),
                item_id_attribute=variables.optional(ID_VARIABLE),
                user_separator=variables.text("USER_SEPARATOR", "#"),
                threads=variables.integer("SCAN_SEGMENTS", 4, minimum=1, maximum=64),
                sample_percent=variables.number(
                    "SAMPLE_PERCENT",
                    WHOLE_TABLE_PERCENT,
                    minimum=LEAST_PERCENT,
                    maximum=WHOLE_TABLE_PERCENT,
                ),
                max_read_units_per_s=variables.number(
                    "MAX_READ_UNITS_PER_SECOND", 0.0, minimum=0.0, maximum=math.inf
                ),
                clock_skew_s=variables.integer("CLOCK_SKEW_S", 60, minimum=0, maximum=86_400),
                export=_export(variables),
                metrics_namespace=variables.optional("METRICS_NAMESPACE", r"[^:][ -~]{0,254}"),
            )


def _export(variables: Variables) -> Export | None:
    bucket = variables.optional(BUCKET_VARIABLE, BUCKET_PATTERN)
    prefix = variables.text("EXPORT_PREFIX", "ttl-monitor/").strip("/")
    return Export(bucket, f"{prefix}/" if prefix else "") if bucket else None
